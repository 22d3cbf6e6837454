#!/usr/bin/env python3
"""The runbook that the program writes: a page for each finding and alert, with what to do, and no link that leads
nowhere. Pages are not committed; the one table that is, contrib/docs/findings.md, is what the program prints:
STSWATCH=build/stswatch tests/contrib/runbook_test.py --write
"""
import os
import re
import subprocess
import sys
import tempfile
import unittest
from html.parser import HTMLParser
from pathlib import Path

import yaml

from programs import CONTRIB, RULES, SECONDS

BINARY = os.environ.get("STSWATCH", "build/stswatch")
TABLE = CONTRIB / "docs" / "findings.md"
SECTIONS = ["What senders do", "What to check", "How to mend it", "When it is over"]


def explain(*arguments):
    return subprocess.run([BINARY, "explain", *arguments], capture_output=True, text=True, timeout=SECONDS,
                          check=True).stdout


def names():
    """Of what deserves a page: the catalogue's findings, and the alerts of the rules."""
    rules = yaml.safe_load(RULES.read_text())["groups"]
    return ([line.split()[0] for line in explain().splitlines()],
            {rule["alert"] for group in rules for rule in group["rules"] if "alert" in rule})


class Page(HTMLParser):
    """What a browser would make of it: texts by heading, links, and whether each element is closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.under, self.heading, self.faults = [], [], {}, "", []
        self.feed(text)
        self.close()
        self.faults += [tag for tag in self.open]

    def handle_starttag(self, tag, attributes):
        if tag != "meta":
            self.open.append(tag)
        if tag == "h2":
            self.heading = ""
        self.links += [value for name, value in attributes if name == "href"]

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data):
        if "h2" in self.open:
            self.heading += data
        else:
            self.under[self.heading] = self.under.get(self.heading, "") + data


def read_markdown(text):
    parts = re.split(r"^## (.*)\n", text, flags=re.MULTILINE)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return dict(zip(["", *parts[1::2]], parts[::2])), re.findall(r"\]\(([^)]*)\)", prose)


def read_html(text):
    page = Page(text)
    assert not page.faults, page.faults
    return page.under, page.links


class Runbook(unittest.TestCase):
    def test_a_command_that_a_text_names_can_be_given(self):
        """A fix that has waits leaves them to the planner: its subcommands and options are the program's."""
        named = set()
        for code in names()[0]:
            for command, rest in re.findall(r"stswatch ([a-z]+)((?: (?:DOMAIN|--[a-z-]+|[A-Z]+)\b)*)", " ".join(explain(code).split())):
                named.add((command, tuple(re.findall(r"--[a-z-]+", rest))))
        self.assertIn(("plan", ("--retire",)), named)
        self.assertIn(("plan", ("--mx",)), named)
        for command, options in sorted(named):
            with self.subTest(command=command, options=options):
                told = subprocess.run([BINARY, command, "--help"], capture_output=True, text=True, timeout=SECONDS)
                self.assertEqual(told.returncode, 0)
                for option in options:
                    self.assertRegex(told.stdout, rf"(?m)^\s+(?:-\w,)?{option}\b")

    def check(self, kind, ending, read):
        codes, alerts = names()
        with tempfile.TemporaryDirectory() as folder:
            explain("--all", f"--{kind}", folder)
            pages = {path.name.removesuffix(ending): path.read_text() for path in Path(folder).iterdir()}
        self.assertLessEqual({"index", *codes} | alerts, set(pages))
        _, linked = read(pages["index"])
        self.assertEqual(sorted(linked), sorted(name + ending for name in pages if name != "index"))
        for name, text in pages.items():
            with self.subTest(name):
                under, links = read(text)
                if name != "index":
                    self.assertEqual([title for title in under if title in SECTIONS], SECTIONS)
                    self.assertGreater(min(len(under[title].strip()) for title in SECTIONS), 5)
                for link in links:
                    outside = link.startswith("https://www.rfc-editor.org/rfc/rfc")
                    self.assertTrue(outside or link.removesuffix(ending) in pages and link.endswith(ending), link)

    def test_markdown(self):
        self.check("markdown", ".md", read_markdown)

    def test_html(self):
        self.check("html", ".html", read_html)


class Committed(unittest.TestCase):
    def test_the_table_of_findings_is_the_programs(self):
        self.assertEqual(TABLE.read_text(), explain("--all", "--table"), "run this with --write")
        rows = re.findall(r'^\| <a id="([^"]+)"></a>', TABLE.read_text(), re.MULTILINE)
        self.assertEqual(rows, names()[0])

    def test_no_generated_page_is(self):
        codes, alerts = names()
        pages = {f"{name}{ending}" for name in [*codes, *alerts] for ending in (".md", ".html")}
        kept = [path for path in CONTRIB.rglob("*") if path.name in pages or path.parent.name == "runbook"]
        self.assertEqual(kept, [], "the program writes these: stswatch explain --all --markdown DIR")


if __name__ == "__main__":
    TABLE.write_text(explain("--all", "--table")) if sys.argv[1:] == ["--write"] else unittest.main()
