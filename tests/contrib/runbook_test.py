#!/usr/bin/env python3
"""contrib/runbook holds the pages that the program has, no more and no fewer. After a change of the catalogue:
STSWATCH=build/stswatch tests/contrib/runbook_test.py --write
"""
import os
import subprocess
import sys
import unittest

import yaml

from programs import CONTRIB, RULES, SECONDS

BINARY = os.environ.get("STSWATCH", "build/stswatch")
RUNBOOK = CONTRIB / "runbook"


def explain(*arguments):
    return subprocess.run([BINARY, "explain", *arguments], capture_output=True, text=True, timeout=SECONDS,
                          check=True).stdout


def pages():
    rules = yaml.safe_load(RULES.read_text())["groups"]
    names = [line.split()[0] for line in explain().splitlines()]
    names += [rule["alert"] for group in rules for rule in group["rules"] if "alert" in rule]
    return {f"{name}.md": explain(name, "--markdown") for name in names}


class Runbook(unittest.TestCase):
    def test_the_pages_are_those_of_the_program(self):
        expected = pages()
        kept = {path.name: path.read_text() for path in RUNBOOK.iterdir()}
        self.assertGreater(len(expected), 170)
        self.assertEqual(sorted(kept), sorted(expected), "run this with --write")
        for name, text in expected.items():
            self.assertEqual(kept[name], text, f"{name}: run this with --write")


def write():
    RUNBOOK.mkdir(exist_ok=True)
    for path in RUNBOOK.glob("*.md"):
        path.unlink()
    for name, text in pages().items():
        (RUNBOOK / name).write_text(text)


if __name__ == "__main__":
    write() if sys.argv[1:] == ["--write"] else unittest.main()
