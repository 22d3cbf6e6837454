"""/badge/DOMAIN.svg: only of those that the configuration allows, to whom it allows, and no word of the others."""
import base64
import time
import unittest
import urllib.error
import urllib.request
import xml.etree.ElementTree as Xml

from harness import NOBODY, SECONDS, Case, Service, free_port

# bcrypt of "open sesame", cost 4
USERS = "basic_auth_users:\n  alice: $2y$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy\n"
ALICE = {"Authorization": "Basic " + base64.b64encode(b"alice:open sesame").decode()}


class Badge(Case):
    def service(self, badge, users=True):
        self.port = free_port()
        names = ("shown.example", "hidden.example")
        web = f'web_config = "{self.file("web.yml", USERS)}"\n' if users else ""
        config = self.file("c.toml", f'[agent]\nlisten = "127.0.0.1:{self.port}"\nstate = ":memory:"\n{web}'
                                     f'[dns]\nservers = ["{NOBODY}"]\ntimeout = "1s"\ntries = 1\n{badge}'
                                     + "".join(f'[[domain]]\nname = "{name}"\n' for name in names))
        self.enterContext(Service("--config", config, port=self.port, folder=self.folder,
                                  ready=lambda: self.ask("/-/ready")[0] == 200))
        end = time.monotonic() + SECONDS
        while not all(name in (said := self.ask("/api/v1/domains")[2]) for name in names):
            self.assertLess(time.monotonic(), end, said)

    def ask(self, path, headers=ALICE, method="GET"):
        """(status, headers, body)"""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()
        except OSError as error:                                          # it does not listen yet
            return 0, {}, str(error)

    def test_a_picture_with_words(self):
        self.service('[badge]\nallow = ["shown.*"]\n', users=False)
        status, headers, body = self.ask("/badge/SHOWN.example.svg")
        self.assertEqual((status, headers["Content-Type"], headers["Cache-Control"]), (200, "image/svg+xml", "max-age=60"))
        picture = Xml.fromstring(body)
        self.assertEqual(picture.get("aria-label"), "MTA-STS of shown.example: unknown")     # nobody answers
        self.assertEqual(self.ask("/badge/shown.example.svg", method="HEAD")[0], 200)

    def test_nobody_learns_what_else_is_watched(self):
        self.service('[badge]\nallow = ["shown.example", "elsewhere.example"]\npublic = true\n')
        answers = {self.ask(f"/badge/{name}.svg", who)[::2] for who in (ALICE, {}) for name in (
            "hidden.example", "nobody.example", "elsewhere.example", "no%20name", "*", "shown.example.svg")}
        self.assertEqual(answers, {(404, "there is no such badge\n")})

    def test_none_unless_allowed(self):
        self.service("", users=False)
        self.assertEqual(self.ask("/badge/shown.example.svg")[0], 404)

    def test_a_password_is_asked_for_unless_they_are_public(self):
        self.service('[badge]\nallow = ["*"]\n')
        for name in ("shown.example", "nobody.example"):
            self.assertEqual(self.ask(f"/badge/{name}.svg", {})[0], 401)
        self.assertEqual(self.ask("/badge/shown.example.svg")[0], 200)

    def test_public_are_they_alone(self):
        self.service('[badge]\nallow = ["shown.example"]\npublic = true\n')
        self.assertEqual(self.ask("/badge/shown.example.svg", {})[0], 200)
        for path in ("/", "/metrics", "/api/v1/domains", "/badge", "/badgers", "//badge/x.svg", "/x/../badge/shown.example.svg"):
            with self.subTest(path):
                self.assertEqual(self.ask(path, {})[0], 401)
        self.assertEqual(self.ask("/badge/shown.example.svg", {}, "POST")[0], 401)
        for path in ("/badge/../metrics", "/badge/%2e%2e/metrics", "/badge/..%2fmetrics"):
            with self.subTest(path):
                self.assertNotIn("stswatch_", self.ask(path, {})[2])
                self.assertEqual(self.ask(path, {})[0], 404)


if __name__ == "__main__":
    unittest.main()
