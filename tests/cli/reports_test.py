"""TLS reports (RFC 8460) as they come in: by mail into a Maildir, by POST, and from files; counted once, whatever happens."""
import base64
import datetime
import gzip
import json
import os
import random
import re
import signal
import socket
import subprocess
import time
import unittest
from pathlib import Path

from harness import BINARY, NOBODY, SECONDS, Case, Service, environment, free_port, get
from name_server import A, MX, TXT, NameServer, mx, txt

DAY = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)).strftime("%Y-%m-%d")
KILLS = 50
AILS = "agent-reports-failing"
SANITIZED = b"__asan_init" in Path(BINARY).read_bytes()


def report(number=0, organization="Google Inc.", successful=90, failed=10, domain="example.com"):
    return json.dumps({
        "organization-name": organization, "report-id": f"{DAY}_{number}", "contact-info": "a@sender.example",
        "date-range": {"start-datetime": f"{DAY}T00:00:00Z", "end-datetime": f"{DAY}T23:59:59Z"},
        "policies": [{"policy": {"policy-type": "sts", "policy-domain": domain, "policy-string": ["version: STSv1"]},
                      "summary": {"total-successful-session-count": successful, "total-failure-session-count": failed},
                      "failure-details": [{"result-type": "certificate-expired", "failed-session-count": failed,
                                           "receiving-mx-hostname": "mx.example.com"}]}]}).encode()


def mail(number=0, more="", **told):
    head = (f"From: noreply@sender.example\nSubject: Report\n{more}TLS-Report-Domain: example.com\nMIME-Version: 1.0\n"
            "Content-Type: multipart/report; report-type=tlsrpt; boundary=b\n\n--b\nContent-Type: text/plain\n\nx\n"
            "--b\nContent-Type: application/tlsrpt+gzip\nContent-Transfer-Encoding: base64\n\n")
    return head.encode() + base64.encodebytes(gzip.compress(report(number, **told))) + b"--b--\n"


class WhereTheyGo(Case):
    """What DNS says of the https host of a rua (RFC 8460 section 3), asked for without leave to post there."""
    TABLE = {("_smtp._tls.gone.example", TXT): [txt("v=TLSRPTv1; rua=https://reports.gone.example/v1")],
             ("_smtp._tls.bare.example", TXT): [txt("v=TLSRPTv1; rua=https://reports.bare.example/v1")],
             ("reports.bare.example", TXT): [txt("no address")],
             ("_smtp._tls.dark.example", TXT): [txt("v=TLSRPTv1; rua=https://reports.dark.example/v1")],
             ("reports.dark.example", A): None,
             ("_smtp._tls.there.example", TXT): [txt("v=TLSRPTv1; rua=https://reports.there.example/v1")],
             ("reports.there.example", A): [bytes([192, 0, 2, 1])]}

    def test_nowhere_is_told_and_what_nobody_knows_is_not(self):
        names = ("gone", "bare", "dark", "there")
        table = dict(self.TABLE)
        for name in names:
            table[f"{name}.example", MX] = [mx(10, f"mx.{name}.example")]
            table[f"mx.{name}.example", A] = [socket.inet_aton("127.0.0.1")]
        server = self.enterContext(NameServer(table))
        ports = ("--smtp-port", str(free_port()), "--https-port", str(free_port()))
        done = self.run_it("check", "--json", "--resolver", server.address, "--dns-source", "off", "--timeout", "5s", *ports,
                           *(f"{name}.example" for name in names))
        told = {verdict["domain"]: [f["detail"] for f in verdict["findings"] if f["code"] == "tlsrpt-rua-https-failing"]
                for verdict in json.loads(done.stdout)}
        for name in ("gone", "bare"):
            self.assertEqual(told[f"{name}.example"],
                             [f"https://reports.{name}.example/v1: reports.{name}.example has no address"], done)
        self.assertEqual((told["dark.example"], told["there.example"]), ([], []))


