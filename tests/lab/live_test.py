#!/usr/bin/python3
"""Does a change reach the next question? Run in a lab that is up: lab exec -- tests/lab/live_test.py"""
import os
import unittest
from datetime import datetime, timezone
from pathlib import Path

import model
import selftest
import world
from live import Live, LiveError

DIRECTORY = Path(os.environ.get("STSWATCH_LAB_DIR", "/tmp/stswatch-lab"))
BASE, MX1 = "s01-base.test", "mx1.s01-base.test"
RECORD = f"_mta-sts.{BASE}"


def policy_of(domain):
    return selftest.curl(f"mta-sts.{domain}", DIRECTORY)


def tls_of(host):
    return selftest.starttls(host, DIRECTORY)


def leaf_of(host):
    return tls_of(host).partition("-----BEGIN CERTIFICATE-----")[2].partition("-----END")[0]


class LiveTest(unittest.TestCase):
    def setUp(self):
        self.lab = self.enterContext(Live(DIRECTORY))

    def test_a_record_is_what_the_resolver_answers_next(self):
        for number in range(5):
            self.lab.set_txt(BASE, "_mta-sts", [f"v=STSv1; id={number};"])
            self.assertEqual(selftest.dig("+short", RECORD, "TXT"), f'"v=STSv1; id={number};"\n')

    def test_a_record_taken_away_is_absent_and_comes_back(self):
        self.lab.set_txt(BASE, RECORD, [])
        self.assertIn("NXDOMAIN", selftest.dig(RECORD, "TXT"))
        self.lab.set_txt(BASE, RECORD, ["v=STSv1; id=1;"])
        self.assertIn("id=1", selftest.dig("+short", RECORD, "TXT"))

    def test_any_other_name_may_have_texts(self):
        self.lab.set_txt(BASE, "note", [("a" * 3, "b")])
        self.assertEqual(selftest.dig("+short", f"note.{BASE}", "TXT"), '"aaa" "b"\n')

    def test_a_signed_zone_stays_signed(self):
        self.lab.set_txt("signed.test", "_mta-sts", ["v=STSv1; id=7;"])
        self.assertIn("id=7", selftest.dig("_mta-sts.signed.test", "TXT"))
        self.assertIn(" ad", selftest.flags("_mta-sts.signed.test", "TXT"))

    def test_a_new_mail_host_answers(self):
        self.lab.set_mx(BASE, [(5, f"new.{BASE}")], hosts={f"new.{BASE}": model.Mail()})
        self.assertEqual(selftest.dig("+short", BASE, "MX"), f"5 new.{BASE}.\n")
        self.assertIn("Verify return code: 0 (ok)", tls_of(f"new.{BASE}"))

    def test_a_policy_file_is_served_and_so_is_another_answer(self):
        self.lab.set_policy(BASE, "version: STSv1\n")
        self.assertTrue(policy_of(BASE).endswith("\nversion: STSv1\n"))
        self.lab.set_policy(BASE, serve="return 404;")
        self.assertIn("404 Not Found", policy_of(BASE))

    def test_a_certificate_expires_and_is_renewed(self):
        for host, ask in ((MX1, lambda: tls_of(MX1)), (f"mta-sts.{BASE}", lambda: policy_of(BASE))):
            with self.subTest(host):
                self.lab.set_certificate(host, left=model.hours(-1))
                self.assertIn("certificate has expired", ask())
                self.lab.set_certificate(host, left=model.days(60))
                self.assertNotIn("certificate has expired", ask())

    def test_a_renewed_certificate_is_another(self):
        before = leaf_of(MX1)
        self.lab.set_certificate(MX1)
        self.assertNotEqual(before, leaf_of(MX1))

    def test_certificates_count_from_the_moment_given(self):
        self.lab.now = datetime(2031, 1, 1, tzinfo=timezone.utc)
        self.lab.set_certificate(MX1, left=model.days(1))
        self.assertIn("NotBefore: Dec  2 00:00:00 2030 GMT", tls_of(MX1))

    def test_hosts_stop_and_start(self):
        domain = "web-one-expired.test"
        self.lab.stop_policy_host(domain)
        self.assertIn("curl: (7)", policy_of(domain))
        self.lab.start_policy_host(domain)
        self.assertNotIn("curl: (7)", policy_of(domain))
        self.lab.stop_mail_host(MX1)
        self.assertIn("Connection refused", tls_of(MX1))
        self.lab.start_mail_host(MX1)
        self.assertIn("Verify return code: 0 (ok)", tls_of(MX1))

    def test_a_silent_resolver_comes_back(self):
        with self.lab.paused("unbound"):
            self.assertIn("timed out", selftest.output("dig", selftest.RESOLVER, "+time=1", "+tries=1", BASE, "MX"))
        self.assertIn("NOERROR", selftest.dig(BASE, "MX"))

    def test_what_a_running_lab_cannot_do_is_refused_and_changes_nothing(self):
        with self.assertRaises(LiveError):
            self.lab.stop_policy_host(BASE)
        with self.assertRaises(LiveError):
            self.lab.change(BASE, dnssec="signed")
        with self.assertRaises(LiveError):
            self.lab.set_certificate("nobody.test")
        self.assertIn("200", policy_of(BASE))

    def test_leaving_the_block_puts_everything_back(self):
        before = world.domain_of(BASE), selftest.dig("+short", RECORD, "TXT"), policy_of(BASE).partition("mx:")[2]
        with Live(DIRECTORY) as other:
            other.set_txt(BASE, "_mta-sts", [])
            other.set_policy(BASE, b"")
            other.set_certificate(MX1, left=model.hours(-1))
        after = world.domain_of(BASE), selftest.dig("+short", RECORD, "TXT"), policy_of(BASE).partition("mx:")[2]
        self.assertEqual(before, after)
        self.assertIn("Verify return code: 0 (ok)", tls_of(MX1))


if __name__ == "__main__":
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    unittest.main()
