#!/usr/bin/env python3
"""The manual is true: links lead somewhere, its example configurations are valid, and every option of the configuration and
of the command line has its place in it."""
import http.server
import json
import os
import re
import tempfile
import threading
import time
import unittest
from pathlib import Path

from programs import CONTRIB, ROOT, SECONDS, run, with_own_files

BINARY = Path(os.environ.get("STSWATCH", "build/stswatch")).resolve()
DOCS = CONTRIB / "docs"
PAGES = sorted([ROOT / "README.md", *CONTRIB.glob("*.md"), *DOCS.glob("*.md"), *(ROOT / "tests").rglob("*.md")])


def headings(text):
    """Anchors as code hosts make them of headings."""
    return {re.sub(r"[^\w\- ]", "", line.lower()).strip().replace(" ", "-") for line in re.findall(r"^#+ +(.*)$", text, re.M)}


def examples(page):
    """[(line, text)] of the fenced TOML in a page."""
    text = page.read_text()
    return [(text.count("\n", 0, m.start()) + 1, m[1]) for m in re.finditer(r"^```toml\n(.*?)^```$", text, re.M | re.S)]


class Links(unittest.TestCase):
    def test_each_leads_somewhere(self):
        seen = 0
        for page in PAGES:
            for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
                if re.match(r"[a-z]+:", target):
                    continue
                seen += 1
                path, _, anchor = target.partition("#")
                file = (page.parent / path) if path else page
                with self.subTest(f"{page.relative_to(ROOT)}: {target}"):
                    self.assertTrue(file.exists())
                    if anchor:
                        self.assertIn(anchor, headings(file.read_text()))
        self.assertGreater(seen, 20)

    def test_each_page_can_be_found(self):
        """Every page of the manual is linked from another one."""
        linked = {(page.parent / t.partition("#")[0]).resolve() for page in PAGES
                  for t in re.findall(r"\]\(([^)\s:]+)\)", page.read_text())}
        for page in DOCS.glob("*.md"):
            if page.name not in ("rules.md", "interface.md", "measured.md"):     # cited by the sources instead
                with self.subTest(page.name):
                    self.assertIn(page.resolve(), linked)


class Examples(unittest.TestCase):
    def test_configurations_are_valid(self):
        found = [(page, line, text) for page in PAGES for line, text in examples(page)]
        self.assertGreaterEqual(len(found), 5)
        for page, line, text in found:
            with self.subTest(f"{page.relative_to(ROOT)}:{line}"), tempfile.TemporaryDirectory() as folder:
                for name in re.findall(r'"([\w-]+\.txt)"', text):                # lists of domains beside it
                    Path(folder, name).write_text("example.com\n")
                config = Path(folder, "stswatch.toml")
                config.write_text(with_own_files(text, folder))
                done = run(BINARY, "config", "check", config)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertNotIn("names no domain", done.stdout)

    def test_commands_exist(self):
        """`stswatch WORD` in a page's indented or fenced code is a command of the program."""
        known = set(re.findall(r"^  ([a-z]+) ", run(BINARY, "--help").stdout.partition("Subcommands:")[2], re.M))
        self.assertIn("check", known)
        for page in DOCS.glob("*.md"):
            for word in re.findall(r"(?m)^(?: {4}|\$ |sudo )\s*(?:sudo )?(?:-u stswatch )?stswatch ([a-z]+)", page.read_text()):
                with self.subTest(page.name, word=word):
                    self.assertIn(word, known)


    def test_the_look_of_the_readme_is_what_is_printed(self):
        text = re.sub(r"(?m)^ {4}", "", re.search(r"(?m)^    \$ build/stswatch (.*\n(?:    .*\n)+)", (ROOT / "README.md").read_text())[1])
        command, _, told = text.removesuffix("...\n").partition("\n")
        self.assertGreater(told.count("\n"), 5)
        self.assertTrue(run(BINARY, *(ROOT / word if "/" in word else word for word in command.split())).stdout.startswith(told), told)


