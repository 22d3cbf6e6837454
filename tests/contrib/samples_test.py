#!/usr/bin/env python3
"""The rules and the samples are read by the programs they are for, and each alert is tested both ways."""
import json
import os
import re
import tempfile
import unittest
from pathlib import Path

import yaml

from programs import CONTRIB, RULES, run

BINARY = os.environ.get("STSWATCH", "build/stswatch")
ALERTMANAGER = CONTRIB / "alertmanager" / "alertmanager.yml"
# Name, for, keep_firing_for, severity, route: a change of these is a change for whoever is woken.
ALERTS = """
MtaStsBreakageNow                10m 30m critical page
MtaStsBreakageSoon               15m 30m critical page
MtaStsBreakagePredicted          1h  -   warning  ticket
MtaStsDegraded                   1h  1h  warning  ticket
MtaStsCachedPolicyExcludesMx     15m -   critical page
MtaStsDaneBroken                 15m 30m critical page
MtaStsPolicyUnavailable          30m 30m warning  ticket
MtaStsCacheRunningOut            10m -   critical page
MtaStsRecordInvalid              30m 30m warning  ticket
MtaStsUnexpectedChange           0m  -   warning  ticket
MtaStsCertificateExpired         5m  -   critical ticket
MtaStsCertificateExpiring        1h  15m critical ticket
MtaStsCertificateRenewalOverdue  6h  2h  warning  ticket
TlsRptFailureRate                1h  -   warning  ticket
TlsRptReportsAbsent              6h  -   warning  ticket
MtaStsFindingsPage               5m  15m critical page
MtaStsFindingsTicket             5m  15m warning  ticket
MtaStsVantageBlind               15m -   warning  ticket
MtaStsResolverBlind              5m  -   warning  ticket
MtaStsStarttlsStripped           5m  -   warning  ticket
MtaStsAgentStarved               5m  -   warning  ticket
MtaStsAgentClock                 5m  -   warning  ticket
MtaStsNotSeen                    15m -   warning  ticket
MtaStsNeverSeen                  30m -   warning  ticket
MtaStsOutboxOld                  5m  -   critical page
MtaStsNotificationsFailing       15m -   warning  ticket
MtaStsStoreErrors                5m  -   warning  ticket
MtaStsReloadFailed               5m  -   warning  ticket
MtaStsReportsNotTaken            5m  -   warning  ticket
MtaStsCheckStale                 15m -   warning  ticket
MtaStsAgentDown                  10m -   critical page
"""


def rules():
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def alerts():
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


