#!/usr/bin/env python3
"""Refuses a citation of the project's own pages that leads nowhere: `RULES 5.7` is a heading of contrib/docs/rules.md."""
import re
import sys
from pathlib import Path

import tree

PAGES = {"RULES": "rules.md", "CONTRACT": "interface.md", "FACTS": "measured.md"}
CITED = re.compile(r"\b(" + "|".join(PAGES) + r") (\d+(?:\.\d+)?)\b")
OUTSIDE = re.compile(r"\b(?:RULES|CONTRACT|DESIGN|FACTS)\.md\b|\bDESIGN \d")
HEADING = re.compile(r"^#+ (\d+(?:\.\d+)?)\b", re.M)


def headings(root):
    """{page: numbers of its headings}"""
    return {word: set(HEADING.findall((Path(root) / "contrib" / "docs" / name).read_text())) for word, name in PAGES.items()}


def complaints(root):
    known = headings(root)
    for name, path in tree.files(root):
        if name == "tests/lint/citations.py" or not name.endswith((".h", ".cc", ".py", ".md", ".txt", ".toml", ".yml")):
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            for word, section in CITED.findall(line):
                if section not in known[word]:
                    yield f"{name}:{number}: {word} {section}: no such section in contrib/docs/{PAGES[word]}"
            if found := OUTSIDE.search(line):
                yield f"{name}:{number}: {found[0]}: not a page of this repository"


if __name__ == "__main__":
    sys.exit(tree.report(complaints(sys.argv[1])))
