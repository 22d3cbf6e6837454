#!/usr/bin/python3
"""contrib/api.md against the service: its requests as they stand there, the keys of its answers in both directions, and
its table against the routes of the server. Within the lab, which must be up; STSWATCH names the program."""
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/cli"))
from harness import SECONDS, Service, free_port, get, post  # noqa: E402

CA_FILE = Path(os.environ.get("STSWATCH_LAB_DIR", "/tmp/stswatch-lab"), "ca.pem").resolve()
PAGE = (ROOT / "contrib/api.md").read_text()
ADDRESS = "127.0.0.1:9461"
NAME = "expired-mx.test"
# Between them they show every part of an answer.
DOMAINS = (NAME, "late-renewal.test", "misspelt.test", "markup.test")
CONFIG = f"""
[agent]
state = ":memory:"
[schedule]
confirm_after = "1s"
confirmations = 1
[dns]
servers = ["127.0.53.2:53"]
[network]
ca_file = "{CA_FILE}"
allow_private = true
[badge]
allow = ["*.test"]
""" + "".join(f'[[domain]]\nname = "{name}"\n' for name in DOMAINS)
# A request, and the answer that stands below it, if any.
EXAMPLE = re.compile(r"^    (curl [^\n]*)\n(?:\n```(json)?\n(.*?)\n```)?", re.MULTILINE | re.DOTALL)
ELSEWHERE = "…"                                     # the key of an object that is documented elsewhere
ROUTE_IN_CODE = re.compile(r'(server_\.Get|\btakes_post|\basset|\bform)\(\s*(?:R"\((.*?)\)"|"(.*?)")\s*,')


def routes_in_code():
    source = (ROOT / "agent/tell/http.cc").read_text()
    for call, pattern, plain in ROUTE_IN_CODE.findall(source):
        path = re.sub(r"\(\\\.md\)\?$", "", pattern) if pattern else plain
        yield ("POST " if call in ("takes_post", "form") else "GET ") + re.sub(r"\(\[.*?\}\)", "NAME", path).replace(r"\.", ".")


def routes_documented():
    return re.findall(r"^\| `((?:GET|POST) \S+)` \|", PAGE, re.MULTILINE)


def keys(value, at=""):
    """Every path to a key in it; elements of an array are one. Objects documented elsewhere end in their mark."""
    if isinstance(value, list):
        return {path for element in value for path in keys(element, at + "[]")}
    if isinstance(value, dict):
        return {path for key, inner in value.items() for path in ({f"{at}.{key}"} | keys(inner, f"{at}.{key}"))}
    return set()


def kinds(value, at=""):
    """{path: types found there, but null}"""
    found = {}
    inside = [(at + "[]", v) for v in value] if isinstance(value, list) else [
        (f"{at}.{key}", v) for key, v in value.items()] if isinstance(value, dict) else []
    for path, inner in inside:
        if inner is not None:
            found.setdefault(path, set()).add(type(inner).__name__)
        for deeper, names in kinds(inner, path).items():
            found.setdefault(deeper, set()).update(names)
    return found