class Joins(unittest.TestCase):
    """The queries of metrics.md that join the configuration's labels, as Prometheus answers them."""
    SERIES = {
        'stswatch_domain_labels{domain="a.example",label_team="mail"}': 1,
        'stswatch_domain_labels{domain="b.example",label_team="web"}': 1,
        'stswatch_domain_labels{domain="c.example"}': 1,
        'stswatch_finding{domain="a.example",code="mx-gone",severity="critical"}': 1,
        'stswatch_finding{domain="c.example",code="mx-gone",severity="critical"}': 1,
        'stswatch_domain_status{domain="a.example",status="critical"}': 1,
        'stswatch_domain_status{domain="a.example",status="ok"}': 0,
        'stswatch_domain_status{domain="b.example",status="warning"}': 0,
        'stswatch_domain_status{domain="b.example",status="ok"}': 1,
        'stswatch_domain_status{domain="c.example",status="warning"}': 1,
    }
    ANSWERS = (
        {'{domain="a.example",code="mx-gone",severity="critical",label_team="mail"}': 1,
         '{domain="c.example",code="mx-gone",severity="critical"}': 1},
        {'{label_team="mail"}': 1, "{}": 1},
    )

    def test_each(self):
        queries = re.findall(r"^```promql\n(.*?)^```$", (CONTRIB / "docs" / "metrics.md").read_text(), re.M | re.S)
        self.assertEqual(len(queries), len(self.ANSWERS))
        test = {"evaluation_interval": "1m", "tests": [{
            "interval": "1m",
            "input_series": [{"series": series, "values": f"{value}x5"} for series, value in self.SERIES.items()],
            "promql_expr_test": [{"expr": query.strip(), "eval_time": "2m", "exp_samples": [
                {"labels": labels, "value": value} for labels, value in answer.items()]}
                for query, answer in zip(queries, self.ANSWERS)]}]}
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "joins.yml")
            file.write_text(yaml.safe_dump(test))
            done = run("promtool", "test", "rules", file)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Dashboard(unittest.TestCase):
    """What the dashboard shows of two agents of a fleet, of which each holds some of the domains."""
    AGENTS = {
        "a:9461": {
            'stswatch_domains{status="critical"': 11,
            'stswatch_domains{status="warning"': 5,
            'stswatch_domains{status="ok"': 5,
            'stswatch_domains{status="unknown"': 0,
            'stswatch_domains_with_finding{code="mx-gone",severity="critical",route="page"': 3,
            'stswatch_domain_status{domain="a.example",status="critical"': 1,
            'stswatch_domain_status{domain="b.example",status="ok"': 1,
            'stswatch_mx_info{domain="a.example",mx="mx1.example",preference="10"': 1,
            'stswatch_mx_info{domain="a.example",mx="mx2.example",preference="20"': 1,
            'stswatch_mx_outcome{mx="mx1.example",address="192.0.2.1",outcome="ok"': 1,
            'stswatch_mx_outcome{mx="mx2.example",address="192.0.2.2",outcome="ok"': 1,
            'stswatch_mx_outcome{mx="mx2.example",address="192.0.2.3",outcome="failed"': 1,
            'stswatch_last_look_timestamp_seconds{domain="a.example",what="mx"': 1,
            'up{': 1,
        },
        "b:9461": {
            'stswatch_domains{status="critical"': 10,
            'stswatch_domains{status="warning"': 5,
            'stswatch_domains{status="ok"': 2,
            'stswatch_domains{status="unknown"': 0,
            'stswatch_domains_with_finding{code="mx-gone",severity="critical",route="page"': 4,
            'stswatch_domain_status{domain="c.example",status="warning"': 1,
            'stswatch_domain_status{domain="d.example",status="unknown"': 1,
            'up{': 1,
        },
    }
    # A counter is born with its first change, ten minutes after the agent.
    BORN = {
        'stswatch_drift_events_total{domain="a.example",kind="mx-added"': "_x9 1x20",
        'stswatch_drift_last_timestamp_seconds{domain="a.example",kind="mx-added"': "_x9 600x20",
        'stswatch_tlsrpt_failures_total{domain="a.example",policy_type="sts",result_type="x",organization="o"': "_x9 7x20",
    }
    OTHERS = {'stswatch_domain_status{domain="a.example",status="%s"' % status: 0 for status in ("ok", "warning", "unknown")} | {
        'stswatch_mx_outcome{mx="mx2.example",address="192.0.2.3",outcome="ok"': 0,
        'stswatch_mx_outcome{mx="mx1.example",address="192.0.2.1",outcome="failed"': 0}
    # (panel, query) -> at which minute, what it answers
    ANSWERS = {
        ("Domains critical", "A"): (12, {"{}": 21}),
        ("Domains warning", "A"): (12, {"{}": 10}),
        ("Domains ok", "A"): (12, {"{}": 7}),
        ("Domains by urgency", "A"): (12, {'{domain="a.example"}': 3, '{domain="b.example"}': 0,
                                           '{domain="c.example"}': 2, '{domain="d.example"}': 1}),
        ("Open findings", "A"): (12, {'{route="page",severity="critical"}': 7}),
        ("Open findings by code", "A"): (12, {'{code="mx-gone",route="page",severity="critical"}': 7}),
        ("MX hosts", "C"): (12, {'{mx="mx1.example"}': 1, '{mx="mx2.example"}': 0}),
        ("Changes", "A"): (12, {'{kind="mx-added"}': 1}),
        ("Reported failures", "A"): (12, {'{organization="o",result_type="x"}': 7}),
    }

    def test_each(self):
        panels = json.loads((CONTRIB / "grafana" / "stswatch.json").read_text())["panels"]
        exprs = {(panel["title"], target["refId"]): target["expr"].replace("$instance", ".*").replace(
            "$domain", "a.example").replace("$__rate_interval", "4m")
            for panel in panels for target in panel.get("targets", [])}
        for states, others in (("current", {}), ("all", self.OTHERS)):
            series = {f'{name}{"" if name.endswith("{") else ","}job="stswatch",instance="{instance}"}}': f"{value}x30"
                      for instance, agent in self.AGENTS.items() for name, value in agent.items()}
            series |= {f'{name},job="stswatch",instance="a:9461"}}': values
                       for name, values in (self.BORN | {name: "0x30" for name in others}).items()}
            test = {"evaluation_interval": "1m", "tests": [{
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [{"expr": exprs[query], "eval_time": f"{minute}m", "exp_samples": [
                    {"labels": labels, "value": value} for labels, value in answer.items()]}
                    for query, (minute, answer) in self.ANSWERS.items()]}]}
            with self.subTest(states), tempfile.TemporaryDirectory() as folder:
                file = Path(folder, "dashboard.yml")
                file.write_text(yaml.safe_dump(test))
                done = run("promtool", "test", "rules", file)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Rules(unittest.TestCase):
    def test_promtool_accepts_rules_and_sample(self):
        done = run("promtool", "check", "config", "--lint=all", "--lint-fatal",
                   CONTRIB / "prometheus" / "prometheus.yml")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(f"{len(rules())} rules found", done.stdout)

    def test_the_alerts_are_these_and_there_are_5_recording_rules(self):
        told = {name: (a.get("for"), a.get("keep_firing_for", "-"), a["labels"]["severity"], a["labels"]["route"])
                for name, a in alerts().items()}
        expected = {line.split()[0]: tuple(line.split()[1:]) for line in ALERTS.strip().splitlines()}
        self.assertEqual(told, expected)
        self.assertEqual(len([r for r in rules() if "record" in r]), 5)

    def test_a_description_says_effect_seen_fix_verify_in_that_order(self):
        for name, alert in alerts().items():
            with self.subTest(name):
                lines = [line.split(":")[0] for line in alert["annotations"]["description"].splitlines()]
                self.assertEqual(lines, ["Effect", "Seen", "Fix", "Verify"])

    def test_every_runbook_link_leads_to_a_page(self):
        for name, alert in alerts().items():
            url = alert["annotations"]["runbook_url"]
            self.assertTrue(url.startswith("http://127.0.0.1:9461/runbook/"), url)
            target = url.rpartition("/runbook/")[2]
            # A link that depends on a label is written with its choices in the template, or leads to any page.
            names = re.findall(r"}}([a-z-]+){{", target) or [target.removesuffix(".md")]
            if names == ["{{ $labels.code }}"]:
                names = re.search(r'code=~"([^"]+)"', alert["expr"])[1].split("|")
            for page in names:
                with self.subTest(name, page=page):
                    self.assertEqual(run(BINARY, "explain", page).returncode, 0)

    def test_every_alert_is_tested_firing_and_silent(self):
        fired, silent = set(), set()
        for path in (CONTRIB / "prometheus" / "tests").glob("*.yml"):
            for group in yaml.safe_load(path.read_text())["tests"]:
                for check in group.get("alert_rule_test", []):
                    (fired if check.get("exp_alerts") else silent).add(check["alertname"])
        self.assertEqual(fired, set(alerts()))
        self.assertEqual(silent, set(alerts()))


