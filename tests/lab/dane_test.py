#!/usr/bin/python3
"""Does openssl s_client agree on which chains the TLSA records vouch for? The lab must be up; STSWATCH names the program."""
import json
import os
import subprocess
import unittest
from pathlib import Path

import world
from selftest import dig, output

CA_FILE = Path(os.environ.get("STSWATCH_LAB_DIR", "/tmp/stswatch-lab"), "ca.pem").resolve()
STSWATCH = os.environ.get("STSWATCH", "build/stswatch")
MATCHED, MISMATCHED = "matched", "mismatched"
EXPECTED = {"dane.test": MATCHED, "dane-rollover.test": MATCHED, "dane-pkix-beside.test": MATCHED,
            "dane-issuer.test": MATCHED, "dane-selector.test": MISMATCHED, "dane-issuer-not-sent.test": MISMATCHED,
            "s43-tlsa-old-key.test": MISMATCHED, "dane-pkix.test": "none", "dane-insecure.test": "unknown",
            "dane-bogus-tlsa.test": "unknown", "dane-bogus-denial.test": MATCHED,
            "dane-rsasha1.test": "unknown", "signed.test": "none", "s01-base.test": "unknown"}


def check(domain):
    done = subprocess.run([STSWATCH, "check", "--json", "--allow-private", "--resolver", ":".join(map(str, world.RESOLVER)),
                           "--ca-file", CA_FILE, domain], capture_output=True, text=True)
    return json.loads(done.stdout)[0]


def s_client(host, address):
    """By the records that a sender can use (RFC 7672 3.1.3)."""
    records = [line for line in dig("+short", f"_25._tcp.{host}", "TLSA").splitlines() if line[:1] in "23"]
    options = [word for record in records for word in ("-dane_tlsa_rrdata", record)]
    said = output("openssl", "s_client", "-starttls", "smtp", "-connect", f"{address}:25", "-dane_tlsa_domain", host,
                  "-dane_ee_no_namechecks", *options, stdin="QUIT\n")
    return MATCHED if "Verification: OK" in said and "DANE TLSA" in said else MISMATCHED


class Dane(unittest.TestCase):
    def test_each_domain_and_s_client_on_it(self):
        for domain, expected in EXPECTED.items():
            with self.subTest(domain):
                hosts = check(domain)["mx"]
                self.assertTrue(hosts)
                for host in hosts:
                    for address in host["addresses"]:
                        self.assertEqual(address["dane"], expected, host["host"])
                        if expected in (MATCHED, MISMATCHED):
                            self.assertEqual(s_client(host["host"], address["address"]), expected, host["host"])

    def test_the_three_forecasts(self):
        now = check("s43-tlsa-old-key.test")
        self.assertEqual(now["forecast"]["dane"]["breakage"]["at"], now["checked_at"])
        self.assertEqual(now["forecast"]["both"]["breakage"]["at"], now["checked_at"])
        self.assertGreater(now["forecast"]["breakage"]["at"], now["checked_at"])
        self.assertIsNone(check("dane.test")["forecast"]["dane"]["breakage"])
        self.assertNotIn("dane", check("s01-base.test")["forecast"])


if __name__ == "__main__":
    unittest.main()
