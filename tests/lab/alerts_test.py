#!/usr/bin/python3
"""What reaches people when real servers break and heal: a real Postfix mailbox, a webhook, a real Alertmanager.
Run in a lab that is up: lab exec -- tests/lab/alerts_test.py"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
from datetime import datetime, timezone
from pathlib import Path

import model
import selftest
import world
from live import Live
from mailbox import Mailbox

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cli"))
from receivers import HttpListener, make_certificate     # noqa: E402  (a sibling's tools)

DIRECTORY = Path(os.environ.get("STSWATCH_LAB_DIR", "/tmp/stswatch-lab"))
BINARY = os.environ.get("STSWATCH", "build/stswatch")
DOMAIN, MX1, MX2 = "s01-base.test", "mx1.s01-base.test", "mx2.s01-base.test"
MAIL_PORT, HTTP_PORT, ALERTMANAGER_PORT = 2525, 19461, 19093
GROUP_WAIT = 10
PATIENCE_SECONDS = 120
CALM_SECONDS = 20                                        # nothing more may come within this
STAMP = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"

CONFIG = f"""[agent]
listen = "127.0.0.1:{HTTP_PORT}"
state = "{{state}}"
external_url = "http://127.0.0.1:{HTTP_PORT}"
vantage = "lab"
[schedule]
dns = "2s"
policy = "2s"
mx = "2s"
confirm_after = "1s"
confirmations = 2
[dns]
servers = ["{{resolver}}"]
[network]
ca_file = "{{ca}}"
allow_private = true
[[domain]]
name = "{DOMAIN}"
labels = {{{{team = "lab"}}}}
[alerts]
group_wait = "{GROUP_WAIT}s"
[[alerts.email]]
name = "mail"
smarthost = "localhost:{MAIL_PORT}"
from = "stswatch <stswatch@example.net>"
to = ["ops@example.net"]
[[alerts.webhook]]
name = "hook"
url = "{{hook}}"
[[alerts.alertmanager]]
name = "am"
url = "http://127.0.0.1:{ALERTMANAGER_PORT}"
"""
ALERTMANAGER = """route:
  receiver: hook
  group_by: [problem]
  group_wait: 1s
  group_interval: 1s
  repeat_interval: 24h
receivers:
- name: hook
  webhook_configs:
  - url: {url}
    send_resolved: true
