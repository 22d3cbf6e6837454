"""agent.web_config: TLS and basic authentication of the service's own HTTP server."""
import base64
import os
import signal
import socket
import ssl
import subprocess
import unittest
import urllib.error
import urllib.request

from harness import CONFIG, NOBODY, Case, Service, free_port, need

# bcrypt of "open sesame", cost 4
SESAME = "$2y$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"
TLS = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"
USERS = f"basic_auth_users:\n  alice: {SESAME}\n"


@need("openssl")
class WebConfig(Case):
    def certificate(self, name, key_name="server"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "7",
                        "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.folder / f"{key_name}.key",
                        "-out", self.folder / "new.pem"], check=True, capture_output=True)
        os.rename(self.folder / "new.pem", self.folder / f"{key_name}.pem")

    def config(self, web):
        self.port = free_port()
        os.chmod(self.file("web.yml", web), 0o600)
        return self.file("c.toml", f'[agent]\nlisten = "127.0.0.1:{self.port}"\nstate = ":memory:"\nweb_config = "{self.folder}/web.yml"\n'
                                   f'[dns]\nservers = ["{NOBODY}"]\ntimeout = "1s"\ntries = 1\n[[domain]]\nname = "example.com"\n')

    def service(self, web):
        return self.enterContext(Service("--config", self.config(web), port=self.port, folder=self.folder, ready=self.answers))

    def answers(self):
        with socket.socket() as attempt:
            return attempt.connect_ex(("127.0.0.1", self.port)) == 0

    def ask(self, path="/-/healthy", scheme="https", user=None, post=False, trust="server.pem"):
        """(status, headers, body)"""
        headers = {"Authorization": "Basic " + base64.b64encode(user.encode()).decode()} if user else {}
        request = urllib.request.Request(f"{scheme}://127.0.0.1:{self.port}{path}", data=b"" if post else None, headers=headers)
        context = ssl.create_default_context(cafile=self.folder / trust) if scheme == "https" else None
        try:
            with urllib.request.urlopen(request, timeout=30, context=context) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()

    def shown(self):
        return ssl.get_server_certificate(("127.0.0.1", self.port))

    def test_tls(self):
        self.certificate("one")
        self.service(TLS)
        self.assertEqual(self.ask()[0], 200)
        self.assertIn("stswatch_build_info", self.ask("/metrics")[2])

    def test_health_comes_by_the_same_door(self):
        self.certificate("one")
        self.service(TLS + USERS)
        trust = ("--ca-file", str(self.folder / "server.pem"))
        url = f"127.0.0.1:{self.port}/-/healthy"
        for env, arguments, code, word in (
                ({"STSWATCH_HEALTH_URL": f"https://alice:open%20sesame@{url}"}, trust, 0, "HTTP 200"),
                ({}, ("--url", f"https://{url}", *trust), 1, "HTTP 401"),
                ({}, ("--url", f"https://alice:open%20sesame@{url}"), 1, "certificate"),
                ({}, ("--url", f"http://{url}"), 1, "HTTP 400")):
            with self.subTest(word):
                done = self.run_it("health", *arguments, env=env)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(word, done.stdout + done.stderr)
                self.assertNotIn("sesame", done.stdout + done.stderr)

    def test_plain_http_is_told_so(self):
        self.certificate("one")
        self.service(TLS)
        status, _, body = self.ask(scheme="http")
        self.assertEqual((status, "HTTPS only" in body), (400, True))
        self.assertEqual(self.ask()[0], 200)

    def test_old_tls_is_refused(self):
        self.certificate("one")
        self.service(TLS + "  min_version: TLS13\n")
        context = ssl.create_default_context(cafile=self.folder / "server.pem")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as line, self.assertRaises(ssl.SSLError):
            context.wrap_socket(line, server_hostname="127.0.0.1")
        self.assertEqual(self.ask()[0], 200)

    def test_a_renewed_certificate_is_shown_without_reload(self):
        self.certificate("one")
        self.service(TLS)
        before = self.shown()
        self.certificate("two")
        self.assertNotEqual(self.shown(), before)
        self.assertEqual(self.ask()[0], 200)

    def test_users(self):
        self.service(USERS)
        for user in (None, "alice:wrong", "bob:open sesame"):
            for path, post in (("/metrics", False), ("/-/healthy", False), ("/-/reload", True), ("/", False),
                               ("/domain/example.com/silence", True), ("/domain/example.com/unsilence", True)):
                with self.subTest(user=user, path=path):
                    status, headers, body = self.ask(path, "http", user, post)
                    self.assertEqual(status, 401)
                    self.assertIn("Basic", headers["WWW-Authenticate"])
                    self.assertNotIn("stswatch_", body)
        self.assertEqual(self.ask("/metrics", "http", "alice:open sesame")[0], 200)

    def test_users_behind_tls_and_headers(self):
        self.certificate("one")
        self.service(TLS + USERS + "http_server_config:\n  headers:\n    X-Frame-Options: deny\n")
        self.assertEqual(self.ask()[0], 401)
        status, headers, _ = self.ask(user="alice:open sesame")
        self.assertEqual((status, headers["X-Frame-Options"]), (200, "deny"))

    def test_clients_with_a_certificate(self):
        self.certificate("one")
        self.certificate("client", "client")
        self.service(TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: client.pem\n")
        context = ssl.create_default_context(cafile=self.folder / "server.pem")
        with self.assertRaises(OSError):
            urllib.request.urlopen(f"https://127.0.0.1:{self.port}/-/healthy", timeout=30, context=context)
        context.load_cert_chain(self.folder / "client.pem", self.folder / "client.key")
        with urllib.request.urlopen(f"https://127.0.0.1:{self.port}/-/healthy", timeout=30, context=context) as answer:
            self.assertEqual(answer.status, 200)

    def test_a_bad_file_is_refused_at_the_start(self):
        for why, web, *named in (("unknown key", "tls_serverconfig:\n", "web.yml:1:1", "tls_serverconfig"),
                                 ("no such certificate", TLS, "web.yml", "server.pem"),
                                 ("no bcrypt", "basic_auth_users:\n  alice: secret\n", "web.yml:2:10", "bcrypt")):
            with self.subTest(why):
                self.refused(("run", "--config", self.config(web)), CONFIG, *named)

    def test_config_check_reads_it_too(self):
        self.assertEqual(self.run_it("config", "check", self.config(USERS)).returncode, 0)
        done = self.run_it("config", "check", self.config("basic_auth_users:\n  alice: secret\n"))
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"web\.yml:2:10: .*bcrypt")

    def test_hashes_that_take_too_long(self):
        for cost, code in (("14", 0), ("15", 1), ("31", 1)):
            with self.subTest(cost):
                done = self.run_it("config", "check", self.config(USERS.replace("$04$", f"${cost}$")))
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertEqual(f"a bcrypt hash of cost {cost} takes about " in done.stderr, code == 1, done.stderr)

    def test_a_bad_file_is_refused_at_a_reload(self):
        service = self.service(USERS)
        self.file("web.yml", "basic_auth_users:\n  alice: secret\n")
        status, _, body = self.ask("/-/reload", "http", "alice:open sesame", post=True)
        self.assertEqual((status, "bcrypt" in body), (500, True))
        self.assertEqual(self.ask("/metrics", "http", "alice:open sesame")[0], 200)
        self.assertIn("reload refused", service.said())

    def test_ends_although_a_handshake_hangs(self):
        self.certificate("one")
        service = self.service(TLS)
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as client:
            client.sendall(b"\x16\x03\x01")
            self.assertEqual(self.ask()[0], 200)
            code, _, seconds = service.stop(signal.SIGTERM)
        self.assertEqual(code, 0)
        self.assertLess(seconds, 5)


if __name__ == "__main__":
    unittest.main()
