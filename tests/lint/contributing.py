#!/usr/bin/env python3
"""Refuses a contributor's page that has fallen behind: a path in it that is not there, a room that it does not show, a word
of its glossary that the sources do not use."""
import re
import sys
from pathlib import Path

import tree

PAGE = "contrib/CONTRIBUTING.md"
ROOMS = ("agent/", "alerts/", "checks/", "config/")
PATH = re.compile(r"(?<![\w./-])((?:agent|alerts|checks|config|contrib|tests)/[\w./-]*\w)")
WORD = re.compile(r"^\| ([a-z, ]+?) \| (?!means)", re.M)


def complaints(root):
    text = (Path(root) / PAGE).read_text()
    named = set(PATH.findall(text)) | set(re.findall(r"`([a-z]+)`", text))
    for path in sorted(set(PATH.findall(text))):
        if not (Path(root) / path).exists():
            yield f"{PAGE}: {path}: is not there"
    sources = {name: path.read_text(errors="replace") for name, path in tree.sources(root) if name.startswith(ROOMS)}
    for room in sorted({name.rpartition("/")[0] for name in sources} - {"agent"} - named):
        yield f"{PAGE}: {room}: a room that it does not show"
    everything = "\n".join(sources.values()).lower()
    for words in WORD.findall(text):
        for word in words.split(", "):
            if not re.search(r"\b" + word.replace(" ", "[ _]"), everything):
                yield f"{PAGE}: \"{word}\": no source uses this word"


if __name__ == "__main__":
    sys.exit(tree.report(complaints(sys.argv[1])))