"""


class Receivers:
    """All that a notice can reach, and what has reached it."""

    def __init__(self, folder):
        self.folder = Path(folder)
        pair = make_certificate(self.folder)
        pem = self.folder / "mail.pem"
        pem.write_text(Path(pair[1]).read_text() + Path(pair[0]).read_text())
        self.ca = self.folder / "ca.pem"
        self.ca.write_text((DIRECTORY / "ca.pem").read_text() + Path(pair[0]).read_text())
        self.mailbox = Mailbox(self.folder / "mailbox", pem, MAIL_PORT)
        self.hook, self.behind_alertmanager = HttpListener(), HttpListener()
        settings = self.folder / "am.yml"
        settings.write_text(ALERTMANAGER.format(url=self.behind_alertmanager.url))
        self.alertmanager = subprocess.Popen(
            ["prometheus-alertmanager", f"--config.file={settings}", f"--storage.path={self.folder}/am",
             f"--web.listen-address=127.0.0.1:{ALERTMANAGER_PORT}", "--cluster.listen-address="],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        for part in (self.mailbox, self.hook, self.behind_alertmanager):
            part.__enter__()
        return self

    def __exit__(self, *_):
        self.alertmanager.kill()
        self.alertmanager.wait()
        for part in (self.mailbox, self.hook, self.behind_alertmanager):
            part.__exit__()

    def notices(self):
        return [json.loads(body) for _, _, body in self.hook.requests]

    def seen(self):
        """What came to each, as "route status" in order."""
        mails = [re.match(r"\[(\w+)\]", message["Subject"])[1].lower() for message in self.mailbox.messages()]
        hooks = ["resolved" if n["status"] == "resolved" else n["route"] for n in self.notices()]
        groups = [json.loads(body) for _, _, body in self.behind_alertmanager.requests]
        alerts = ["resolved" if g["status"] == "resolved" else g["alerts"][0]["labels"]["route"] for g in groups]
        return {"mail": mails, "hook": hooks, "am": alerts}


class AlertsTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        self.lab = self.enterContext(Live(DIRECTORY))
        self.receivers = self.enterContext(Receivers(folder))
        self.config = folder / "c.toml"
        address, port = world.RESOLVER
        self.config.write_text(CONFIG.format(state=folder / "state.db", resolver=f"{address}:{port}", ca=self.receivers.ca,
                                             hook=self.receivers.hook.url))
        self.log = folder / "stderr"
        self.start()
        self.until("the domain to be looked at", lambda: f'stswatch_enforce_usable_mx{{domain="{DOMAIN}"' in self.metrics())

    def start(self):
        with open(self.log, "ab") as log:
            self.service = subprocess.Popen([BINARY, "run", "--config", self.config], stdin=subprocess.DEVNULL, stderr=log)
        self.addCleanup(self.stop)

    def stop(self, sign=signal.SIGTERM):
        if self.service.poll() is None:
            self.service.send_signal(sign)
            self.service.wait(30)

    def metrics(self):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{HTTP_PORT}/metrics", timeout=10).read().decode()
        except OSError:
            return ""

    def until(self, what, is_so, seconds=PATIENCE_SECONDS):
        end = time.monotonic() + seconds
        while not is_so():
            self.assertLess(time.monotonic(), end, f"waited {seconds} s for {what}\n{self.receivers.seen()}\n"
                                                   f"{self.log.read_text()[-4000:]}")
            time.sleep(0.2)

    def expect(self, what, *words):
        wanted = {name: list(words) for name in ("mail", "hook", "am")}
        self.until(f"{what}: {wanted}", lambda: self.receivers.seen() == wanted or
                   any(len(came) > len(words) for came in self.receivers.seen().values()))
        time.sleep(CALM_SECONDS)
        self.assertEqual(self.receivers.seen(), wanted, self.log.read_text()[-4000:])

    def print_speed(self, code):
        """From the look that confirmed the fault to the message handed over, by the service's own log."""
        lines = self.log.read_text().splitlines()
        opened = next(line for line in lines if f": opened critical {code} " in line)
        for receiver in ("mail", "hook", "am"):
            sent = next(line for line in lines if f" {receiver}: sent " in line)
            seconds = [datetime.strptime(re.match(STAMP, line)[1], "%Y-%m-%dT%H:%M:%SZ") for line in (opened, sent)]
            print(f"{code}: {receiver} had it {(seconds[1] - seconds[0]).seconds} s after the confirming look "
                  f"(group_wait {GROUP_WAIT} s)", flush=True)

    def test_certificates_expire_and_are_renewed(self):
        for host in (MX1, MX2):
            self.lab.set_certificate(host, left=model.hours(-1))
        self.expect("the page", "page")
        self.print_speed("enforce-breakage-now")
        mail, = self.receivers.mailbox.messages()
        self.assertTrue(mail["Subject"].startswith(f"[PAGE] {DOMAIN}: enforcing senders cannot deliver since "))
        self.assertEqual(mail.defects, [])
        text = mail.get_body(("plain",)).get_content()
        labels = [line.split(":")[0] for line in text.splitlines() if line and not line.startswith(" ")]
        self.assertEqual(labels, ["Effect", "Seen", "Changed", "Since", "Until", "Fix", "Verify", "Code", "Labels", "Page"])
        verify = re.search(r"^Verify: *(.*)$", text, re.M)[1]
        host = re.search(r"-connect ([a-z0-9.-]+):25 ", verify)[1]      # which only the lab's resolver knows
        verify = verify.replace(f"-connect {host}:", f"-connect {selftest.dig('+short', host, 'A').strip()}:")
        self.assertIn("notAfter=", subprocess.run(verify, shell=True, capture_output=True, text=True, timeout=60).stdout)
        for host in (MX1, MX2):
            self.lab.set_certificate(host, left=model.days(60))
        self.expect("the resolve", "page", "resolved")
        first, last = self.receivers.mailbox.messages()
        self.assertEqual(first["References"], last["References"])
        self.assertEqual({notice["key"].split(".")[0] for notice in self.receivers.notices()},
                         {self.receivers.notices()[0]["key"].split(".")[0]})
        self.assertIn('stswatch_notifications_total{receiver="mail",kind="new"} 1', self.metrics())
        self.assertIn('stswatch_outbox_pending{receiver="mail"} 0', self.metrics())

    def test_the_policy_loses_an_mx_and_gets_it_back(self):
        self.lab.set_policy(DOMAIN, model.policy(MX1))
        self.lab.set_txt(DOMAIN, "_mta-sts", ["v=STSv1; id=2;"])
        self.expect("the ticket", "ticket")
        self.assertIn("mx-not-in-policy", {finding["code"] for finding in self.receivers.notices()[0]["findings"]})
        self.lab.set_policy(DOMAIN, model.policy(MX1, MX2))
        self.lab.set_txt(DOMAIN, "_mta-sts", ["v=STSv1; id=3;"])
        self.expect("the resolve", "ticket", "resolved")

    def test_an_id_race(self):
        self.lab.set_txt(DOMAIN, "_mta-sts", ["v=STSv1; id=2;"])
        self.until("the new id to be seen", lambda: f'stswatch_policy_info{{domain="{DOMAIN}",id="2"' in self.metrics())
        self.lab.set_policy(DOMAIN, model.policy(MX1, MX2, "spare.s01-base.test"))
        self.expect("the ticket", "ticket")
        self.assertIn("sts-update-order-race", {finding["code"] for finding in self.receivers.notices()[0]["findings"]})
        self.lab.set_txt(DOMAIN, "_mta-sts", ["v=STSv1; id=3;"])
        self.expect("the resolve", "ticket", "resolved")

    def test_receivers_that_were_down_get_one_notice(self):
        self.receivers.mailbox.stop()
        self.receivers.hook.answer = lambda body: (503, {"Retry-After": "3"})
        for host in (MX1, MX2):
            self.lab.set_certificate(host, left=model.hours(-1))
        self.until("failed attempts", lambda: re.search(
            r'notifications_failed_total{receiver="mail",reason="connect"} [1-9]', self.metrics()))
        self.until("failed attempts", lambda: re.search(
            r'notifications_failed_total{receiver="hook",reason="server"} [1-9]', self.metrics()))
        self.until("Alertmanager, which waits for nobody", lambda: self.receivers.seen()["am"] == ["page"])
        self.receivers.hook.requests.clear()
        self.receivers.hook.answer = lambda body: (200, {})
        self.receivers.mailbox.start()
        self.expect("the page", "page")


if __name__ == "__main__":
    unittest.main()
