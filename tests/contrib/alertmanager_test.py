#!/usr/bin/env python3
"""A real Alertmanager with the routes and inhibitions of the sample: one cause is told once (RULES 5.5, 5.6)."""
import json
import tempfile
import unittest
from pathlib import Path

import yaml

from programs import CONTRIB, Daemon, until

SAMPLE = CONTRIB / "alertmanager" / "alertmanager.yml"
D, A = "example.com", "agent:9461"
MX = {"host": "mx1.example.com", "instance": A}
# why -> (what fires, what of it is silenced)
CASES = {
    "an agent that is down has nothing new to say": (
        [("MtaStsAgentDown", {"instance": A}), ("MtaStsDegraded", {"domain": D, "instance": A})], ["MtaStsDegraded"]),
    "another agent's news are told": (
        [("MtaStsAgentDown", {"instance": "other:9461"}), ("MtaStsDegraded", {"domain": D, "instance": A})], []),
    "what rests on old looks is not told": (
        [("MtaStsCheckStale", {"domain": D, "instance": A, "kind": "policy"}),
         ("MtaStsPolicyUnavailable", {"domain": D, "instance": A, "kind": "policy"}),
         ("MtaStsRecordInvalid", {"domain": D, "instance": A, "kind": "domain"})], ["MtaStsPolicyUnavailable"]),
    "one stale domain silences no other": (
        [("MtaStsCheckStale", {"domain": D, "instance": A, "kind": "policy"}),
         ("MtaStsPolicyUnavailable", {"domain": "example.net", "instance": A, "kind": "policy"})], []),
    "late looks at MX hosts silence no domain": (
        [("MtaStsCheckStale", {"instance": A, "kind": "mx"}), ("MtaStsCertificateExpired", MX)], []),
    "who does not see port 25 does not speak of hosts": (
        [("MtaStsVantageBlind", {"instance": A}), ("MtaStsDegraded", {"domain": D, "instance": A}),
         ("MtaStsBreakageNow", {"domain": "example.net", "instance": A})], ["MtaStsDegraded"]),
    "bad signatures explain a failed TLSA lookup": (
        [("MtaStsDaneBroken", {"domain": D, "code": "dnssec-invalid"}),
         ("MtaStsDaneBroken", {"domain": D, "code": "tlsa-lookup-error"}),
         ("MtaStsDaneBroken", {"domain": D, "code": "tlsa-invalid"})], ["MtaStsDaneBroken tlsa-lookup-error"]),
    "broken stands for soon, predicted and degraded": (
        [(name, {"domain": D}) for name in ("MtaStsBreakageNow", "MtaStsBreakageSoon", "MtaStsBreakagePredicted",
                                            "MtaStsDegraded")],
        ["MtaStsBreakagePredicted", "MtaStsBreakageSoon", "MtaStsDegraded"]),
    "soon stands for predicted": (
        [("MtaStsBreakageSoon", {"domain": D}), ("MtaStsBreakagePredicted", {"domain": D})],
        ["MtaStsBreakagePredicted"]),
    "a page for one domain leaves the ticket of another": (
        [("MtaStsBreakageNow", {"domain": D}), ("MtaStsDegraded", {"domain": "example.net"})], []),
    "the certificate behind a breakage is not told again": (
        [("MtaStsBreakageNow", {"domain": D, **MX}), ("MtaStsCertificateExpired", MX),
         ("MtaStsCertificateExpired", {"host": "mx2.example.com", "instance": A})],
        ["MtaStsCertificateExpired mx1.example.com"]),
    "a breakage of another cause hides no certificate": (
        [("MtaStsBreakageNow", {"domain": D, "instance": A}), ("MtaStsCertificateExpired", MX)], []),
    "expired stands for expiring, overdue and degraded by that host": (
        [("MtaStsCertificateExpired", MX), ("MtaStsCertificateExpiring", MX), ("MtaStsCertificateRenewalOverdue", MX),
         ("MtaStsDegraded", {"domain": D, **MX}), ("MtaStsDegraded", {"domain": "example.net", "instance": A})],
        ["MtaStsCertificateExpiring mx1.example.com", "MtaStsCertificateRenewalOverdue mx1.example.com",
         "MtaStsDegraded mx1.example.com"]),
    "the worse degree of one problem stands for the lesser, and for no other problem": (
        [("StswatchProblem", {"problem": "one", "route": "ticket", "severity": "critical"}),
         ("StswatchProblem", {"problem": "one", "route": "page", "severity": "critical"}),
         ("StswatchProblem", {"problem": "two", "route": "ticket", "severity": "critical"})], ["StswatchProblem"]),
    "half of the cache life stands for the policy that is unavailable": (
        [("MtaStsCacheRunningOut", {"domain": D, "kind": "policy"}),
         ("MtaStsPolicyUnavailable", {"domain": D, "kind": "policy"})], ["MtaStsPolicyUnavailable"]),
}


def without_receivers(folder):
    """The sample, with receivers that send nothing."""
    config = yaml.safe_load(SAMPLE.read_text())
    config["receivers"] = [{"name": receiver["name"]} for receiver in config["receivers"]]
    config["global"] = {"resolve_timeout": config["global"]["resolve_timeout"]}
    config["templates"] = []
    path = Path(folder, "alertmanager.yml")
    path.write_text(json.dumps(config))
    return path


def told(alert):
    labels = alert["labels"]
    more = labels.get("host") or (labels.get("code") if labels["alertname"] == "MtaStsDaneBroken" else None)
    return " ".join(filter(None, (labels["alertname"], more)))


class Inhibition(unittest.TestCase):
    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.alertmanager = self.enterContext(Daemon(
            folder, "prometheus-alertmanager", f"--config.file={without_receivers(folder)}", "--storage.path=data",
            "--web.listen-address=127.0.0.1:PORT", "--cluster.listen-address="))

    def alerts(self, case):
        return [a for a in json.loads(self.alertmanager.ask("/api/v2/alerts")) if a["labels"].get("case") == str(case)]

    def test_one_cause_is_told_once(self):
        # All cases at once: a label keeps them apart, in the values that inhibitions compare.
        for case, (firing, _) in enumerate(CASES.values()):
            self.alertmanager.ask("/api/v2/alerts", [
                {"labels": {"alertname": name, "case": str(case), **{k: apart(v, case, k) for k, v in labels.items()}}}
                for name, labels in firing])
        for case, (why, (firing, silenced)) in enumerate(CASES.items()):
            with self.subTest(why):
                until("the alerts are there", lambda: len(self.alerts(case)) == len(firing))
                until(f"silenced: {silenced}",
                      lambda: sorted(told(a).removesuffix(f".{case}") for a in self.alerts(case) if a["status"]["inhibitedBy"])
                      == sorted(silenced))

    def test_what_one_host_broke_for_three_domains_is_one_message(self):
        self.alertmanager.ask("/api/v2/alerts", [
            {"labels": {"alertname": "MtaStsBreakageNow", "route": "page", "host": "mx.provider.example",
                        "code": "enforce-breakage-now", "domain": domain}}
            for domain in ("a.example", "b.example", "c.example")])

        def groups():
            found = json.loads(self.alertmanager.ask("/api/v2/alerts/groups"))
            return [(g["receiver"]["name"], g["labels"], len(g["alerts"])) for g in found]
        until("one group", lambda: groups() == [
            ("pages", {"host": "mx.provider.example", "code": "enforce-breakage-now"}, 3)])


def apart(value, case, label):
    return value if label in ("kind", "code", "route", "severity") else f"{value}.{case}"


if __name__ == "__main__":
    unittest.main()
