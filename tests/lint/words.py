#!/usr/bin/env python3
"""Refuses words that have no place here: paths of the machine a file was written on, blocking calls without a deadline."""
import os
import re
import sys
from pathlib import Path

import tree

CODE = tree.SOURCES
BLOCKING = {
    re.compile(r"\b(getaddrinfo|gethostbyname\w*|res_n?query)\s*\("): "has no deadline: ask the Resolver",
    re.compile(r"\bsleep_(for|until)\b"): "cannot be cut short, and makes tests slow or flaky: wait on a condition",
}
# In two parts, so that this file does not refuse itself.
HOMES = re.compile(r"(?<![\w.])/(" + "wo" + r"rk|ho" + r"me/\w+|ro" + r"ot|Us" + r"ers/\w+)/")


def places(root):
    """Patterns of paths that only this machine has."""
    yield HOMES
    for path in {str(Path(root).resolve()), os.environ.get("HOME", "")}:
        if path.count("/") > 1:
            yield re.compile(re.escape(path) + r"(?!\w)")


def without_comment(line):
    return line.split("//")[0]


def complaints(root):
    machine = list(places(root))
    for name, path in tree.files(root):
        try:
            lines = path.read_text().splitlines()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(lines, 1):
            for pattern in machine:
                if found := pattern.search(line):
                    yield f"{name}:{number}: {found[0]}: a path of one machine"
            if not name.endswith(CODE):
                continue
            for pattern, why in BLOCKING.items():
                if found := pattern.search(without_comment(line)):
                    yield f"{name}:{number}: {found[0].rstrip('( ')}: {why}"


if __name__ == "__main__":
    sys.exit(tree.report(complaints(sys.argv[1])))