class Log(unittest.TestCase):
    def test_every_event_is_named(self):
        """Those of the sources; what they are made of at run time is there whole besides."""
        sources = "".join(path.read_text() for path in (ROOT / "agent").rglob("*.cc"))
        events = {word for pair in re.findall(r'\.event =\s*(?:\w+ \? )?"([a-z-]+)"(?: : "([a-z-]+)")?', sources) for word in pair}
        events |= set(re.findall(r'say\("([a-z-]+)"', sources))
        events |= {f"finding-{how}" for how in ("opened", "worse", "better", "closed")}
        events -= {"", "finding-"}
        self.assertGreater(len(events), 30)
        text = re.search(r"`event` is one of: (.*?)\.\n", (DOCS / "stswatch.1.md").read_text(), re.S)[1]
        self.assertEqual(events - set(re.findall(r"[a-z]+(?:-[a-z]+)*", text)), set())


class Webhook(unittest.TestCase):
    def test_the_verifying_example_verifies(self):
        page = {}
        exec(re.search(r"^```python\n(.*?)^```$", (DOCS / "operate.md").read_text(), re.M | re.S)[1], page)
        taken = []

        class Receiver(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                taken.append((self.headers, self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Receiver) as server, tempfile.TemporaryDirectory() as folder:
            server.timeout = SECONDS
            thread = threading.Thread(target=server.handle_request, daemon=True)
            thread.start()
            secret = Path(folder, "secret")
            secret.write_text("open sesame\n")
            secret.chmod(0o600)
            config = Path(folder, "stswatch.toml")
            config.write_text(f'[[domain]]\nname = "example.com"\n[[alerts.webhook]]\nname = "hook"\n'
                              f'url = "http://127.0.0.1:{server.server_port}/"\nhmac_secret_file = "{secret}"\n')
            done = run(BINARY, "alerts", "test", "--config", config)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            thread.join(SECONDS)
        headers, body = taken[0]
        for field in re.findall(r"`(\w+)`", re.search(r"with the fields (.*?) and more", (DOCS / "operate.md").read_text(), re.S)[1]):
            if field not in ("new", "worse", "better", "reminder", "resolved"):
                self.assertIn(field, json.loads(body))
        genuine = page["genuine"]
        self.assertTrue(genuine(headers, body, b"open sesame"))
        self.assertFalse(genuine(headers, body + b" ", b"open sesame"))
        self.assertFalse(genuine(headers, body, b"sesame"))
        self.assertFalse(genuine(headers, body, b"open sesame", lambda: time.time() + 301))


def options():
    """{table: its keys} as the sources of the configuration's reader name them."""
    text = "".join(path.read_text() for path in sorted((ROOT / "config").glob("sections*.cc")))
    keys = {}
    for name, body in re.findall(r"\n(?:void|std::optional<DomainConfig>) (\w+)\(TableReader& r.*?\{\n(.*?)\n\}\n", text, re.S):
        keys[name] = set(re.findall(r'\b(?:read\w*)\((?:\w+, )?"(\w+)"', body)) | set(re.findall(r'read_word\(\s*"(\w+)"', body))
    return keys


class Complete(unittest.TestCase):
    def test_every_option_of_the_configuration(self):
        manual = (DOCS / "stswatch.toml.5.md").read_text()
        found = options()
        self.assertGreater(sum(map(len, found.values())), 50, "config/sections.cc is written otherwise now")
        for table, keys in found.items():
            for key in keys:
                with self.subTest(table, key=key):
                    self.assertRegex(manual, rf"`{key}\b")

    def test_every_key_of_the_example(self):
        manual = (DOCS / "stswatch.toml.5.md").read_text()
        for key in re.findall(r"^(?:# )?(\w+) = ", (ROOT / "config" / "example.toml").read_text(), re.M):
            with self.subTest(key):
                self.assertRegex(manual, rf"`{key}\b")

    def test_defaults_are_those_of_the_example(self):
        example = dict(re.findall(r"^(\w+) = (\S+?|\".*?\")(?:\s+#.*)?$", (ROOT / "config" / "example.toml").read_text(), re.M))
        told = re.findall(r"`(\w+) = ([^`]+)`", (DOCS / "stswatch.toml.5.md").read_text())
        self.assertGreater(len(told), 30)
        for key, value in told:
            if key in example and key not in ("expect", "labels", "name"):       # these show a use
                with self.subTest(key):
                    self.assertEqual(value, example[key])

    def test_every_metric(self):
        tell = ROOT / "agent" / "tell"
        names = re.findall(r'MetricInfo\{\s*"(\w+)"', (tell / "families.h").read_text())
        names += re.findall(r'kLook\w+ = "(\w+)"', (tell / "metrics.h").read_text())
        names += re.findall(r'"(process_\w+)"', (tell / "metrics_agent.cc").read_text())
        self.assertGreater(len(names), 50, "the table of metrics is written otherwise now")
        told = re.findall(r"^\| `(\w+)` \|", (DOCS / "metrics.md").read_text(), re.M)
        self.assertEqual(sorted(told), sorted(names))

    def test_every_command_and_flag(self):
        manual = (DOCS / "stswatch.1.md").read_text()
        pending, seen = [()], 0
        while pending:
            words = pending.pop()
            text = run(BINARY, *words, "--help").stdout
            if words:
                seen += 1
                self.assertIn(" ".join(words), manual)
            for flag in re.findall(r"^\s+(?:-\w,)?(--[a-z-]+)", text, re.M):
                with self.subTest(" ".join(words), flag=flag):
                    self.assertIn(f"`{flag}", manual.replace("`stswatch run --config`", "`--config`"))
            pending += [(*words, word) for word in re.findall(r"^  ([a-z]+) ", text.partition("Subcommands:")[2], re.M)]
        self.assertGreater(seen, 15)


class Security(unittest.TestCase):
    """SECURITY.md names constants that are there, and cases that test them."""

    def setUp(self):
        self.page = (CONTRIB / "SECURITY.md").read_text()

    def test_each_constant(self):
        sources = "\n".join(p.read_text() for room in ("agent", "alerts", "checks", "config") for p in (ROOT / room).rglob("*.[ch]*"))
        names = set(re.findall(r"`(k[A-Z]\w+)`", self.page))
        self.assertGreater(len(names), 50)
        for name in names:
            with self.subTest(name):
                self.assertTrue(re.search(rf"constexpr [^;]*\b{name}\b", sources), "no such constant")

    def test_each_row_has_a_case(self):
        """A bound without a test is a wish: the last column names one, or "the same" as the row above."""
        rows = re.findall(r"^\| (?!what \||---)(.+) \|$", self.page.partition("## What a client may cost")[2], re.M)
        self.assertGreater(len(rows), 50)
        for row in rows:
            what, *_, test = row.split(" | ")
            with self.subTest(what):
                self.assertRegex(test, r'^the same\b|`\w+/\w+`: "|`tests/[\w/.]+`')

    def test_each_file(self):
        for path in set(re.findall(r"`(tests/[\w/]+\.\w+)`", self.page)) - {"tests/ROOM/NAME.cc"}:
            with self.subTest(path):
                self.assertTrue((ROOT / path).exists())

    def test_each_case(self):
        """`ROOM/FILE_test`: "the beginning of its name"."""
        seen = 0
        for file, cases in re.findall(r'`(\w+/\w+_test)`: ("[^|`]+")', self.page):
            text = "".join(p.read_text() for p in (ROOT / "tests").glob(file + ".*"))
            for case in re.findall(r'"([^"]+)"', cases):
                seen += 1
                with self.subTest(file, case=case):
                    begins = rf'TEST_CASE\(\s*"{re.escape(case)}|def test_{re.escape(case.replace(" ", "_"))}'
                    self.assertTrue(re.search(begins, text), "no such case")
        self.assertGreater(seen, 60)


if __name__ == "__main__":
    unittest.main()
