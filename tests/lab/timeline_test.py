#!/usr/bin/python3
"""The service remembers: records, files and mail hosts of the lab change while it watches. The lab must be up; STSWATCH
names the program. Looks follow each other within two seconds here, so what takes hours is in tests/remember instead."""
import json
import os
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cli"))
import live  # noqa: E402
import model  # noqa: E402
from harness import SECONDS, Case, Service, free_port, get  # noqa: E402

CA_FILE = Path(os.environ.get("STSWATCH_LAB_DIR", "/tmp/stswatch-lab"), "ca.pem").resolve()
DOMAIN = "s01-base.test"
MX1, MX2, MX3 = (f"mx{i}.{DOMAIN}" for i in (1, 2, 3))
CONFIG = """
[agent]
state = "{state}"
[schedule]
dns = "2s"
policy = "2s"
mx = "2s"
confirm_after = "1s"
confirmations = 2
[dns]
servers = ["127.0.53.2:53"]
timeout = "1s"
tries = 1
[network]
ca_file = "{ca}"
allow_private = true
[[domain]]
name = "{domain}"
"""


class Timeline(Case):
    @classmethod
    def setUpClass(cls):
        if not CA_FILE.exists():
            raise AssertionError(f"{CA_FILE} is not there: run this by tests/lab/lab exec")

    def setUp(self):
        super().setUp()
        self.lab = self.enterContext(live.Live())
        self.config = self.file("c.toml", CONFIG.format(state=self.folder / "s.db", ca=CA_FILE, domain=DOMAIN))
        self.start()
        self.wait_for(lambda d: d["status"] == "ok" and d["enforce_usable_mx"] == {"min": 2, "max": 2, "of": 2})

    def start(self):
        port = free_port()
        self.service = self.enterContext(Service("--config", self.config, "--listen", f"127.0.0.1:{port}", port=port,
                                                 folder=self.folder))

    def domain(self):
        status, body = get(self.service.port, f"/api/v1/domains/{DOMAIN}")
        return json.loads(body) if status == 200 else {"status": None, "findings": []}

    def open(self):
        """code -> (severity, route) of what is open now; noted, so that a page in passing is noticed too."""
        status, body = get(self.service.port, "/metrics")
        self.assertEqual(status, 200)
        found = {}
        for line in body.splitlines():
            if line.startswith("stswatch_finding{"):
                labels = dict(part.split("=", 1) for part in line[line.index("{") + 1:line.index("}")].split(","))
                found[labels["code"].strip('"')] = (labels["severity"].strip('"'), labels["route"].strip('"'))
        return found

    def wait_for(self, is_so):
        end = time.monotonic() + SECONDS
        while not is_so(seen := self.domain()):
            if time.monotonic() > end:
                self.fail(f"never came: {json.dumps(seen.get('findings'), indent=1)}\n{self.service.said()}")
            time.sleep(0.1)
        return seen

    def comes_to(self, *codes, gone=()):
        wanted, unwanted = set(codes), set(gone)
        self.wait_for(lambda d: wanted <= (now := {f["code"] for f in d["findings"]}) and not unwanted & now)
        return self.open()

    def looked_again(self, times=2):
        """Until so many more looks at the domain have ended."""
        def looks():
            body = get(self.service.port, "/metrics")[1]
            return sum(float(line.split()[-1]) for line in body.splitlines()
                       if line.startswith("stswatch_looks_total{") and 'kind="domain"' in line)
        before, end = looks(), time.monotonic() + SECONDS
        while looks() < before + times:
            self.assertLess(time.monotonic(), end, self.service.said())
            time.sleep(0.1)

    def metric(self, start):
        (line,) = [line for line in get(self.service.port, "/metrics")[1].splitlines() if line.startswith(start)]
        return float(line.split()[-1])

    def new_id(self, value):
        self.lab.set_txt(DOMAIN, "_mta-sts", [f"v=STSv1; id={value};"])

    def move_hosts(self, *hosts):
        self.lab.set_mx(DOMAIN, [(10 * (i + 1), host) for i, host in enumerate(hosts)],
                        hosts={MX3: model.Mail()} if MX3 in hosts else None)

    def test_a_move_in_the_right_order_pages_nobody(self):
        self.lab.set_policy(DOMAIN, model.policy(MX1, MX2, MX3))
        found = self.comes_to("sts-policy-changed-id-unchanged")
        self.assertEqual(found["sts-policy-changed-id-unchanged"], ("info", "log"))
        self.new_id("B")
        self.comes_to(gone=["sts-policy-changed-id-unchanged"])
        self.move_hosts(MX1, MX2, MX3)
        found = self.comes_to("mx-added", "cached-policy-excludes-mx")
        self.assertEqual(found["cached-policy-excludes-mx"], ("info", "log"))
        self.wait_for(lambda d: d["enforce_usable_mx"] == {"min": 3, "max": 3, "of": 3})
        self.looked_again()
        self.assertEqual({code for code, (severity, _) in self.open().items() if severity == "critical"}, set())
        self.assertEqual(self.metric(f'stswatch_drift_events_total{{domain="{DOMAIN}",kind="mx-added"}}'), 1)
        said = subprocess.run([os.environ["STSWATCH"], "history", DOMAIN, "--config", self.config, "--json"],
                              capture_output=True, text=True, timeout=SECONDS)
        self.assertEqual([event["code"] for event in json.loads(said.stdout)["events"] if event["code"] == "mx-added"],
                         ["mx-added"], said)

    def test_file_and_id_together_are_no_race(self):
        os.kill(self.service.process.pid, signal.SIGSTOP)            # both change between two looks
        self.lab.set_policy(DOMAIN, model.policy(MX1, MX2, MX3))
        self.new_id("B")
        os.kill(self.service.process.pid, signal.SIGCONT)
        self.looked_again(4)
        self.assertFalse({"sts-policy-changed-id-unchanged", "sts-update-order-race"} & set(self.open()))

    def test_an_id_that_stays_pages_once_it_costs_a_host(self):
        self.lab.set_policy(DOMAIN, model.policy(MX2, MX3))
        self.move_hosts(MX2, MX3)
        found = self.comes_to("sts-policy-changed-id-unchanged", "cached-policy-excludes-mx", "mx-added", "mx-removed")
        self.assertEqual(found["sts-policy-changed-id-unchanged"], ("critical", "page"))
        self.wait_for(lambda d: d["enforce_usable_mx"] == {"min": 1, "max": 1, "of": 2})
        self.lab.set_policy(DOMAIN, model.policy(MX1, MX2))      # back: that does not help
        self.looked_again()
        self.assertIn("sts-policy-changed-id-unchanged", self.open())
        self.lab.set_policy(DOMAIN, model.policy(MX2, MX3))
        self.new_id("B")
        self.comes_to(gone=["sts-policy-changed-id-unchanged"])
        self.wait_for(lambda d: d["enforce_usable_mx"] == {"min": 2, "max": 2, "of": 2})

    def test_the_id_before_the_file_breaks_mail_until_another_id(self):
        self.new_id("B")
        self.looked_again()
        self.lab.set_policy(DOMAIN, model.policy(MX3))
        self.move_hosts(MX3)
        found = self.comes_to("sts-update-order-race", "cached-policy-excludes-all-mx", "enforce-breakage-now")
        for code in ("sts-update-order-race", "cached-policy-excludes-all-mx", "enforce-breakage-now"):
            self.assertEqual(found[code], ("critical", "page"))
        self.assertEqual(self.metric(f'stswatch_enforce_usable_mx{{domain="{DOMAIN}",bound="max",level="rfc"}}'), 0)
        # Killed and started again: nothing is forgotten, nothing opens twice.
        opened = self.metric(f'stswatch_drift_events_total{{domain="{DOMAIN}",kind="sts-update-order-race"}}')
        self.service.stop(signal.SIGKILL)
        self.start()
        self.looked_again()
        self.assertIn("sts-update-order-race", self.open())
        self.assertEqual(self.metric(f'stswatch_drift_events_total{{domain="{DOMAIN}",kind="sts-update-order-race"}}'),
                         opened)
        self.new_id("C")
        self.comes_to(gone=["sts-update-order-race", "cached-policy-excludes-all-mx", "enforce-breakage-now"])

    def test_taking_everything_away_leaves_senders_enforcing(self):
        self.lab.set_txt(DOMAIN, "_mta-sts", [])
        self.lab.set_policy(DOMAIN, model.policy(MX1, MX2), serve="return 404;")
        self.comes_to("sts-txt-missing", "protection-lapse-predicted")
        seen = self.domain()
        self.assertIsNone(seen["mode"])
        self.assertEqual(seen["enforce_usable_mx"], {"min": 2, "max": 2, "of": 2})
        self.assertEqual(self.metric(f'stswatch_live_mode{{domain="{DOMAIN}",mode="enforce"}}'), 1)
        lapse = self.metric(f'stswatch_protection_lapse_timestamp_seconds{{domain="{DOMAIN}"}}')
        self.assertLess(abs(lapse - time.time() - 604800), 120)

    def test_an_opt_out_that_is_cut_short(self):
        self.lab.set_policy(DOMAIN, model.policy(MX1, MX2, mode="none", max_age=86400))
        self.new_id("B")
        found = self.comes_to("sts-mode-none-published", "sts-mode-downgraded")
        self.assertNotIn("sts-removal-complete", found)
        self.lab.set_policy(DOMAIN, model.policy(MX1, MX2, mode="none", max_age=86400), serve="return 404;")
        found = self.comes_to("sts-removal-unsafe")
        self.assertEqual(found["sts-removal-unsafe"], ("critical", "ticket"))

    def test_silence_of_every_server_opens_and_closes_nothing_of_the_domain(self):
        self.lab.set_policy(DOMAIN, model.policy(MX1))
        self.new_id("B")
        before = set(self.comes_to("mx-not-in-policy", gone=["sts-policy-changed-id-unchanged"]))
        with self.lab.paused("unbound", "nginx", "postfix"):
            self.looked_again(2)
            now = self.open()
        own = {"observation-unknown", "check-stale", "vantage-port25-blocked", "vantage-resolver-blind", "mx-probe-deferred"}
        self.assertEqual(set(now) - own, before)
        self.assertEqual(self.metric(f'stswatch_mx_hosts{{domain="{DOMAIN}"}}'), 2)


if __name__ == "__main__":
    unittest.main()
