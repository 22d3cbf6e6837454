#!/usr/bin/python3
"""What reaches people when real servers break and heal: a real Postfix mailbox, a webhook, a real Alertmanager, and a real
Prometheus with the rules of contrib/. Run in a lab of its own domains that is up:

    STSWATCH_LAB_FAMILIES=alerts tests/lab/lab exec -- tests/lab/alerts_test.py
"""
import re
import subprocess
import tempfile
import time
import unittest
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import domains_alerts
import model
import selftest
from alerting import DIRECTORY, RECEIVERS, Prometheus, Receivers, Watch, until
from live import Live

GROUP_WAIT = 10
CALM_SECONDS = 20                                        # nothing more may come within this
FIELDS = ["Effect", "Seen", "Changed", "Since", "Until", "Fix", "Verify", "Code", "Page"]          # RULES 5.6
# A renewed certificate restarts the mail server, three within a second or two: no outage of an MX host.
SCHEDULE = 'dns = "2s"\npolicy = "2s"\nmx = "2s"\nconfirm_after = "1s"\nconfirmations = 3'
NAMES = [domain.name for domain in domains_alerts.DOMAINS]


def mx(domain, number):
    return f"mx{number}.{domain}"


def both(domain):
    return mx(domain, 1), mx(domain, 2)


def expire(lab, *hosts):
    for host in hosts:
        lab.set_certificate(host, left=model.hours(-1))


def renew(lab, *hosts):
    for host in hosts:
        lab.set_certificate(host, left=model.days(60))


def publish(lab, domain, number, *hosts):
    lab.set_policy(domain, model.policy(*hosts))
    lab.set_txt(domain, "_mta-sts", [f"v=STSv1; id={number};"])


@dataclass
class Fault:
    domain: str
    route: str
    code: str                                            # one that the notice names
    subject: str                                         # what its subject says after the domain
    breaks: Callable
    heals: Callable


def race(lab, domain):
    """The new id is out before the new policy."""
    lab.set_txt(domain, "_mta-sts", ["v=STSv1; id=2;"])
    until("the new id to be seen", lambda: AlertsTest.watch.has(f'stswatch_policy_info{{domain="{domain}",id="2"'))
    lab.set_policy(domain, model.policy(*both(domain), "mx1.both-expire.test"))


def add_mx(lab, domain):
    """Policy and MX together, and no new id: senders that hold the earlier policy do not know the new host."""
    lab.set_policy(domain, model.policy(*both(domain)))
    lab.set_mx(domain, [(10, mx(domain, 1)), (20, mx(domain, 2))])


FAULTS = [
    Fault("one-expires.test", "ticket", "certificate-expired", r"mx1\.one-expires\.test's certificate has expired",
          lambda lab, domain: expire(lab, mx(domain, 1)), lambda lab, domain: renew(lab, mx(domain, 1))),
    Fault("only-one.test", "page", "enforce-breakage-now", "enforcing senders cannot deliver since ",
          lambda lab, domain: expire(lab, mx(domain, 1)), lambda lab, domain: renew(lab, mx(domain, 1))),
    Fault("both-expire.test", "page", "enforce-breakage-now", "enforcing senders cannot deliver since ",
          lambda lab, domain: expire(lab, *both(domain)), lambda lab, domain: renew(lab, *both(domain))),
    Fault("loses-mx.test", "ticket", "mx-not-in-policy", r"mx2\.loses-mx\.test is not listed in the policy",
          lambda lab, domain: publish(lab, domain, 2, mx(domain, 1)),
          lambda lab, domain: publish(lab, domain, 3, *both(domain))),
    Fault("lists-none.test", "page", "mx-none-in-policy", "enforcing senders cannot deliver since ",
          lambda lab, domain: publish(lab, domain, 2, f"old.{domain}"),
          lambda lab, domain: publish(lab, domain, 3, *both(domain))),
    Fault("id-race.test", "ticket", "sts-update-order-race", "", race,
          lambda lab, domain: lab.set_txt(domain, "_mta-sts", ["v=STSv1; id=3;"])),
    Fault("same-id.test", "page", "sts-policy-changed-id-unchanged", "", add_mx,
          lambda lab, domain: lab.set_txt(domain, "_mta-sts", ["v=STSv1; id=2;"])),
]
LATE = "late-news.test"
# By way of Prometheus: (Alertmanager's receiver, alert, what is grouped by). A certificate is one message, the others
# have one for each alert that RULES 5.4 and 5.5 leave.
BY_RULES = {
    ("tickets", "MtaStsCertificateExpired", "mx1.one-expires.test"),
    ("pages", "MtaStsBreakageNow", "mx1.only-one.test"),
    ("pages", "MtaStsBreakageNow", "mx1.both-expire.test"), ("tickets", "MtaStsCertificateExpired", "mx2.both-expire.test"),
    ("tickets", "MtaStsDegraded", "mx2.loses-mx.test"),
    ("pages", "MtaStsBreakageNow", "lists-none.test"), ("tickets", "MtaStsUnexpectedChange", "lists-none.test"),
    ("pages", "MtaStsCachedPolicyExcludesMx", "same-id.test"), ("tickets", "MtaStsDegraded", "same-id.test"),
}


