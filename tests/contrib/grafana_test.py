#!/usr/bin/env python3
"""Every query of the dashboard and every rule, run by a real Prometheus on real expositions, comes to something.

Three targets are scraped: the exposition that the unit tests hold (with the families that are still to come), the same
as state_sets = "current" has it, and the service itself, which is asked for OpenMetrics. STSWATCH names the program.
"""
import gzip
import http.server
import json
import re
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from programs import CONTRIB, ROOT, RULES, Daemon, run, until

sys.path.insert(0, str(ROOT / "tests" / "cli"))
from harness import BINARY, NOBODY, Service, free_port  # noqa: E402

DASHBOARD = json.loads((CONTRIB / "grafana" / "stswatch.json").read_text())
VARIABLES = {"$instance": ".*", "$domain": "example.net", "$__rate_interval": "20s", "${datasource}": "prometheus"}
PROMETHEUS = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: stswatch
    static_configs: [{{targets: ["127.0.0.1:{kept}", "127.0.0.1:{current}", "127.0.0.1:{live}"]}}]
"""
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def families(text):
    """Of a text exposition: name of the family -> its lines."""
    out = {}
    for line in text.splitlines():
        if found := re.match(r"# HELP (\S+)", line):
            lines = out.setdefault(found[1], [])
        if not line.startswith("#") or " HELP " in line or " TYPE " in line:
            lines.append(line)
    return out


def kept_exposition():
    tests = ROOT / "tests"
    coming = families((tests / "contrib" / "coming.txt").read_text().partition("\n")[2])
    return "".join(line + "\n" for family in (coming | families((tests / "tell" / "exposition.txt").read_text())).values()
                   for line in family)


STATES = ("stswatch_domain_status", "stswatch_domain_mode", "stswatch_live_mode", "stswatch_outcome", "stswatch_mx_outcome",
          "stswatch_drift_events_total")


def current_exposition():
    """The kept one with state_sets = "current": no state that is not so, no change that never was."""
    return "".join(line + "\n" for line in kept_exposition().splitlines()
                   if not (line.startswith(tuple(name + "{" for name in STATES)) and line.endswith(" 0")))


class Kept(http.server.ThreadingHTTPServer):
    """Serves one text at every path."""
    daemon_threads = True

    def __init__(self, text):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.serve_forever)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.thread.join()
        self.server_close()


def start_service(case, folder):
    """A service whose resolver does not answer, for the time of a test class; its port."""
    config = Path(folder, "stswatch.toml")
    config.write_text(f'[agent]\nstate = ":memory:"\n[dns]\nservers = ["{NOBODY}"]\n[[domain]]\nname = "example.com"\n')
    port = free_port()
    case.enterClassContext(
        Service("--config", str(config), "--listen", f"127.0.0.1:{port}", port=port, folder=folder))
    return port


def queries(instance=".*"):
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            expr = target["expr"]
            for name, value in (VARIABLES | {"$instance": instance}).items():
                expr = expr.replace(name, value)
            yield panel["title"], target["refId"], expr


class OnPrometheus(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        kept = cls.enterClassContext(Kept(kept_exposition()))
        current = cls.enterClassContext(Kept(current_exposition()))
        cls.kept, cls.current = (f"127.0.0.1:{target.server_address[1]}" for target in (kept, current))
        live = start_service(cls, cls.folder)
        Path(cls.folder, "prometheus.yml").write_text(
            PROMETHEUS.format(rules=RULES, kept=kept.server_address[1], current=current.server_address[1], live=live))
        cls.prometheus = cls.enterClassContext(Daemon(
            cls.folder, "prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data",
            "--web.listen-address=127.0.0.1:PORT"))

    def ask(self, path, **parameters):
        return json.loads(self.prometheus.ask(f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}"))["data"]

    def test_all_targets_are_scraped_without_a_complaint(self):
        until("all targets are up", lambda: len(self.ask("query", query='up{job="stswatch"} == 1')["result"]) == 3)
        self.assertEqual([t["lastError"] for t in self.ask("targets")["activeTargets"]], ["", "", ""])

    def test_every_query_of_the_dashboard_returns_data(self):
        for title, ref, expr in queries():
            with self.subTest(title, query=ref):
                until(expr, lambda: self.ask("query", query=expr)["result"])

    def test_the_states_that_are_so_say_as_much_as_all_of_them(self):
        def answers(instance):
            now = float(self.ask("query", query="time()")["result"][1])
            rows = {}
            for title, ref, expr in queries(instance):
                # Changes are counted over the seconds before, which differ by target.
                if any(name in expr for name in STATES) and "[20s]" not in expr:
                    rows[title, ref] = {tuple(sorted(row["metric"].items())): row["value"][1]
                                        for row in self.ask("query", query=expr, time=now)["result"]}
            return rows
        # One target may be scraped already, the other not yet.
        until("both answer alike", lambda: all(all(rows.values()) and rows == answers(self.kept)
                                               for rows in [answers(self.current)]))
        self.assertGreater(len(answers(self.current)), 7)

    def test_every_variable_of_the_dashboard_has_values(self):
        for variable in DASHBOARD["templating"]["list"]:
            if variable["type"] == "query":
                series, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["definition"]).groups()
                selector = series.replace("$instance", ".*")
                until(selector, lambda: self.ask(f"label/{label}/values", **{"match[]": selector}))

    def test_every_rule_is_evaluated_without_an_error(self):
        def rules():
            return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]
        until("all rules are evaluated", lambda: all(rule["health"] != "unknown" for rule in rules()))
        self.assertEqual({rule["name"]: rule.get("lastError", "") for rule in rules() if rule["health"] != "ok"}, {})
        self.assertEqual(len(rules()), len(re.findall(r"- (?:alert|record):", RULES.read_text())))

    def test_rules_see_what_the_exposition_says(self):
        # example.net is broken there: its page waits for its ten minutes.
        def pending():
            alerts = [a for a in self.ask("alerts")["alerts"] if a["labels"].get("domain") == "example.net"]
            return "MtaStsBreakageNow" in {a["labels"]["alertname"] for a in alerts}
        until("the breakage of example.net is pending", pending)


class OverHttp(unittest.TestCase):
    """What the service itself answers."""

    @classmethod
    def setUpClass(cls):
        cls.port = start_service(cls, cls.enterClassContext(tempfile.TemporaryDirectory()))

    def get(self, path, **headers):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}",
                                         headers={k.replace("_", "-"): v for k, v in headers.items()})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.headers, answer.read()

    def test_gzip_in_both_formats(self):
        for accept, kind in (("text/plain", "text/plain; version=0.0.4; charset=utf-8"),
                             (OPENMETRICS, OPENMETRICS + "; charset=utf-8")):
            with self.subTest(accept):
                headers, body = self.get("/metrics", Accept=accept, Accept_Encoding="gzip")
                self.assertEqual((headers["Content-Type"], headers["Content-Encoding"]), (kind, "gzip"))
                self.assertIn(b"stswatch_build_info{", gzip.decompress(body))

    def test_openmetrics_unpacked_ends_with_eof(self):
        headers, body = self.get("/metrics", Accept=OPENMETRICS, Accept_Encoding="gzip;q=0")
        self.assertIsNone(headers["Content-Encoding"])
        self.assertTrue(body.endswith(b"\n# EOF\n"))

    def test_the_runbook_is_served(self):
        for name in ("index", "mx-null", "MtaStsDegraded"):
            page = run(BINARY, "explain", "--markdown", name).stdout
            headers, body = self.get(f"/runbook/{name}.md")
            self.assertEqual((headers["Content-Type"], body.decode()), ("text/plain; charset=utf-8", page))
        with self.assertRaisesRegex(urllib.error.HTTPError, "404"):
            self.get("/runbook/no-such-page.md")


class Dashboard(unittest.TestCase):
    def test_it_can_be_imported_anywhere(self):
        panels = DASHBOARD["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        for panel in panels:
            with self.subTest(panel["title"]):
                if panel["type"] == "row":
                    continue
                self.assertTrue(panel["targets"])
                for asks in (panel, *panel["targets"]):
                    self.assertEqual(asks["datasource"], {"type": "prometheus", "uid": "${datasource}"})
        rows = [panel["title"] for panel in panels if panel["type"] == "row"]
        self.assertEqual(rows, ["Fleet", "One domain: $domain", "MX certificates", "Agent"])

    def test_no_panel_covers_another(self):
        taken = {}
        for panel in DASHBOARD["panels"]:
            at = panel["gridPos"]
            self.assertLessEqual(at["x"] + at["w"], 24, panel["title"])
            for x in range(at["x"], at["x"] + at["w"]):
                for y in range(at["y"], at["y"] + at["h"]):
                    self.assertIsNone(taken.get((x, y)), f"{panel['title']} covers {taken.get((x, y))}")
                    taken[x, y] = panel["title"]


if __name__ == "__main__":
    unittest.main()
