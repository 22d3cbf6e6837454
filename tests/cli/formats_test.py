"""contrib/docs/formats.md names every key that a command prints as JSON, and every one of a saved look."""
import json
import re
import unittest
from pathlib import Path

from harness import Case

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "contrib/docs/formats.md").read_text()
NAMED = set(re.findall(r"`(\w+)`", PAGE)) | set(re.findall(r'"(\w+)"', PAGE))
WORLDS = [json.loads(line)["input"] for line in (ROOT / "tests/vectors/world.jsonl").read_text().splitlines()]
LINTED = (("sts-record", "v=STSv1; id=1; ext=x"), ("sts-record", "v=STSv2"), ("tlsrpt-record", "v=TLSRPTv1; rua=mailto:a@b.example"),
          ("mx", "a.example", "*.example"), ("tlsa", "3 1 1 " + "ab" * 32))


def keys(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)


class Formats(Case):
    def all_named(self, what, document, but=()):
        with self.subTest(what):
            found = set(keys(document)) - set(but)
            self.assertGreater(len(found), 0)
            self.assertEqual(found - NAMED, set())

    def test_what_lint_prints(self):
        for words in LINTED:
            self.all_named(words, json.loads(self.run_it("lint", *words, "--json").stdout))
        policy = self.file("policy", "version: STSv1\nmode: testing\nmx: a.example\nmax_age: 86400\nx: y\n")
        self.all_named("policy", json.loads(self.run_it("lint", "policy", policy, "--json").stdout))

    def test_what_lint_prints_of_reports(self):
        details = {"result-type": "certificate-expired", "sending-mta-ip": "192.0.2.1", "receiving-mx-hostname": "mx.a.example",
                   "failed-session-count": 1}
        report = {"organization-name": "O", "report-id": "1", "contact-info": "a@b.example",
                  "date-range": {"start-datetime": "2026-12-01T00:00:00Z", "end-datetime": "2026-12-01T23:59:59Z"},
                  "policies": [{"policy": {"policy-type": "sts", "policy-domain": "a.example", "policy-string": [], "mx-host": []},
                                "summary": {"total-successful-session-count": 1, "total-failure-session-count": 1},
                                "failure-details": [details]}]}
        for what, text in (("report", json.dumps(report)), ("no report", "{}")):
            file = self.file("report.json", text)
            document = json.loads(self.run_it("lint", "tlsrpt-report", file, "--json").stdout)
            self.all_named(what, document, but=document.get("by_result_type", {}))

    def test_worlds_simulations_and_plans(self):
        goal = self.file("goal", '{"mx": null, "policy": null, "record": "absent"}')
        for number, world in enumerate(WORLDS):
            file = self.file(f"world{number}", json.dumps(world))
            self.all_named(f"world {number}", world)
            self.all_named(f"simulate {number}", json.loads(self.run_it("simulate", "--world", file, "--json").stdout))
            self.all_named(f"plan {number}", json.loads(self.run_it("plan", "--world", file, "--goal", goal, "--json").stdout))

    def test_saved_looks(self):
        """By the one description of them, which a look has parts of."""
        described = set(re.findall(r'\bv(?:\.\w+)?\("(\w+)"', (ROOT / "agent/remember/saved_fields.h").read_text()))
        self.assertGreater(len(described), 100)
        self.assertEqual(described - NAMED, set())
        for look in (ROOT / "tests/scenarios/golden/looks").glob("*.json"):
            self.all_named(look.name, json.loads(look.read_text()))

    def test_what_commands_put_together(self):
        """Those that need servers or a store, by their source."""
        for name in ("history", "generate", "store", "plan", "lint", "lint_tlsa"):
            written = set(re.findall(r'\{"(\w+)", ', (ROOT / f"agent/commands/{name}.cc").read_text()))
            with self.subTest(name):
                self.assertEqual({key for key in written if key.islower()} - NAMED, set())

    def test_what_webhooks_and_incidents_have(self):
        """By their source, each held against its own page."""
        for source, begin, page in (("alerts/render.cc", "Json webhook_json", "contrib/docs/operate.md"),
                                    ("agent/tell/api.cc", "Json incidents_of", "contrib/api.md")):
            text = (ROOT / source).read_text()
            body = text[text.index(begin):]
            body = body[:body.index("\n}\n")]
            written = set(re.findall(r'(?:\{|\[|vantages\()"(\w+)"[],]', body))
            named = set(re.findall(r"[`\"](\w+)[`\"]", (ROOT / page).read_text()))
            with self.subTest(source):
                self.assertLess({"seen_from", "not_seen_from", "severity"}, written)
                self.assertEqual(written - named, set())


if __name__ == "__main__":
    unittest.main()
