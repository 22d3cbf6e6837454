"""Who may have what done by the service over HTTP, and what is never told: secrets."""
import base64
import contextlib
import http.client
import json
import os
import resource
import signal
import socket
import sqlite3
import threading
import time
import unittest
import urllib.parse
from pathlib import Path

from harness import BINARY, CONFIG, NOBODY, SECONDS, Case, Service, free_port, get


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
NAME = "example.com"
WHOLE = {"code": "*", "subject": "*", "for": "1h"}


class Acts(Case):
    def service(self, agent="", more="", host="127.0.0.1"):
        self.port = free_port()
        self.config = self.file("c.toml", f'[agent]\nlisten = "{host}:{self.port}"\nstate = "{self.folder}/s.db"\n{agent}\n'
                                          f'[dns]\nservers = ["{NOBODY}"]\ntimeout = "1s"\ntries = 1\n[[domain]]\nname = "{NAME}"\n{more}')
        return self.enterContext(Service("--config", self.config, port=self.port, folder=self.folder))

    def post(self, path, fields=None, **headers):
        """(status, body)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request("POST", path, urllib.parse.urlencode(fields or {}), {**FORM, **{k.replace("_", "-"): v for k, v in headers.items()}})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def silences(self):
        return json.loads(self.run_it("silence", "list", "--json", "--config", self.config).stdout)

    def seen(self):
        """The domain has been looked at."""
        end = time.monotonic() + SECONDS
        while get(self.port, f"/api/v1/domains/{NAME}")[0] != 200:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)

    def test_a_silence_needs_its_fields(self):
        service = self.service()
        self.seen()
        path = f"/domain/{NAME}/silence"
        for fields in ({}, {"for": "1h"}, {"code": "*", "subject": "*"}, {"code": "*", "for": "1h"}, {**WHOLE, "For": "1h"},
                       {**WHOLE, "untill": "x"}, {**WHOLE, "for": "never"}, {**WHOLE, "code": "mx-nonsense"}, {**WHOLE, "subject": ""}):
            with self.subTest(fields):
                self.assertEqual(self.post(path, fields)[0], 400)
        self.assertEqual(self.post(path + "?for=1h", WHOLE)[0], 400, "twice")
        self.assertEqual(self.silences(), [])
        self.assertEqual(self.post(path, WHOLE)[0], 303)
        self.assertEqual(self.post(path, {**WHOLE, "for": "", "comment": "moving"})[0], 303)
        end = time.monotonic() + SECONDS
        while not (there := self.silences()) or there[0]["comment"] != "moving":
            self.assertLess(time.monotonic(), end, there)
        (silence,) = there
        self.assertEqual((silence["until"], silence["by"]), (None, "127.0.0.1"))
        self.assertIn(f"of {NAME}, all of it, until it is ended, by 127.0.0.1", service.said())
        self.assertEqual(self.post(f"/domain/{NAME}/unsilence", {"id": "none"})[0], 404)
        self.assertEqual(self.post(f"/domain/{NAME}/unsilence")[0], 400)
        self.assertEqual(self.post(f"/domain/{NAME}/unsilence", {"id": silence["id"]})[0], 303)
        self.assertIn(f"silence {silence['id']} was ended by 127.0.0.1", service.said())

    def test_fields_do_not_come_by_the_address(self):
        self.service()
        self.seen()
        self.assertEqual(self.post(f"/domain/{NAME}/silence?" + urllib.parse.urlencode(WHOLE))[0], 400)
        self.assertEqual(self.silences(), [])

    def shown(self):
        """The comments of the silences that the service goes by."""
        return sorted(s["comment"] for s in json.loads(get(self.port, "/api/v1/silences")[1]))

    def test_silences_while_the_store_cannot_be_written(self):
        service = self.service()
        self.seen()
        path = f"/domain/{NAME}/silence"
        self.assertEqual(self.post(path, {**WHOLE, "comment": "old"})[0], 303)
        end = time.monotonic() + SECONDS
        while not (there := self.silences()):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)
        with contextlib.closing(sqlite3.connect(self.folder / "s.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            self.assertEqual(self.post(f"/domain/{NAME}/unsilence", {"id": there[0]["id"]})[0], 303)
            self.assertEqual(self.post(path, {**WHOLE, "comment": "new"})[0], 303)
            end = time.monotonic() + SECONDS
            while "until then memory is in RAM only" not in service.said():
                self.assertEqual(self.shown(), ["new"])
                self.assertLess(time.monotonic(), end, service.said())
                time.sleep(0.2)
            read_again = time.monotonic() + 7    # the store is read every five seconds
            while time.monotonic() < read_again:
                self.assertEqual(self.shown(), ["new"], service.said())
                time.sleep(0.5)
            self.assertEqual([s["comment"] for s in self.silences()], ["old"], "it is locked")
            other.execute("ROLLBACK")
        end = time.monotonic() + 3 * SECONDS     # it tries again after a while
        while [s["comment"] for s in self.silences()] != ["new"]:
            self.assertEqual(self.shown(), ["new"])
            self.assertLess(time.monotonic(), end, service.said())
            time.sleep(0.5)
        self.assertNotIn("was removed", service.said())

    def test_pages_of_other_sites_and_names_turned_to_us(self):
        self.service('external_url = "https://sts.example.net/"\nhosts = ["monitor"]')
        own = f"127.0.0.1:{self.port}"
        for host, headers, status in (
                (own, {}, 200), (own, {"Origin": f"http://{own}"}, 200), (f"localhost:{self.port}", {}, 200), ("monitor", {}, 200),
                ("sts.example.net", {"Origin": "https://sts.example.net"}, 200), (own, {"Origin": "null"}, 403),
                ("monitor", {"Origin": "https://monitor:8443", "Sec_Fetch_Site": "same-origin"}, 200),
                ("monitor", {"Origin": "https://monitor:8443"}, 403),
                (own, {"Sec_Fetch_Site": "same-site"}, 403), ("rebound.example", {}, 403),
                ("rebound.example", {"Origin": "http://rebound.example", "Sec_Fetch_Site": "same-origin"}, 403)):
            with self.subTest(host=host, headers=headers):
                self.assertEqual(self.post("/-/reload", Host=host, **headers)[0], status)
        self.assertEqual(get(self.port, "/-/healthy", headers={"Host": "rebound.example"})[0], 200)

    def test_asking_often_is_not_getting_often(self):
        service = self.service(more='[schedule]\ndns = "1h"\npolicy = "1h"\n')
        self.seen()
        for _ in range(5):
            self.assertEqual(self.post(f"/api/v1/domains/{NAME}/check")[0], 202)
            self.assertEqual(self.post(f"/domain/{NAME}/check")[0], 303)
        self.assertLessEqual(service.said().count("looked at again for"), 1)

    def test_a_right_password_does_not_wait_for_wrong_ones(self):
        web = self.file("web.yml", "basic_auth_users:\n  alice: " + self.slow_hash() + "\n")
        os.chmod(web, 0o600)
        self.port = free_port()
        config = self.file("c.toml", f'[agent]\nlisten = "127.0.0.1:{self.port}"\nstate = ":memory:"\nweb_config = "{web}"\n'
                                     f'[[domain]]\nname = "{NAME}"\n[dns]\nservers = ["{NOBODY}"]\ntimeout = "1s"\ntries = 1\n')
        service = self.enterContext(Service("--config", config, port=self.port, folder=self.folder, ready=self.answers))
        stop = threading.Event()

        def guess(number):
            n = 0
            while not stop.is_set():
                n += 1
                self.assertIn(self.ask(f"alice:{number}-{n}", "127.0.0.2")[0], (401, 429))
        guessers = [threading.Thread(target=guess, args=(i,)) for i in range(16)]
        for each in guessers:
            each.start()
        try:
            time.sleep(0.5)
            for source in ("127.0.0.3", "127.0.0.2"):       # elsewhere, and then remembered
                began = time.monotonic()
                self.assertEqual(self.ask("alice:open sesame", source)[0], 200)
                self.assertLess(time.monotonic() - began, 5)
        finally:
            stop.set()
            for each in guessers:
                each.join()
        self.assertNotIn("open sesame", service.said())

    def slow_hash(self):
        """bcrypt of "open sesame" at the cost that is usual."""
        return "$2y$10$abcdefghijklmnopqrstuu4SuEsu2LsUrAYUpWQHLMMc4GV5pZTxK"

    def answers(self):
        with socket.socket() as attempt:
            return attempt.connect_ex(("127.0.0.1", self.port)) == 0

    def ask(self, user, source):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS, source_address=(source, 0))
        try:
            connection.request("GET", "/-/healthy", headers={"Authorization": "Basic " + base64.b64encode(user.encode()).decode()})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


SECRETS = ("hook-s3cret", "slack-s3cret", "mail-s3cret", "token-s3cret")


class Secrets(Acts):
    def receivers(self, mode=0o600):
        files = {}
        for secret in SECRETS:
            path = Path(self.file(secret, (f"http://127.0.0.1:9/{secret}" if "slack" in secret else secret) + "\n"))
            path.chmod(mode)
            files[secret] = path.rename(path.with_name("f" + secret[:5]))
        hook, slack, mail, token = files.values()
        return (f'[[alerts.webhook]]\nname = "hook"\nurl = "http://127.0.0.1:9/"\nhmac_secret_file = "{hook}"\n'
                f'[[alerts.slack]]\nname = "slack"\napi_url_file = "{slack}"\n'
                f'[[alerts.email]]\nname = "mail"\nsmarthost = "127.0.0.1:9"\nusername = "u"\npassword_file = "{mail}"\n'
                f'from = "a@example.net"\nto = ["b@example.net"]\n[tlsrpt]\ntoken_file = "{token}"\n')

    def test_files_that_everybody_may_read_are_refused(self):
        head = f'[[domain]]\nname = "{NAME}"\n'
        for mode, code in ((0o600, 0), (0o640, 0), (0o440, 0), (0o644, 1), (0o604, 1), (0o602, 1), (0o601, 1)):
            for shared in (False, True):
                with self.subTest(mode=oct(mode), shared=shared):
                    told = f"[agent]\nshared_secret_files = {str(shared).lower()}\n" + head + self.receivers(mode)
                    done = self.run_it("config", "check", self.file("c.toml", told))
                    self.assertEqual(done.returncode, 0 if shared else code, done.stderr)
                    if done.returncode:
                        self.assertEqual(done.stderr.count("everybody may read this secret"), len(SECRETS), done.stderr)
                        self.assertRegex(done.stderr, r"c\.toml:\d+:\d+: alerts\.webhook\.hmac_secret_file: ")
        self.refused(("run", "--config", self.file("c.toml", head + self.receivers(0o644))), CONFIG, "chmod o=")

    def test_no_secret_is_told(self):
        service = self.service(more="[schedule]\nconfirmations = 1\nconfirm_after = \"1s\"\n" + self.receivers())
        self.seen()
        test = self.run_it("alerts", "test", "--config", self.config)
        told = [service.said(), test.stdout, test.stderr, self.run_it("config", "check", self.config).stdout]
        told += [get(self.port, path)[1] for path in ("/", f"/domain/{NAME}", "/metrics", "/api/v1/domains", f"/api/v1/domains/{NAME}",
                                                      "/api/v1/findings", "/api/v1/silences", "/-/healthy")]
        for secret in SECRETS:
            self.assertNotIn(secret, "\n".join(told))

    @unittest.skipIf(b"__asan_init" in Path(BINARY).read_bytes(), "its leak check looks at the process from another one")
    def test_no_core_is_left(self):
        limits = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))
        try:
            service = self.service()
        finally:
            resource.setrlimit(resource.RLIMIT_CORE, limits)
        service.process.send_signal(signal.SIGSEGV)
        _, status = os.waitpid(service.process.pid, 0)
        service.process.returncode = -signal.SIGSEGV
        self.assertTrue(os.WIFSIGNALED(status))
        self.assertFalse(os.WCOREDUMP(status))


if __name__ == "__main__":
    unittest.main()
