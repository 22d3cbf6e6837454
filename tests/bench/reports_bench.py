#!/usr/bin/python3
"""A Maildir with a hundred thousand TLS reports: how fast they are counted and what that costs; then the same again.

    tests/bench/reports_bench.py [--reports N] [--binary build/stswatch]
"""
import argparse
import base64
import datetime
import gzip
import json
import os
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

DAY = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)).strftime("%Y-%m-%d")
HEAD = ("From: noreply@sender.example\nSubject: Report Domain: d{0}.example\nTLS-Report-Domain: d{0}.example\n"
        "TLS-Report-Submitter: sender.example\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=tlsrpt; boundary=b\n\n--b\nContent-Type: text/plain\n\nA report.\n--b\n"
        "Content-Type: application/tlsrpt+gzip\nContent-Transfer-Encoding: base64\n\n")
DOMAINS = 1000


def report(number):
    domain = f"d{number % DOMAINS}.example"
    failures = [{"result-type": kind, "sending-mta-ip": f"192.0.2.{row}", "receiving-mx-hostname": f"mx{row}.{domain}",
                 "receiving-ip": f"198.51.100.{row}", "failed-session-count": 1}
                for row, kind in enumerate(("certificate-expired", "starttls-not-supported", "validation-failure"))]
    return json.dumps({
        "organization-name": f"Sender {number // DOMAINS}", "report-id": f"{DAY}_{number}", "contact-info": "a@sender.example",
        "date-range": {"start-datetime": f"{DAY}T00:00:00Z", "end-datetime": f"{DAY}T23:59:59Z"},
        "policies": [{"policy": {"policy-type": "sts", "policy-domain": domain, "mx-host": [f"*.{domain}"],
                                 "policy-string": ["version: STSv1", "mode: enforce", f"mx: *.{domain}", "max_age: 604800"]},
                      "summary": {"total-successful-session-count": 97, "total-failure-session-count": 3},
                      "failure-details": failures}]}).encode()


def ingest(binary, config, maildir):
    began = time.monotonic()
    process = subprocess.Popen([binary, "tlsrpt", "ingest", "--config", config, maildir], stdout=subprocess.PIPE, text=True)
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    return said.strip().replace("\n", ", "), seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, status


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--reports", type=int, default=100_000)
    options.add_argument("--binary", default="build/stswatch")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="stswatch-reports.") as name:
        folder = Path(name)
        for each in ("new", "cur", "tmp"):
            (folder / "mail" / each).mkdir(parents=True)
        octets = 0
        for number in range(given.reports):
            body = base64.encodebytes(gzip.compress(report(number), 6))
            octets += (folder / f"mail/new/{number}.x").write_bytes(
                HEAD.format(number % DOMAINS).encode() + body + b"--b--\n")
        (folder / "c.toml").write_text(f'[agent]\nstate = "{folder}/s.db"\n' +
                                       "".join(f'[[domain]]\nname = "d{i}.example"\n' for i in range(DOMAINS)))
        print(f"{given.reports} mails, {octets / 2**20:.0f} MiB")
        for turn in ("first", "again"):
            said, seconds, cpu, memory, status = ingest(given.binary, str(folder / "c.toml"), str(folder / "mail"))
            print(f"{turn}: {said}; {seconds:.1f} s, {given.reports / seconds:.0f} a second, {cpu:.1f} s of CPU, "
                  f"{memory:.0f} MiB, exit code {status >> 8}")
            for path in (folder / "mail/cur").iterdir():
                path.rename(folder / "mail/new" / path.name.split(":")[0])
        with sqlite3.connect(folder / "s.db") as database:
            counted = database.execute("SELECT sum(successful), sum(failed) FROM tlsrpt_totals").fetchone()
        print(f"counted: {counted}, expected: {(97 * given.reports, 3 * given.reports)}; the store has "
              f"{(folder / 's.db').stat().st_size / 2**20:.0f} MiB")
        return counted != (97 * given.reports, 3 * given.reports)


if __name__ == "__main__":
    raise SystemExit(main())