class ReportCase(Case):
    def config(self, more="", port=1):
        for name in ("new", "cur", "tmp"):
            (self.folder / "mail" / name).mkdir(parents=True, exist_ok=True)
        return self.file("c.toml", f'[agent]\nlisten = "127.0.0.1:{port}"\nstate = "{self.folder}/s.db"\n'
                                   f'[dns]\nservers = ["{NOBODY}"]\ntimeout = "1s"\ntries = 1\n'
                                   f'[[domain]]\nname = "example.com"\n[tlsrpt]\n{more}')

    def service(self, more):
        port = free_port()
        return self.enterContext(Service("--config", self.config(more, port), port=port, folder=self.folder))

    def deliver(self, name, octets):
        (self.folder / "mail/tmp" / name).write_bytes(octets)
        (self.folder / "mail/tmp" / name).rename(self.folder / "mail/new" / name)

    def listed(self, name):
        return sorted(path.name for path in (self.folder / "mail" / name).iterdir())

    def until(self, what, condition):
        end = time.monotonic() + 2 * SECONDS
        while not (answer := condition()):
            if time.monotonic() > end:
                self.fail(f"never: {what}; {self.errors()[-1500:]}")
            time.sleep(0.1)
        return answer

    def errors(self):
        return (self.folder / "stderr").read_text()

    def ails(self, service, what):
        """Health, the pages and the log say so; the service goes on."""
        health = self.until("told", lambda: (said := get(service.port, "/-/healthy"))[1].count(AILS) and said)
        self.assertEqual(health[0], 200)
        self.assertIn(what, health[1])
        self.assertIn(AILS, get(service.port, "/-/ready")[1])
        self.assertIn(AILS, get(service.port, "/")[1])
        self.assertIn("\nstswatch_tlsrpt_intake_ok 0\n", get(service.port, "/metrics")[1])
        self.assertIn(f"[{AILS}]", self.errors())

    def is_well(self, service):
        self.until("over", lambda: AILS not in get(service.port, "/-/healthy")[1])
        self.assertNotIn(AILS, get(service.port, "/")[1])
        self.assertIn("\nstswatch_tlsrpt_intake_ok 1\n", get(service.port, "/metrics")[1])

    def sums(self):
        import sqlite3
        with sqlite3.connect(self.folder / "s.db") as database:
            return database.execute("SELECT successful, failed FROM tlsrpt_totals WHERE policy_type = 'sts'").fetchone()


class ByPost(ReportCase):
    def test_counted_and_exported(self):
        service = self.service("http = true\n")
        service.metrics_with('stswatch_tlsrpt_sessions_total{domain="example.com",policy_type="sts",result="failed"} 0')
        send = lambda body, kind="application/tlsrpt+json": get(service.port, "/tlsrpt", body, {"Content-Type": kind})[0]
        self.assertEqual(send(report()), 201)
        self.assertEqual(send(gzip.compress(report()), "application/tlsrpt+gzip"), 200)
        self.assertEqual(send(b"{}"), 400)
        self.assertEqual(send(report(1), "text/plain"), 415)
        self.assertEqual(send(b" " * 2**20), 400)      # larger than other bodies may be
        metrics = get(service.port, "/metrics")[1]
        for line in ('stswatch_tlsrpt_sessions_total{domain="example.com",policy_type="sts",result="successful"} 90',
                     'stswatch_tlsrpt_failures_total{domain="example.com",policy_type="sts",'
                     'result_type="certificate-expired",organization="Google"} 10',
                     'stswatch_tlsrpt_reports_total{outcome="stored"} 1', 'stswatch_tlsrpt_reports_total{outcome="duplicate"} 1',
                     'stswatch_tlsrpt_reports_total{outcome="unreadable"} 2'):
            self.assertIn(line, metrics)
        self.assertIn("was not counted", service.said())

    def test_with_a_token_of_the_url_or_a_header_which_is_never_logged(self):
        token = self.file("token", "very-secret\n")
        Path(token).chmod(0o600)
        service = self.service(f'http = true\ntoken_file = "{token}"\n')
        kind = {"Content-Type": "application/tlsrpt+json", "Origin": "https://elsewhere.example"}
        self.assertEqual(get(service.port, "/tlsrpt", report(), kind)[0], 401)
        self.assertEqual(get(service.port, "/tlsrpt?token=wrong", report(), kind)[0], 401)
        self.assertEqual(get(service.port, "/tlsrpt?token=very-secret", report(), kind)[0], 201)
        self.assertEqual(get(service.port, "/tlsrpt", report(2), {**kind, "Authorization": "Bearer very-secret"})[0], 201)
        self.assertEqual(get(service.port, "/tlsrpt?token=very-secret", b"{}", kind)[0], 400)
        self.assertNotIn("very-secret", service.said())

    def test_nobody_is_let_in_who_was_not_asked_for(self):
        service = self.service("")
        self.assertEqual(get(service.port, "/tlsrpt", report(), {"Content-Type": "application/json"})[0], 404)
        self.assertNotIn("tlsrpt", get(service.port, "/metrics")[1])


    def test_a_token_that_is_gone_is_the_agents_own_trouble(self):
        token = self.file("token", "very-secret\n")
        Path(token).chmod(0o600)
        service = self.service(f'http = true\ntoken_file = "{token}"\n')
        Path(token).unlink()
        self.ails(service, token)
        self.assertEqual(get(service.port, "/tlsrpt?token=very-secret", report(), {"Content-Type": "application/json"})[0], 503)
        self.file("token", "very-secret\n")
        self.is_well(service)
        self.assertEqual(get(service.port, "/tlsrpt?token=very-secret", report(), {"Content-Type": "application/json"})[0], 201)


