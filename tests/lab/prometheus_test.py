#!/usr/bin/python3
"""A real Prometheus scrapes the service that watches domains of the lab, which must be up; STSWATCH names the program."""
import json
import os
import subprocess
import sys
import time
import unittest
import urllib.parse
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cli"))
from harness import SECONDS, Case, Service, free_port, get  # noqa: E402

CA_FILE = Path(os.environ.get("STSWATCH_LAB_DIR", "/tmp/stswatch-lab"), "ca.pem").resolve()
HEALTHY, ONE_EXPIRED, TESTING, NOTHING = "s01-base.test", "s20-mx1-expired.test", "s03-testing.test", "s02-nothing.test"
CONFIG = f"""
[agent]
state = ":memory:"
[schedule]
dns = "2s"
policy = "2s"
mx = "2s"
confirm_after = "1s"
confirmations = 1
[dns]
servers = ["127.0.53.2:53"]
[network]
ca_file = "{CA_FILE}"
allow_private = true
""" + "".join(f'[[domain]]\nname = "{name}"\n' for name in (HEALTHY, ONE_EXPIRED, TESTING, NOTHING))
PROMETHEUS = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: stswatch
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
# why -> (a query, the one value it must come to)
QUERIES = {
    "the target is up": ('up{job="stswatch"}', 1),
    "its samples were taken": ("scrape_samples_post_metric_relabeling > bool 100", 1),
    "a healthy domain is ok": (f'stswatch_domain_status{{domain="{HEALTHY}",status="ok"}}', 1),
    "and in one state only": (f'sum(stswatch_domain_status{{domain="{HEALTHY}"}})', 1),
    "its mode": (f'stswatch_domain_mode{{domain="{HEALTHY}",mode="enforce"}}', 1),
    "both its hosts are usable": (f'stswatch_enforce_usable_mx{{domain="{HEALTHY}",bound="min",level="rfc"}}', 2),
    "none of its breakages is foreseen before its certificates end":
        (f'stswatch_breakage_timestamp_seconds{{domain="{HEALTHY}",level="rfc"}} > bool time() + 50 * 86400', 1),
    "its policy was fetched just now":
        (f'time() - stswatch_policy_last_success_timestamp_seconds{{domain="{HEALTHY}"}} < bool 60', 1),
    "an expired host is critical": (f'stswatch_domain_status{{domain="{ONE_EXPIRED}",status="critical"}}', 1),
    "with its finding": (f'count(stswatch_finding{{domain="{ONE_EXPIRED}",code="certificate-expired",'
                         f'severity="critical",subject="mx1.{ONE_EXPIRED}"}})', 1),
    "and its date, though it failed":
        (f'stswatch_mx_certificate_not_after_timestamp_seconds{{mx="mx1.{ONE_EXPIRED}"}} < bool time()', 1),
    "the other host is good": (f'stswatch_enforce_usable_mx{{domain="{ONE_EXPIRED}",bound="max",level="rfc"}}', 1),
    "testing is testing": (f'stswatch_domain_mode{{domain="{TESTING}",mode="testing"}}', 1),
    "where nothing is enforced nothing is usable for it":
        (f'stswatch_domain_mode{{domain="{NOTHING}",mode="absent"}} unless on (domain) stswatch_enforce_usable_mx', 1),
    "looks are counted": ('sum(stswatch_looks_total{kind="domain",outcome="ok"}) >= bool 4', 1),
}


class Prometheus:
    """Scrapes one port; leaving the block ends it."""

    def __init__(self, folder, scraped_port):
        self.port = free_port()
        self.log = open(Path(folder, "prometheus.log"), "w+")
        Path(folder, "prometheus.yml").write_text(PROMETHEUS.format(port=scraped_port))
        self.process = subprocess.Popen(
            ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb",
             f"--web.listen-address=127.0.0.1:{self.port}"],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=SECONDS)
        self.log.close()

    def api(self, path):
        """The answer's data; None while nobody answers."""
        try:
            status, body = get(self.port, f"/api/v1/{path}")
        except OSError:
            return None
        return json.loads(body)["data"] if status == 200 else None

    def value(self, query):
        """Of the one series that the query comes to; otherwise all that was answered."""
        data = self.api("query?" + urllib.parse.urlencode({"query": query}))
        return float(data["result"][0]["value"][1]) if data and len(data["result"]) == 1 else data


class Scraped(Case):
    @classmethod
    def setUpClass(cls):
        if not CA_FILE.exists():
            raise AssertionError(f"{CA_FILE} is not there: run this by tests/lab/lab exec")

    def setUp(self):
        super().setUp()
        port = free_port()
        self.service = self.enterContext(Service("--config", self.file("c.toml", CONFIG), "--listen", f"127.0.0.1:{port}",
                                                 port=port, folder=self.folder))
        self.prometheus = self.enterContext(Prometheus(self.folder, port))

    def comes_to(self, query, wanted):
        end = time.monotonic() + SECONDS
        while (value := self.prometheus.value(query)) != wanted:
            if time.monotonic() > end or self.prometheus.process.poll() is not None:
                self.prometheus.log.seek(0)
                self.fail(f"{query}: expected {wanted}, got {value}\nthe service: {self.service.said()}\n"
                          f"Prometheus: {self.prometheus.log.read()[-2000:]}")
            time.sleep(0.1)

    def test_queries_find_the_domains_as_they_are(self):
        for why, (query, wanted) in QUERIES.items():
            with self.subTest(why):
                self.comes_to(query, wanted)
        (target,) = self.prometheus.api("targets")["activeTargets"]
        self.assertEqual((target["health"], target["lastError"]), ("up", ""))

    def test_promtool_has_no_complaint(self):
        self.comes_to(f'stswatch_domain_status{{domain="{ONE_EXPIRED}",status="critical"}}', 1)
        metrics = get(self.service.port, "/metrics")[1]
        done = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