class Alertmanager(unittest.TestCase):
    def test_amtool_accepts_the_sample(self):
        done = run("amtool", "check-config", ALERTMANAGER)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_pages_and_tickets_reach_their_receivers(self):
        for name, alert in alerts().items():
            with self.subTest(name):
                labels = [f"alertname={name}", "domain=example.com", *(f"{k}={alert['labels'][k]}" for k in ("route", "severity")),
                          *(["host=mx1.example.com"] if "host" in alert["expr"] else [])]
                done = run("amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER}",
                           f"--verify.receivers={alert['labels']['route']}s", *labels)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_message_begins_with_the_effect(self):
        data = """{"status":"firing","externalURL":"http://alerts.example","commonLabels":{"route":"page"},"alerts":[
          {"status":"firing","labels":{"alertname":"A","code":"c","severity":"critical"},"annotations":{"summary":"S",
           "description":"Effect: E","runbook_url":"http://run.example"},"startsAt":"2026-12-01T00:00:00Z"}]}"""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "data.json")
            path.write_text(data)
            told = [run("amtool", "template", "render", f"--template.glob={CONTRIB}/alertmanager/*.tmpl",
                        f"--template.data={path}", f'--template.text={{{{ template "stswatch.{name}" . }}}}')
                    for name in ("subject", "text")]
        for done in told:
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(told[0].stdout.strip(), "[PAGE] S")
        self.assertTrue(told[1].stdout.startswith("S\nEffect: E\nSince: 2026-12-01T00:00:00Z\nCode: c, A, critical\n"
                                                  "Page: http://run.example\n"), told[1].stdout)


if __name__ == "__main__":
    unittest.main()
