#!/usr/bin/python3
"""A simulated week of resolver flaps, 421s and slow peers: nobody is told anything. Then a fault of one host, and one of all hosts
of another domain: one message each, and the second is no ticket with a page behind it. Run in
a lab that is up:

    unshare -n tests/lab/lab exec -- tests/soak/week.py
"""
import json
import sys
import time
import unittest
from pathlib import Path

import run
import weather
from run import LAB, Case, configuration, until
from timelapse import Timelapse

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cli"))
import model  # noqa: E402
from live import Live  # noqa: E402
from mailbox import Mailbox  # noqa: E402
from receivers import HttpListener, make_certificate  # noqa: E402

MAIL_PORT = 2526
WATCHED = ("s01-base.test", "s03-testing.test", "s41-m365-classic.test", "mx-wildcard.test", "mx-rsa.test")
BROKEN, LOST = "mx-rsa.test", "s01-base.test"
# (hours, quantum in seconds, the weather)
FLAPS = tuple((1 / 6, 60, {"dns": "servfail"} if number % 2 else {}) for number in range(12))
DAY = (*FLAPS, (1.5, 60, {"dns": "servfail"}), (2.5, 60, {}), (5, 60, {"smtp": "421"}), (1, 60, {}),
       (1, 60, {"dns": "refused", "smtp": "451"}), (3, 60, {}), (1, 60, {"smtp": "cut"}), (6, 60, {}))
# What makes the service wait costs real time as well: of that each day has a little.
FAIR = (0.5, 60, {})
SLOW = (((0.5, 300, {"dns": "silent"}), FAIR), ((0.5, 120, {"dns": "flaky"}), FAIR),
        ((1, 120, {"dns": "late", "smtp": "slow", "https": "slow"}),), ((0.5, 600, {"smtp": "hang"}), FAIR),
        ((1, 120, {"smtp": "slow"}),), ((1, 120, {"https": "slow"}),), ((1, 120, {"dns": "late"}),))


class Week(Case):
    def setUp(self):
        super().setUp()
        self.folder.chmod(0o755)
        pair = make_certificate(self.folder)
        pem, ca = self.folder / "mail.pem", self.folder / "ca.pem"
        pem.write_text(Path(pair[1]).read_text() + Path(pair[0]).read_text())
        ca.write_text((LAB / "ca.pem").read_text() + Path(pair[0]).read_text())
        self.mailbox = self.enterContext(Mailbox(self.folder / "mailbox", pem, MAIL_PORT))
        self.hook = self.enterContext(HttpListener())
        alerts = (f'[[alerts.email]]\nname = "mail"\nsmarthost = "localhost:{MAIL_PORT}"\nfrom = "w@example.net"\n'
                  f'to = ["ops@example.net"]\n[[alerts.webhook]]\nname = "hook"\nurl = "{self.hook.url}"\n')
        text = configuration(
            WATCHED, network=f"https_port = {weather.HTTPS_PORT}\nsmtp_port = {weather.SMTP_PORT}\n"
            'look_timeout = "3s"\nport25_canary = ["mx1.s01-base.test"]\n', schedule='dns = "15m"\n', more='timeout = "1s"\ntries = 2\n')
        self.config = self.configure(text.replace(f"{LAB}/ca.pem", str(ca)) + alerts)

    def messages(self):
        return ([mail["Subject"] for mail in self.mailbox.messages()]
                + [json.loads(body)["title"] for _, _, body in self.hook.requests])

    def pass_a_day(self, service, number):
        began, news = time.monotonic(), 0
        for hours, quantum, now in (*SLOW[number], *DAY[number:], *DAY[:number]):
            for part in ("dns", "https", "smtp"):
                setattr(self.weather, part, now.get(part, "fair"))
            state = service.passes(hours, quantum)
            news += len(state["told"])
            self.assertEqual(self.messages(), [], f"{state['now']}, {now}: {self.said()}")
        print(f"\n  day {number + 1}: {news} incidents came or went, no message, "
              f"{time.monotonic() - began:.0f} s", end="", flush=True)

    def said(self):
        return (self.folder / "log").read_text()[-3000:]

    def test_bad_weather_is_told_to_nobody(self):
        for slow in SLOW:
            self.assertAlmostEqual(sum(hours for hours, _, _ in (*DAY, *slow)), 24)
        with Timelapse(run.PROGRAMS.timelapse, self.config, self.folder / "log") as service:
            service.passes(3, 60)
            for number in range(7):
                self.pass_a_day(service, number)
            self.weather.dns = self.weather.https = self.weather.smtp = "fair"
            with Live(LAB) as lab:
                lab.set_certificate(f"mx1.{BROKEN}", left=model.hours(-1))
                service.passes(4, 60)
                until(lambda: len(self.messages()) >= 2, self.said)
                print(f"\n  after a real fault: {self.messages()}")
                told = f"{BROKEN}: mx1.{BROKEN}'s certificate has expired"
                self.assertEqual(self.messages(), [f"[TICKET] {told}", told])
                for host in (1, 2):
                    lab.set_certificate(f"mx{host}.{LOST}", left=model.hours(-1))
                service.passes(4, 60)
                until(lambda: len(self.mailbox.messages()) >= 2 and self.routes_of(LOST), self.said)
                print(f"\n  after one of all hosts: {self.routes_of(LOST)}")
                self.assertEqual(set(self.routes_of(LOST)), {"page"}, self.said())       # a page, and its reminders

    def routes_of(self, domain):
        notices = [json.loads(body) for _, _, body in self.hook.requests]
        return [notice["route"] for notice in notices if notice["title"].startswith(domain)]


if __name__ == "__main__":
    unittest.main()
