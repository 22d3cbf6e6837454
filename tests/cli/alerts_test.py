"""`stswatch alerts test`: a notice through each kind of receiver, over real TLS, and every way in which that fails."""
import email
import email.policy
import hashlib
import hmac
import json
import re
import shutil
import signal
import subprocess
import time
import unittest
import urllib.request
from pathlib import Path

from harness import BINARY, CONFIG, NOBODY, OUTPUT, SECONDS, USAGE, Case, Service, environment, free_port, get
from receivers import HttpListener, SmtpServer, make_certificate


class AlertsCase(Case):
    def setUp(self):
        super().setUp()
        self.pair = make_certificate(self.folder)

    def config(self, receivers, ca=True, more=""):
        network = f'[network]\nca_file = "{self.pair[0]}"\n' if ca else ""
        return self.file("c.toml", f'{network}[[domain]]\nname = "example.com"\n{receivers}{more}')

    def alerts_test(self, receivers, *arguments, **how):
        return self.run_it("alerts", "test", "--config", self.config(receivers, **how), *arguments)

    def mail_to(self, server, tls="starttls", host="localhost", auth=False, to='["ops@example.net"]'):
        user = f'username = "watch"\npassword_file = "{self.file("password", "pass word" + chr(10))}"\n' if auth else ""
        return (f'[[alerts.email]]\nname = "mail"\nsmarthost = "{host}:{server.port}"\ntls = "{tls}"\n{user}'
                f'from = "Watch <watch@example.net>"\nto = {to}\n')

    def sent(self, receivers, *arguments, **how):
        done = self.alerts_test(receivers, *arguments, **how)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return done.stdout

    def failed(self, receivers, reason, **how):
        done = self.alerts_test(receivers, **how)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn(f"FAILED ({reason}): ", done.stdout)
        self.assertNotIn("pass word", done.stdout + done.stderr)
        return done.stdout