class ByMail(ReportCase):
    def test_a_maildir_that_cannot_be_read_is_the_agents_own_trouble(self):
        """It is gone, or without a part of it; then what came meanwhile is counted."""
        self.config()
        service = self.service(f'maildir = "{self.folder}/mail"\n')
        for number, part in enumerate(("mail", "mail/new", "mail/cur")):
            with self.subTest(part):
                path = self.folder / part
                aside = path.rename(self.folder / "aside")
                self.ails(service, f"{self.folder}/mail")
                aside.rename(path)
                self.deliver(f"{number}.a", mail(number))
                self.is_well(service)
                service.metrics_with(f'stswatch_tlsrpt_reports_total{{outcome="stored"}} {number + 1}')

    def test_a_maildir_full_of_what_cannot_be_read(self):
        self.config()
        for number in range(5000):                    # more than one listing has
            (self.folder / f"mail/new/0.{number}").symlink_to("/dev/zero")
        self.deliver("1.a", mail(1))
        service = self.service(f'maildir = "{self.folder}/mail"\n')
        self.ails(service, f"{self.folder}/mail/new/0.")
        service.metrics_with('stswatch_tlsrpt_reports_total{outcome="stored"} 1')
        self.deliver("2.b", mail(2))
        service.metrics_with('stswatch_tlsrpt_reports_total{outcome="stored"} 2')
        for number in range(5000):
            (self.folder / f"mail/new/0.{number}").unlink()
        self.is_well(service)

    @unittest.skipIf(SANITIZED, "it keeps what was freed")
    def test_mails_that_unfold_cost_no_more_together_than_one(self):
        """28 KB each, and 80,000 rows."""
        row = json.loads(report())["policies"][0]["failure-details"] * 80_000
        self.config()
        for number in range(16):
            body = json.loads(report(number))
            body["policies"][0]["failure-details"] = row
            self.deliver(f"{number}.x", b"TLS-Report-Domain: example.com\nContent-Type: application/tlsrpt+gzip\n"
                                        b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(gzip.compress(json.dumps(body, separators=(",", ":")).encode())))
        config = self.config()
        done = subprocess.Popen([BINARY, "tlsrpt", "ingest", "--config", config, str(self.folder / "mail")], env=environment(),
                                stdout=subprocess.PIPE, text=True)
        told = done.stdout.read()
        _, status, used = os.wait4(done.pid, 0)
        done.returncode = os.waitstatus_to_exitcode(status)
        done.stdout.close()
        self.assertEqual((done.returncode, told), (0, "stored: 16\n"))
        self.assertLess(used.ru_maxrss / 1024, 96, "MiB, of which the program itself is some 25")
        self.assertEqual(self.sums(), (16 * 90, 16 * 10))

    def test_taken_moved_and_remembered(self):
        self.config()
        self.deliver("1.a", mail(1))
        service = self.service(f'maildir = "{self.folder}/mail"\n')
        service.metrics_with('stswatch_tlsrpt_reports_total{outcome="stored"} 1')
        self.deliver("2.b", mail(2))
        self.deliver("3.c", b"Subject: x\nContent-Type: application/tlsrpt+gzip\n\nno gzip\n")
        service.metrics_with('stswatch_tlsrpt_reports_total{outcome="unreadable"} 1')
        service.metrics_with('stswatch_tlsrpt_reports_total{outcome="stored"} 2')
        self.assertEqual(self.listed("new"), [])
        self.assertEqual(self.listed("cur"), ["1.a:2,S", "2.b:2,S", "3.c:2,FS"])
        self.assertEqual(service.stop(signal.SIGTERM)[0], 0, service.said())
        service = self.service(f'maildir = "{self.folder}/mail"\n')
        service.metrics_with('result="successful"} 180')

    def test_only_what_the_own_mail_server_found_signed(self):
        results = "Authentication-Results: mx.own.example; dkim={} header.d=sender.example\n"
        self.config()
        self.deliver("1", mail(1, results.format("pass")))
        self.deliver("2", mail(2, results.format("fail")))
        self.deliver("3", mail(3))
        config = self.config('authserv_id = "mx.own.example"\n')
        done = self.run_it("tlsrpt", "ingest", "--config", config, str(self.folder / "mail"))
        self.assertEqual((done.returncode, done.stdout), (1, "stored: 1\nunauthenticated: 2\n"), done.stderr)
        self.assertEqual(self.listed("cur"), ["1:2,S", "2:2,FS", "3:2,FS"])