class Api(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not CA_FILE.exists():
            raise AssertionError(f"{CA_FILE} is not there: run this by tests/lab/lab exec")
        folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        (folder / "c.toml").write_text(CONFIG)
        cls.port = free_port()
        cls.service = cls.enterClassContext(Service("--log-format", "json", "--config", "c.toml", "--listen",
                                                    f"127.0.0.1:{cls.port}", port=cls.port, folder=folder))
        cls.wait_for("all domains", lambda: len(found := cls.json("domains")) == len(DOMAINS) and not any(
            domain["status"] == "unknown" for domain in found))
        cls.wait_for("a finding", lambda: any(
            finding["code"] == "certificate-expired" for finding in cls.json(f"domains/{NAME}")["findings"]))
        # Its hosts are looked at after its policy, which by itself is critical already.
        cls.wait_for("a forecast", lambda: all(
            cls.json("domains/late-renewal.test")["forecast"][end] for end in ("breakage", "degradation")))

    @classmethod
    def wait_for(cls, what, is_so):
        end = time.monotonic() + SECONDS
        while not is_so():
            if time.monotonic() > end:
                raise AssertionError(f"waited {SECONDS} s for {what}: {cls.service.said()}")
            time.sleep(0.1)

    @classmethod
    def json(cls, path):
        return json.loads(get(cls.port, f"/api/v1/{path}")[1])

    def ask(self, command):
        self.assertIn(ADDRESS, command)
        words = shlex.split(command.replace(ADDRESS, f"127.0.0.1:{self.port}"))
        done = subprocess.run([*words, "--silent", "--show-error", "--fail", "--max-time", "8"], capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 0, f"{command}: {done.stderr}")
        return done.stdout

    def test_every_request_is_answered_as_it_says(self):
        examples = EXAMPLE.findall(PAGE)
        self.assertGreater(len(examples), 9)
        for command, kind, answer in examples:
            with self.subTest(command):
                got = self.ask(command)
                if kind == "json":
                    self.compare(json.loads(answer), json.loads(got))
                else:
                    for line in answer.splitlines():
                        self.assertIn(line, got.splitlines())

    def compare(self, documented, answered):
        """Both ways; of a domain's answer what another domain shows counts too (a change, a degradation)."""
        if isinstance(answered, dict):
            answered, documented = [self.json(f"domains/{name}") for name in DOMAINS], [documented]
            answered[0]["history"] = answered[0]["history"] or self.a_change()
        elsewhere = {path.removesuffix("." + ELSEWHERE) for path in keys(documented) if path.endswith(ELSEWHERE)}

        def here(paths):
            return {path for path in paths if not any(path.startswith(f"{at}.") for at in elsewhere)}
        wanted, found = here(keys(documented)), here(keys(answered))
        self.assertEqual((sorted(wanted - found), sorted(found - wanted)), ([], []), "(not answered, not documented)")
        shown = kinds(answered)
        for path, names in kinds(documented).items():
            if path in here({path}) and path in shown:
                self.assertLessEqual(names, shown[path], path)

    def a_change(self):
        """Of a domain of this lab that is moved."""
        import live
        with live.Live() as lab:
            lab.set_txt(DOMAINS[1], "_mta-sts", ["v=STSv1; id=2;"])

            def changed():
                post(self.port, f"/api/v1/domains/{DOMAINS[1]}/check")
                return self.json(f"domains/{DOMAINS[1]}")["history"]
            self.wait_for("a change", changed)
            return self.json(f"domains/{DOMAINS[1]}")["history"]

    def test_the_log_says_what_opened_in_fields(self):
        finding = next(f for f in self.json(f"domains/{NAME}")["findings"] if f["code"] == "certificate-expired")
        lines = [json.loads(line) for line in self.service.said().splitlines()]
        opened = [line for line in lines if (line["event"], line.get("domain"), line.get("code")) == (
            "finding-opened", NAME, "certificate-expired")]
        self.assertEqual({line["subject"] for line in opened}, {finding["subject"]})
        self.assertLessEqual({line["level"] for line in opened}, {"error", "warning"})
        self.assertIn({"page": "error", "ticket": "warning"}[finding["route"]], [line["level"] for line in lines if (
            line.get("domain"), line.get("code"), line.get("subject")) == (NAME, finding["code"], finding["subject"])])

    def test_a_badge_says_what_the_answer_says(self):
        for name in DOMAINS:
            with self.subTest(name):
                status, picture = get(self.port, f"/badge/{name}.svg")
                self.assertEqual(status, 200, picture)
                said = re.search(rf'aria-label="MTA-STS of {re.escape(name)}: (?:\w+, )?(\w+)"', picture)
                self.assertEqual(said and said[1], self.json(f"domains/{name}")["status"], picture)

    def test_every_route_is_documented_and_none_that_is_not_there(self):
        served, documented = list(routes_in_code()), routes_documented()
        self.assertGreater(len(served), 15)
        self.assertEqual(sorted(served), sorted(documented))

    def test_every_route_that_is_documented_answers(self):
        for route in routes_documented():
            with self.subTest(route):
                method, path = route.split()
                path = path.replace("NAME", "certificate-expired" if "runbook" in path else NAME)
                status, body = (get if method == "GET" else post)(self.port, path)
                self.assertNotIn("no such page", body)
                self.assertLess(status, 500)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tests/lab"))
    unittest.main()