class Mail(AlertsCase):
    def test_starttls_with_auth(self):
        with SmtpServer(self.pair) as server:
            self.assertEqual(self.sent(self.mail_to(server, auth=True, to='["ops@example.net", "B <b@example.net>"]')),
                             "mail: sent\n")
        mail, = server.mails
        self.assertTrue(mail["secure"])
        self.assertEqual(mail["user"], [b"watch", b"pass word"])
        self.assertTrue(mail["from"].startswith("MAIL FROM:<watch@example.net>"))
        self.assertEqual(mail["to"], ["<ops@example.net>", "<b@example.net>"])
        self.assertTrue(server.commands[0].startswith("EHLO example.net"), server.commands)
        message = email.message_from_bytes(mail["body"], policy=email.policy.default)
        self.assertEqual(message.defects, [])
        self.assertIn("TEST", message["Subject"])
        self.assertEqual([part.get_content_type() for part in message.iter_parts()], ["text/plain", "text/html"])
        text = message.get_body(("plain",)).get_content()
        self.assertTrue(text.startswith("Effect:"), text)
        for part in message.iter_parts():
            self.assertEqual(part.defects, [])
        for name in ("Date", "Message-ID", "References", "List-Id", "Auto-Submitted"):
            self.assertTrue(message[name], name)

    def test_implicit_tls(self):
        with SmtpServer(self.pair, implicit=True) as server:
            self.sent(self.mail_to(server, tls="implicit", auth=True))
        self.assertTrue(server.mails[0]["secure"])

    def test_no_starttls_no_mail(self):
        with SmtpServer(self.pair, offers_starttls=False) as server:
            self.failed(self.mail_to(server, auth=True), "tls")
        self.assertEqual(server.mails, [])
        self.assertFalse([c for c in server.commands if c.startswith("AUTH")])

    def test_a_certificate_that_does_not_verify(self):
        with SmtpServer(self.pair) as server:
            self.failed(self.mail_to(server, auth=True), "tls", ca=False)
        with SmtpServer(make_certificate(self.folder, "elsewhere")) as server:
            self.failed(self.mail_to(server, auth=True), "tls")
        self.assertEqual(server.mails, [])

    def test_refusals(self):
        with SmtpServer(self.pair) as server:
            for reply, reason in (("550 5.1.1 no such user", "rejected"), ("451 4.3.0 later", "throttled")):
                server.rcpt_reply = reply
                self.failed(self.mail_to(server), reason)
            server.rcpt_reply = "250 ok"
            for reply, reason in (("554 5.6.0 no", "rejected"), ("452 4.2.2 full", "throttled")):
                server.data_reply = reply
                self.failed(self.mail_to(server), reason)

    def test_a_wrong_password(self):
        with SmtpServer(self.pair) as server:
            receiver = self.mail_to(server, auth=True)
            self.file("password", "other")
            self.failed(receiver, "auth")
        self.assertEqual(server.mails, [])

    def test_a_token_instead_of_a_password(self):
        for mechanism, length in (("XOAUTH2", 20), ("XOAUTH2", 5000), ("OAUTHBEARER", 20), ("OAUTHBEARER", 3000)):
            with self.subTest(mechanism, length=length), SmtpServer(self.pair) as server:
                token = "ey." + "hush" * (length // 4)
                server.mechanisms, server.token = "PLAIN LOGIN " + mechanism, ("watch@example.net", token)
                file = self.file("token", token + "\n")
                receiver = self.mail_to(server) + f'username = "watch@example.net"\noauth_token_file = "{file}"\n'
                receiver += f'auth = "{mechanism.lower()}"\n' if mechanism == "OAUTHBEARER" else ""
                self.assertEqual(self.sent(receiver), "mail: sent\n")
                mail, = server.mails
                self.assertEqual(mail["user"], [mechanism.encode(), token.encode()])
                self.assertTrue(mail["secure"])
                self.file("token", "ey.hushhush-of-yesterday\n")               # it is read at each mail
                told = self.failed(receiver, "auth")
                self.assertIn("oauth_token_file", told)
                self.assertNotIn("hush", told)
                self.assertEqual(len(server.mails), 1)

    def test_a_token_is_not_sent_where_it_is_not_taken(self):
        with SmtpServer(self.pair) as server:                               # PLAIN alone
            file = self.file("token", "ey.hush\n")
            receiver = self.mail_to(server) + f'username = "watch@example.net"\noauth_token_file = "{file}"\n'
            self.failed(receiver, "auth")
        self.assertFalse([c for c in server.commands if c.startswith("AUTH")])

    def test_a_wrong_password_names_what_comes_instead(self):
        with SmtpServer(self.pair) as server:
            receiver = self.mail_to(server, auth=True)
            self.file("password", "other")
            self.assertIn("oauth_token_file", self.failed(receiver, "auth"))

    def test_by_a_program_of_this_machine(self):
        program = Path(self.file("sendmail", f"#!/bin/sh\necho \"$@\" > {self.folder}/words\ncat > {self.folder}/message\n"))
        program.chmod(0o755)
        receiver = (f'[[alerts.email]]\nname = "mail"\nsendmail = "{program}"\nfrom = "Watch <watch@example.net>"\n'
                    f'to = ["ops@example.net"]\n')
        self.assertEqual(self.sent(receiver), "mail: sent\n")
        self.assertEqual((self.folder / "words").read_text(), "-i -f watch@example.net -- ops@example.net\n")
        message = email.message_from_bytes((self.folder / "message").read_bytes(), policy=email.policy.default)
        self.assertEqual(message.defects, [])
        self.assertIn("TEST", message["Subject"])
        program.chmod(0o644)
        done = self.run_it("config", "check", self.config(receiver))
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("cannot be run", done.stderr)

    def test_a_server_that_is_not_there(self):
        with SmtpServer() as server:
            pass
        self.failed(self.mail_to(server), "connect")


class Http(AlertsCase):
    def test_each_kind_over_tls(self):
        secret = self.file("secret", "s3cret\n")
        with HttpListener(self.pair) as listener:
            url = self.file("slack", listener.url + "/services/T/B/hush\n")
            out = self.sent(f'[[alerts.slack]]\nname = "chat"\napi_url_file = "{url}"\nchannel = "#mail"\n'
                            f'[[alerts.webhook]]\nname = "hook"\nurl = "{listener.url}/hook"\nhmac_secret_file = "{secret}"\n')
        self.assertEqual(out, "chat: sent\nhook: sent\n")
        (slack_path, _, slack), (path, headers, body) = listener.requests
        self.assertEqual((slack_path, path), ("/services/T/B/hush", "/hook"))
        self.assertEqual(json.loads(slack)["channel"], "#mail")
        self.assertEqual(json.loads(slack)["blocks"][0]["type"], "header")
        signed = headers["X-Stswatch-Timestamp"].encode() + b"." + body
        self.assertEqual(headers["X-Stswatch-Signature"],
                         "sha256=" + hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest())
        self.assertLess(abs(int(headers["X-Stswatch-Timestamp"]) - time.time()), 60)
        self.assertEqual(json.loads(body)["version"], 1)

    def test_a_certificate_that_does_not_verify(self):
        with HttpListener(self.pair) as listener:
            self.failed(f'[[alerts.webhook]]\nname = "hook"\nurl = "{listener.url}/"\n', "tls", ca=False)
        self.assertEqual(listener.requests, [])

    def test_plain_text_where_tls_belongs(self):
        with HttpListener() as listener:
            url = listener.url.replace("http:", "https:")
            self.failed(f'[[alerts.webhook]]\nname = "hook"\nurl = "{url}/"\n', "tls")

    @unittest.skipUnless(shutil.which("prometheus-alertmanager"), "Alertmanager is not installed")
    def test_a_real_alertmanager_takes_it(self):
        port = free_port()
        quiet = self.file("am.yml", "route:\n  receiver: none\nreceivers:\n- name: none\n")
        process = subprocess.Popen(["prometheus-alertmanager", f"--config.file={quiet}", f"--storage.path={self.folder}/am",
                                    f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            end = time.monotonic() + 60
            while time.monotonic() < end:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5).read()
                    break
                except OSError:
                    time.sleep(0.1)
            self.sent(f'[[alerts.alertmanager]]\nname = "am"\nurl = "http://127.0.0.1:{port}"\n')
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v2/alerts", timeout=5) as answer:
                alert, = json.loads(answer.read())
            self.assertEqual(alert["labels"]["alertname"], "StswatchProblem")
            self.assertIn("TEST", alert["annotations"]["summary"])
        finally:
            process.kill()
            process.wait()


class Usage(AlertsCase):
    def test_one_receiver_of_several(self):
        with HttpListener() as listener:
            two = "".join(f'[[alerts.webhook]]\nname = "{name}"\nurl = "{listener.url}/{name}"\n' for name in ("a", "b"))
            self.assertEqual(self.sent(two, "--receiver", "b"), "b: sent\n")
            self.refused(["alerts", "test", "--config", self.config(two), "--receiver", "c"], USAGE, '"c"', "a, b")
        self.assertEqual([path for path, _, _ in listener.requests], ["/b"])

    def test_nobody_to_tell(self):
        self.refused(["alerts", "test", "--config", self.config("")], CONFIG, "no receiver")

    def test_an_alert_mailbox_on_a_watched_domain(self):
        receivers = ('[[alerts.email]]\nname = "mail"\nsmarthost = "127.0.0.1:25"\nfrom = "a@example.net"\n'
                     'to = ["x@sub.Example.com"]\n')
        done = self.run_it("config", "check", self.config(receivers))
        self.assertEqual(done.returncode, 0)
        self.assertIn("warning", done.stderr)
        self.assertIn("sub.example.com", done.stderr)


class DryRun(AlertsCase):
    """What would be sent is printed as it would be sent, but for what is secret, and nobody gets anything."""

    def test_each_kind_of_receiver(self):
        secret, token = self.file("secret", "s3cret-hush\n"), self.file("token", "xoxb-hush\n")
        program = Path(self.file("sendmail", f"#!/bin/sh\ntouch {self.folder}/ran\n"))
        program.chmod(0o755)
        with HttpListener() as listener, SmtpServer(self.pair) as server:
            url = self.file("slack", listener.url + "/services/T/B/hush\n")
            receivers = (self.mail_to(server, auth=True)
                         + f'[[alerts.email]]\nname = "local"\nsendmail = "{program}"\nfrom = "a@example.net"\nto = ["b@example.net"]\n'
                         f'[[alerts.slack]]\nname = "chat"\napi_url_file = "{url}"\nchannel = "#mail"\n'
                         f'[[alerts.slack]]\nname = "bot"\nbot_token_file = "{token}"\nchannel = "C1"\napi_url = "{listener.url}/api"\n'
                         f'[[alerts.webhook]]\nname = "hook"\nurl = "{listener.url}/hook?key=q-hush-q"\nmethod = "PUT"\n'
                         f'secret_files = {{key = "{secret}"}}\nhmac_secret_file = "{secret}"\n'
                         'headers = {Authorization = "Bearer typed-hush", Title = "{{ title }}"}\n'
                         'body = \'{"routing_key":"{{ secret.key }}","title":"{{ title }}"}\'\n'
                         f'[[alerts.alertmanager]]\nname = "am"\nurl = "{listener.url}"\n')
            out = self.sent(receivers, "--dry-run")
            again = self.sent(receivers, "--all", "--dry-run", "--receiver", "bot")
        self.assertEqual((listener.requests, server.mails, server.commands), ([], [], []))
        self.assertFalse((self.folder / "ran").exists())
        self.assertNotIn("hush", out)
        self.assertNotIn("pass word", out)
        parts = dict(re.findall(r"(?ms)^(\w+): would be sent:\n(.*?\n)\n(?=\w+: would be sent:|\Z)", out))
        self.assertEqual(list(parts), ["mail", "local", "chat", "bot", "hook", "am"], out)
        self.assertTrue(parts["mail"].startswith(f"by localhost:{server.port}, STARTTLS, as watch with ***, "
                                                 "from watch@example.net to ops@example.net\nFrom: "), parts["mail"])
        message = email.message_from_string(parts["mail"].partition("\n")[2], policy=email.policy.default)
        self.assertEqual(message.defects, [])
        self.assertIn("TEST", message["Subject"])
        self.assertTrue(parts["local"].startswith(f"by {program}, from a@example.net to b@example.net\nFrom: "))
        self.assertTrue(parts["chat"].startswith("POST ***\nContent-Type: application/json\n"))
        self.assertTrue(parts["bot"].startswith(f"POST {listener.url}/api/***\n"))     # as long as a token is
        self.assertIn("\nAuthorization: Bearer ***\n", parts["bot"])
        head, _, body = parts["hook"].partition("\n\n")
        self.assertTrue(head.startswith(f"PUT {listener.url}/hook?key=***\n"), head)
        for line in ("Authorization: Bearer ***", "X-Stswatch-Signature: sha256=***", "Content-Type: application/json"):
            self.assertIn(line, head.splitlines())
        self.assertRegex(head, r"(?m)^Title: TEST: .*\n(?:.*\n)*User-Agent: stswatch/")
        self.assertEqual(json.loads(body)["routing_key"], "***")
        self.assertEqual(json.loads(parts["am"].partition("\n\n")[2])[0]["labels"]["alertname"], "StswatchProblem")
        self.assertEqual(re.findall(r"(?m)^bot: (\w+): would be sent:$", again), ["new", "worse", "reminder", "better", "resolved", "new"])
        self.assertEqual(again.count('"ts":"***"'), 3)                   # an update of the first

    def test_what_could_not_be_sent_is_said(self):
        receiver = f'[[alerts.webhook]]\nname = "hook"\nurl = "https://example.net/"\nhmac_secret_file = "{self.folder}/gone"\n'
        done = self.alerts_test(receiver, "--dry-run")
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertIn("FAILED (config): ", done.stdout)


class Silences(Case):
    def setUp(self):
        super().setUp()
        self.state = str(self.folder / "s.db")
        port = free_port()
        config = self.file("c.toml", f'[agent]\nlisten = "127.0.0.1:{port}"\nstate = "{self.state}"\n'
                                     f'[dns]\nservers = ["{NOBODY}"]\n[[domain]]\nname = "example.com"\n')
        self.service = self.enterContext(Service("--config", config, port=port, folder=self.folder))
        self.where = ("--config", config)

    def silence(self, action, *arguments):
        done = self.run_it("silence", action, *self.where, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"\A(stswatch: warning: no domain that is remembered .*\n)?\Z")
        return done.stdout

    def silences(self):
        return json.loads(self.silence("list", "--json"))

    def test_beside_a_running_service_and_without_one(self):
        first = self.silence("add", "--domain", "*.example.com", "--for", "2h", "--comment", "being moved").strip()
        self.assertEqual([(s["id"], s["domain"], s["code"], s["subject"], s["comment"]) for s in self.silences()],
                         [(first, "*.example.com", "*", "*", "being moved")])
        self.assertEqual(self.service.stop(signal.SIGTERM)[0], 0, self.service.said())
        second = self.silence("add", "--code", "certificate-*", "--forever").strip()
        self.assertEqual({s["id"]: s["until"] is None for s in self.silences()}, {first: False, second: True})
        self.silence("remove", first)
        self.assertEqual([s["id"] for s in self.silences()], [second])
        self.assertIn("certificate-*", self.silence("list"))
        self.assertEqual(self.silence("add", "--code", "certificate-*", "--for", "1h", "--comment", "again").strip(), second)
        self.assertEqual([(s["id"], s["comment"]) for s in self.silences()], [(second, "again")])
        self.assertIn(" by command", self.silences()[0]["by"])
        everything = self.silence("add", "--all", "--for", "1h").strip()
        self.assertIn(everything, [s["id"] for s in self.silences() if s["domain"] == "*"])

    def test_several_at_once(self):
        adds = [subprocess.Popen([BINARY, "silence", "add", *self.where, "--domain", f"d{i}.example", "--for", "2h"],
                                 env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                for i in range(6)]
        ids = set()
        for each in adds:
            out, errors = each.communicate(timeout=SECONDS)
            self.assertEqual(each.returncode, 0, errors)
            ids.add(out.strip())
        self.assertEqual(len(ids), 6)
        self.assertEqual({s["id"] for s in self.silences()}, ids)
        self.assertEqual({s["domain"] for s in self.silences()}, {f"d{i}.example" for i in range(6)})

    def test_names_in_every_spelling(self):
        for typed, kept in (("Example.COM. ", "example.com"), ("*.münchen.de", "*.xn--mnchen-3ya.de")):
            made = self.silence("add", "--domain", typed, "--for", "2h").strip()
            self.assertIn((made, kept), [(s["id"], s["domain"]) for s in self.silences()])
        self.refused(["silence", "add", *self.where, "--domain", "mün*.de", "--for", "2h"], USAGE, "no glob of names")

    def test_a_name_that_nothing_fits_is_warned_of(self):
        self.service.metrics_with('domain="example.com"')
        self.assertEqual(self.service.stop(signal.SIGTERM)[0], 0)         # all is in the store
        for typed, warned in (("EXAMPLE.com.", False), ("*", False), ("exam?le.*", False), ("exampel.com", True), ("*.example.com", True)):
            with self.subTest(typed):
                done = self.run_it("silence", "add", *self.where, "--domain", typed, "--code", "mx-*", "--for", "2h")
                self.assertEqual((done.returncode, "no domain that is remembered" in done.stderr), (0, warned), done.stderr)

    def test_a_comment_steers_no_terminal(self):
        comment = "\x1b]0;owned\x07\x1b[31mred\nforged  *  *\x9b1m é"
        self.silence("add", "--domain", "example.com", "--for", "2h", "--comment", comment)
        told = self.silence("list")
        self.assertEqual(told.count("\n"), 1, told)
        self.assertNotRegex(told.rstrip("\n"), r"[\x00-\x1f\x7f-\x9f]")
        self.assertIn(r"\x1B]0;owned\x07\x1B[31mred\x0Aforged  *  *\xC2\x9B1m é", told)
        self.assertEqual(self.silences()[0]["comment"], comment)

    def test_the_service_says_who_silenced_what(self):
        made = self.silence("add", "--domain", "*.example.com", "--for", "2h", "--comment", "being moved").strip()
        end = time.monotonic() + 30
        while f"silence {made}: of *.example.com, all of it, until " not in self.service.said():
            self.assertLess(time.monotonic(), end, self.service.said())
            time.sleep(0.1)
        status, body = get(self.service.port, "/api/v1/silences")
        (silence,) = json.loads(body)
        self.assertEqual((status, silence["id"], silence["domain"], silence["comment"]), (200, made, "*.example.com", "being moved"))
        self.assertIn(" by command", silence["by"])
        self.assertIn("being moved", get(self.service.port, "/")[1])
        self.silence("remove", made)
        while f"silence {made} was removed" not in self.service.said():
            self.assertLess(time.monotonic(), end, self.service.said())
            time.sleep(0.1)

    def test_what_is_refused(self):
        self.each_refused({
            "everything": (("add", *self.where, "--for", "1h"), "--domain", "--all"),
            "everything, by globs": (("add", *self.where, "--domain", "*", "--for", "1h"), "--all"),
            "all, and not all": (("add", *self.where, "--all", "--domain", "x", "--for", "1h"), "--all"),
            "no code": (("add", *self.where, "--code", "certificate-expird", "--for", "1h"), '"certificate-expired"'),
            "for ever": (("add", *self.where, "--domain", "x"), "--forever"),
            "for ever, and not": (("add", *self.where, "--domain", "x", "--for", "1h", "--forever"),),
            "no duration": (("add", *self.where, "--domain", "x", "--for", "soon"), '"soon"'),
            "no time": (("add", *self.where, "--domain", "x", "--until", "tomorrow"), '"tomorrow"'),
            "over": (("add", *self.where, "--domain", "x", "--until", "2020-01-01T00:00:00Z"), "2020"),
            "both": (("add", *self.where, "--domain", "x", "--for", "1h", "--until", "2036-01-01T00:00:00Z"),),
            "not there": (("remove", *self.where, "nobody"), '"nobody"'),
            "no store named": (("list",),),
        }, USAGE, "silence")
        around = {"STSWATCH_CONFIG": self.where[1]}
        self.refused(["silence", "list", "--state", ":memory:"], CONFIG, ":memory:", env=around)    # what is typed goes first
        self.refused(["silence", "list"], CONFIG, ":memory:", env={**around, "STSWATCH_STATE": ":memory:"})
        self.assertEqual(self.run_it("silence", "list", "--json", env=around).returncode, 0)
        self.refused(["silence", "list", "--state", ":memory:"], CONFIG, ":memory:")
        self.refused(["silence", "list", "--state", str(self.folder / "none.db")], OUTPUT, "none.db")
        other = self.file("other.db", "no database")
        self.refused(["silence", "add", "--state", other, "--domain", "x", "--forever"], OUTPUT, "other.db")
        self.assertEqual(Path(other).read_text(), "no database")


if __name__ == "__main__":
    unittest.main()