class FromFiles(ReportCase):
    def test_beside_the_service_that_runs(self):
        service = self.service("http = true\n")
        files = [self.file("a.json", report(1)), self.file("b.json.gz", gzip.compress(report(2))), self.file("c.eml", mail(3))]
        done = self.run_it("tlsrpt", "ingest", "--config", str(self.folder / "c.toml"), *files, files[0])
        self.assertEqual((done.returncode, done.stdout), (0, "stored: 3\nduplicate: 1\n"), done.stderr)
        service.metrics_with('result="successful"} 270')
        bad = self.run_it("tlsrpt", "ingest", "--config", str(self.folder / "c.toml"), self.file("d", "nothing"))
        self.assertEqual(bad.returncode, 1)
        self.assertIn("unreadable", bad.stderr)

    def test_what_cannot_be_read_holds_up_nothing(self):
        self.config()
        (self.folder / "none").mkdir()
        done = self.run_it("tlsrpt", "ingest", "--config", str(self.folder / "c.toml"), "gone.json", "none", self.file("a.json", report(1)))
        self.assertEqual((done.returncode, done.stdout), (1, "stored: 1\nunreadable: 2\n"), done.stderr)
        self.assertIn("stswatch: gone.json cannot be read", done.stderr)
        self.assertIn("none is no Maildir", done.stderr)

    def test_lint_says_what_is_in_one(self):
        done = self.run_it("lint", "tlsrpt-report", self.file("c.eml", mail(3)), "--json")
        self.assertEqual((done.returncode, json.loads(done.stdout)["totals"]["failed"]), (0, 10))
        self.assertEqual(self.run_it("lint", "tlsrpt-report", self.file("d", "{")).returncode, 2)


class Killed(ReportCase):
    """kill -9 at any moment: nothing is lost, nothing is counted twice."""

    def test_as_often_as_one_likes(self):
        config = self.config()
        chance, count = random.Random(8460), 6000
        for number in range(count):
            self.deliver(f"{number:05d}.x", report(number, successful=1, failed=1))
        command = [BINARY, "tlsrpt", "ingest", "--config", config, str(self.folder / "mail")]
        kills = turns = 0
        while self.listed("new") and turns < 40 * KILLS:
            turns += 1
            process = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                process.wait(chance.uniform(0.02, 0.12) if kills < KILLS else SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
        print(f"{kills} kills in {turns} turns", flush=True)
        self.assertGreater(kills, 2)
        self.assertEqual(self.listed("new"), [])
        self.assertEqual(len(self.listed("cur")), count)
        self.assertEqual(self.sums(), (count, count))


if __name__ == "__main__":
    unittest.main()
