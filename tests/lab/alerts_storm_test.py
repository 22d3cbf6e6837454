#!/usr/bin/python3
"""One MX host of five thousand domains breaks and heals: two messages for each receiver. Run in a lab that is up:

    STSWATCH_LAB_FAMILIES=storm tests/lab/lab exec -- tests/lab/alerts_storm_test.py
"""
import json
import re
import tempfile
import time
import unittest
from pathlib import Path

import domains_storm
import model
from alerting import DIRECTORY, RECEIVERS, Receivers, Watch, until
from live import Live

CALM_SECONDS = 20
SCHEDULE = 'dns = "10m"\npolicy = "1h"\nmx = "5s"\nconfirm_after = "2s"\nconfirmations = 2'
SUMS_ALONE = '[metrics]\nper_domain = "none"'          # asked for again and again
HOST = domains_storm.HOST
NAMES = [domains_storm.name(number) for number in range(domains_storm.COUNT)]


class StormTest(unittest.TestCase):
    def setUp(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        self.lab = self.enterContext(Live(DIRECTORY))
        self.receivers = self.enterContext(Receivers(folder))
        self.watch = self.enterContext(Watch(self.receivers, NAMES, SCHEDULE, more=SUMS_ALONE))

    def all_are(self, status):
        began = time.monotonic()
        until(f"all to be {status}", lambda: self.watch.domains(status) == len(NAMES),
              lambda: f"{self.watch.domains(status)} are\n{self.watch.said()}", seconds=300)
        print(f"\n{len(NAMES)} domains are {status} after {time.monotonic() - began:.0f} s", end="", flush=True)

    def expect(self, *words):
        """All that came to anybody, whatever it is about."""
        def count():
            return {"mail": len(self.receivers.mailbox.messages()), "hook": len(self.receivers.hook.requests),
                    "am": len(self.receivers.groups("own"))}
        until(f"{words}", lambda: min(count().values()) >= len(words), lambda: f"{count()}\n{self.watch.said()}")
        time.sleep(CALM_SECONDS)
        self.assertEqual(count(), dict.fromkeys(RECEIVERS, len(words)), self.watch.said())
        self.assertEqual(self.receivers.told_of(HOST), dict.fromkeys(RECEIVERS, list(words)))
        print(f"\nmessages: {count()}", end="", flush=True)

    def test_two_messages_for_each_receiver(self):
        self.all_are("ok")
        self.lab.set_certificate(HOST, left=model.hours(-1))
        self.all_are("critical")
        self.expect("page")
        seconds = self.watch.seconds_to_tell(HOST, "enforce-breakage-now", NAMES[0])
        print(f"\nfrom the confirming look to the message handed over: {seconds}", end="")
        notice = json.loads(self.receivers.hook.requests[0][2])
        self.assertEqual(notice.get("domain_count", len(notice["domains"])), len(NAMES))
        self.assertIn(f"defer mail for the {len(NAMES)} domains listed", notice["effect"])
        mail, = self.receivers.mailbox.messages()
        self.assertRegex(mail["Subject"], rf"^\[PAGE\] {re.escape(HOST)}: enforcing senders cannot deliver to {len(NAMES)} domains "
                                          r"since .* \(certificate has expired\)$")
        self.lab.set_certificate(HOST, left=model.days(60))
        self.all_are("ok")
        self.expect("page", "resolved")


if __name__ == "__main__":
    unittest.main()