class AlertsTest(unittest.TestCase):
    """One service watches all the domains; each test breaks others."""
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        cls.lab = cls.enterClassContext(Live(DIRECTORY))
        cls.receivers = cls.enterClassContext(Receivers(folder))
        cls.watch = cls.enterClassContext(Watch(cls.receivers, NAMES, SCHEDULE, GROUP_WAIT))
        until("the domains to be looked at", lambda: cls.watch.has(
            *(f'stswatch_enforce_usable_mx{{domain="{name}",bound="min",level="rfc"}} [12]$' for name in NAMES)), cls.watch.said)
        cls.enterClassContext(Prometheus(folder))

    def wait_until(self, what, is_so):
        until(what, is_so, lambda: f"{self.told()}\n{self.watch.said()}")

    def told(self):
        return {name: self.receivers.told_of(name) for name in NAMES}

    def expect(self, wanted):
        """`wanted`: {domain: what each receiver is told of it}. Nothing more comes, and nothing else."""
        wanted = {name: {receiver: wanted.get(name, []) for receiver in RECEIVERS} for name in wanted}
        self.wait_until(f"what is due: {wanted}", lambda: all(
            len(self.receivers.told_of(name)[receiver]) >= len(words)
            for name, due in wanted.items() for receiver, words in due.items()))
        time.sleep(CALM_SECONDS)
        told = {name: self.receivers.told_of(name) for name in wanted}
        wrong = [name for name in wanted if told[name] != wanted[name]]
        self.assertEqual(wrong, [], "".join(
            f"\n{name}: due {wanted[name]}\ntold {told[name]}\n"
            + "\n".join(notice["title"] + ": " + notice["seen"] for notice in self.receivers.notices(name)) + "\n"
            + self.watch.said_of(name) for name in wrong))

    def test_each_fault_is_told_once_and_so_is_its_end(self):
        for fault in FAULTS:
            fault.breaks(self.lab, fault.domain)
        self.expect({fault.domain: [fault.route] for fault in FAULTS})
        print(f"\nfrom the confirming look to the message handed over, group_wait {GROUP_WAIT} s:", end="")
        for fault in FAULTS:
            with self.subTest(fault.domain):
                self.check_texts(fault)
                seconds = self.watch.seconds_to_tell(fault.domain, fault.code)
                print(f"\n  {fault.code}: {', '.join(f'{name} {n} s' for name, n in seconds.items())}", end="", flush=True)
                self.assertLessEqual(max(seconds.values()), GROUP_WAIT + 5)
        self.expect_by_rules("firing")
        for fault in FAULTS:
            fault.heals(self.lab, fault.domain)
        self.expect({fault.domain: [fault.route, "resolved"] for fault in FAULTS})
        for fault in FAULTS:
            with self.subTest(fault.domain, healed=True):
                self.check_end(fault)
        self.expect_by_rules("firing", "resolved")

    def told_by_rules(self):
        """{(receiver, alert, what is grouped by): ["firing", "resolved"]}: the groups of Alertmanager that told something."""
        told = {}
        for receiver in ("pages", "tickets"):
            for group in self.receivers.groups(receiver):
                by = group["groupLabels"]
                key = (receiver, group["alerts"][0]["labels"]["alertname"], by.get("host") or by.get("domain"))
                told.setdefault(key, []).append(group["status"])
        return told

    def expect_by_rules(self, *words):
        wanted = {key: list(words) for key in BY_RULES}
        self.wait_until("what the rules tell", lambda: all(
            len(self.told_by_rules().get(key, [])) >= len(words) for key in wanted))
        self.assertEqual(self.told_by_rules(), wanted)

    def check_texts(self, fault):
        """RULES 5.6: the subject, then the effect first; the same words in the same order for every receiver."""
        mail, = self.receivers.mails(fault.domain)
        self.assertRegex(mail["Subject"], rf"^\[{fault.route.upper()}\] {re.escape(fault.domain)}: {fault.subject}")
        self.assertEqual(mail.defects, [])
        text = mail.get_body(("plain",)).get_content()
        self.assertEqual([line.split(":")[0] for line in text.splitlines() if line and not line.startswith(" ")], FIELDS)
        words = " ".join(text.split())
        notice, = self.receivers.notices(fault.domain)
        self.assertEqual(mail["Subject"], f"[{fault.route.upper()}] {notice['title']}")
        for field in ("effect", "seen", "changed", "fix", "verify"):
            self.assertIn(" ".join(notice[field].split()), words)
        self.assertIn(fault.code, {finding["code"] for finding in notice["findings"]})
        alert, = self.receivers.alerts(fault.domain)
        self.assertEqual(alert["annotations"]["summary"], notice["title"])
        self.assertEqual(" ".join(alert["annotations"]["description"].split()), words)
        for needed in (fault.domain, "first seen 20", " confirmed ", ", last 20", "vantage: lab", "MX hosts that enforcing senders can use: ",
                       "RFC 8461 §"):
            self.assertIn(needed, words)
        self.check_command(notice["verify"])

    def check_command(self, command):
        """It shows what it is to show, at the only place that knows these names."""
        if host := re.search(r"-connect ([a-z0-9.-]+):25 ", command):
            command = command.replace(f"-connect {host[1]}:", f"-connect {selftest.dig('+short', host[1], 'A').strip()}:")
            done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
            self.assertIn("notAfter=", done.stdout)
            self.assertIn(host[1], done.stdout)
        else:
            self.assertRegex(command, "^(dig \\+short MX|stswatch check) ")

    def check_end(self, fault):
        """RULES 5.6: how long it lasted, what cured it; in the thread of the first message."""
        first, last = self.receivers.mails(fault.domain)
        self.assertRegex(last["Subject"], rf"^\[RESOLVED\] {re.escape(fault.domain)}: .*after (1 min|\d+ s)")
        self.assertEqual(first["References"], last["References"])
        text = last.get_body(("plain",)).get_content()
        self.assertRegex(text, r"(?m)^Changed: 20\S+ \S")
        self.assertIn("nothing to do", text)
        keys = [notice["key"] for notice in self.receivers.notices(fault.domain)]
        self.assertEqual((len({key.split(".")[0] for key in keys}), len(set(keys))), (1, 2))

    def test_receivers_that_were_down_get_one_notice(self):
        self.receivers.mailbox.stop()
        self.receivers.hook.answer = lambda body: (503, {"Retry-After": "3"})
        expire(self.lab, *both(LATE))
        for receiver, reason in (("mail", "connect"), ("hook", "server")):
            self.wait_until("failed attempts", lambda: self.watch.has(
                f'stswatch_notifications_failed_total{{receiver="{receiver}",reason="{reason}"}} [1-9]'))
        self.wait_until("Alertmanager, which waits for nobody", lambda: self.receivers.told_of(LATE)["am"] == ["page"])
        self.receivers.hook.requests.clear()
        self.receivers.hook.answer = lambda body: (200, {})
        self.receivers.mailbox.start()
        self.expect({LATE: ["page"]})


if __name__ == "__main__":
    unittest.main()
