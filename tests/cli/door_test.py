"""Strangers at the door of the service's own HTTP server: 32 of a kind at once, while it is scraped."""
import http.client
import os
import select
import socket
import ssl
import subprocess
import threading
import time
import unittest
from pathlib import Path

from harness import BINARY, NOBODY, Case, Service, free_port, need

# bcrypt of "open sesame", cost 4
SESAME = "$2y$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"
WEB = f"tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\nbasic_auth_users:\n  alice: {SESAME}\n"
RIGHT = {"Authorization": "Basic YWxpY2U6b3BlbiBzZXNhbWU="}
MB = 1 << 20
SANITIZED = b"__asan_init" in Path(BINARY).read_bytes()
# MiB; a sanitizer keeps 256 of what was freed.
AT_ONCE, GROWTH, PATIENCE = 32, 64 + 256 * SANITIZED, 2.0 + 4 * SANITIZED
HEAD = b"POST /-/reload HTTP/1.1\r\nHost: 127.0.0.1\r\n"
LINES = b"".join(b"X-%d: %s\r\n" % (i, b"b" * 1000) for i in range(60))

# What is sent first, and what is sent again and again after it.
ENDLESS = {
    "a chunked body": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"a" * 65536 + b"\r\n"),
    "one chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffff\r\n", b"a" * 65536),
    "a chunk line": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;", b"e" * 65536),
    "tiny chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 10000),
    "trailers": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", LINES),
    "header lines": (b"GET /-/ready HTTP/1.1\r\nHost: x\r\n", LINES),
    "a header line": (b"GET /-/ready HTTP/1.1\r\nHost: x\r\nX: ", b"a" * 65536),
    "a path": (b"GET /", b"a" * 65536),
    "no line at all": (b"", b"\xff" * 65536),
    "a body of a known length": (HEAD + b"Content-Length: 67108864\r\n\r\n", b"a" * 65536),
    "a compressed body": (HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"\0" * 65536 + b"\r\n"),
    "a report": (b"POST /tlsrpt HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"a" * 65536 + b"\r\n"),
    "requests without reading": (b"", b"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: " + RIGHT["Authorization"].encode() + b"\r\n\r\n"),
    "ranges": (b"GET /metrics HTTP/1.1\r\nHost: x\r\nRange: bytes=" + b",".join([b"0-"] * 1500) + b"\r\n\r\n", b""),
}

WRONG = b"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Basic d3Jvbmc6d3Jvbmc=\r\n\r\n"
# Kinds that are slow, or many: what is sent first, and again and again after it.
SLOW = {
    "a dripped head": (b"GET /metrics HTTP/1.1\r\nX: ", b"a"),
    "not a word": (b"", b""),
    "a dripped body": (HEAD + b"Content-Length: 60000\r\n\r\n", b"a"),
}


class Attack:
    """AT_ONCE connections that send without end for `seconds`, from one thread; each is opened again when it was closed.
    `until_closed`: and until more than AT_ONCE were, which takes as long as the machine is slow."""

    def __init__(self, connect, first, again, seconds=2.0, at_once=AT_ONCE, until_closed=False):
        self.until_closed = until_closed
        self.connect, self.first, self.again, self.seconds, self.at_once = connect, first, again, seconds, at_once
        self.sent = self.answered = self.closed = 0
        self.thread = threading.Thread(target=self.run)

    def goes_on(self, began):
        passed = time.monotonic() - began
        return passed < self.seconds or (self.until_closed and self.closed <= self.at_once and passed < 60)

    def run(self):
        began, open_ = time.monotonic(), {}
        while self.goes_on(began):
            while len(open_) < self.at_once:
                try:
                    open_[self.connect()] = memoryview(self.first)
                except OSError:
                    break
            moved = False
            for client in list(open_):
                try:
                    left = open_[client] or memoryview(self.again)
                    if left:
                        n = client.send(left)
                        self.sent, moved = self.sent + n, True
                        open_[client] = left[n:]
                except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                    pass
                except OSError:
                    moved |= self.drop(open_, client)
                    continue
                if self.again.startswith(b"GET /metrics"):
                    continue
                try:
                    got = client.recv(65536)
                    self.answered += len(got)
                    moved |= bool(got)
                    if not got:
                        self.drop(open_, client)
                except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    pass
                except OSError:
                    self.drop(open_, client)
            if not moved:
                select.select(list(open_), [], [], 0.02)
        for client in open_:
            client.close()

    def drop(self, open_, client):
        del open_[client]
        client.close()
        self.closed += 1
        return True


class Door(Case):
    def service(self, web=None):
        self.port, self.tls = free_port(), None
        if web:
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "7",
                            "-subj", "/CN=one", "-keyout", self.folder / "server.key", "-out", self.folder / "server.pem"],
                           check=True, capture_output=True)
            os.chmod(self.file("web.yml", web), 0o600)
            self.tls = ssl.create_default_context()
            self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE
        more = f'web_config = "{self.folder}/web.yml"\n' if web else ""
        config = self.file("c.toml", f'[agent]\nlisten = "127.0.0.1:{self.port}"\nstate = ":memory:"\n{more}'
                                     f'[dns]\nservers = ["{NOBODY}"]\ntimeout = "1s"\ntries = 1\n[[domain]]\nname = "example.com"\n')
        return self.enterContext(Service("--config", config, port=self.port, folder=self.folder, ready=lambda: self.scrape("/-/ready") < 30))

    def connect(self):
        client = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        if self.tls:
            client = self.tls.wrap_socket(client)
        client.setblocking(False)
        return client

    def scrape(self, path="/metrics"):
        """How long it took until the whole answer was there."""
        began = time.monotonic()
        kind = (lambda **how: http.client.HTTPSConnection(context=self.tls, **how)) if self.tls else http.client.HTTPConnection
        connection = kind(host="127.0.0.1", port=self.port, timeout=20)
        try:
            connection.request("GET", path, headers=RIGHT if self.tls else {})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise OSError(f"{path}: {answer.status}")
        finally:
            connection.close()
        return time.monotonic() - began

    def memory(self, service, key):
        with open(f"/proc/{service.process.pid}/status") as lines:
            return int(next(line for line in lines if line.startswith(key + ":")).split()[1]) / 1024

    def holds(self, service, what, attacks):
        for _ in range(8):
            self.scrape()
        before = self.memory(service, "VmRSS")
        try:
            with open(f"/proc/{service.process.pid}/clear_refs", "w") as peak:
                peak.write("5")
        except PermissionError:                     # it is not dumpable, and we are not root
            before = self.memory(service, "VmHWM")
        for attack in attacks:
            attack.thread.start()
        took = []
        while any(attack.thread.is_alive() for attack in attacks):
            took.append(self.scrape())
            time.sleep(0.2)
        self.assertIsNone(service.process.poll())
        self.assertLess(self.memory(service, "VmHWM") - before, GROWTH, "MiB grown")
        late = sorted(took)[-2:] if len(took) > 4 else took
        self.assertLess(late[0], PATIENCE, took)
        print(f"{sum(a.at_once for a in attacks)} x {what}{' behind TLS' if self.tls else ''}: {self.memory(service, 'VmHWM') - before:+.1f} MiB, "
              f"{len(took)} scrapes, the slowest {max(took):.2f} s, for {sum(a.sent for a in attacks) / MB:.0f} MiB sent", flush=True)
        return took

    def each_kind(self, web):
        service = self.service(web)
        for kind, (first, again) in ENDLESS.items():
            with self.subTest(kind):
                ends = kind not in ("requests without reading", "ranges")
                attack = Attack(self.connect, first, again, until_closed=ends)
                self.holds(service, kind, [attack])
                self.assertGreater(attack.sent, len(first))
                if ends:
                    self.assertGreater(attack.closed, AT_ONCE, "each was ended, and ended again")

    def test_endless_clients(self):
        self.each_kind(None)

    @need("openssl")
    def test_endless_clients_behind_tls_and_before_any_password(self):
        self.each_kind(WEB)

    def test_slow_clients(self):
        service = self.service()
        for kind, (first, again) in SLOW.items():
            with self.subTest(kind):
                self.holds(service, kind, [Attack(self.connect, first, again, at_once=600)])

    @need("openssl")
    def test_slow_clients_and_wrong_passwords_behind_tls(self):
        """Who has the right password, from the same address, does not wait."""
        service = self.service(WEB)
        for kind, (first, again) in {**SLOW, "a wrong password": (WRONG, WRONG)}.items():
            with self.subTest(kind):
                attack = Attack(self.connect, first, again)
                self.holds(service, kind, [attack])
                self.assertGreaterEqual(attack.sent, len(first))

    def test_what_was_refused_ends_the_connection(self):
        self.service()
        second = b"GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n"
        for first, status in ((HEAD + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
                              (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
                              (HEAD + b"Content-Length: +5\r\n\r\nhello", 400), (HEAD + b"Content-Length: 65537\r\n\r\n", 413),
                              (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", 415),
                              (b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", 404), (b"GET /-/reload HTTP/1.1\r\nHost: x\r\n\r\n", 405), (b"DELETE / HTTP/1.1\r\nHost: x\r\n\r\n", 405),
                              (HEAD + b"Origin: https://elsewhere.example\r\nContent-Length: 0\r\n\r\n", 403)):
            with self.subTest(first), socket.create_connection(("127.0.0.1", self.port), timeout=20) as client:
                client.sendall(first + second)
                answer = b""
                while more := client.recv(4096):
                    answer += more
                self.assertEqual((answer.count(b"HTTP/1.1 "), answer[9:12].decode()), (1, str(status)), answer)
                self.assertIn(b"\r\nConnection: close\r\n", answer)

    def test_ranges_are_not_for_us(self):
        self.service()
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as client:
            client.sendall(b"GET /style.css HTTP/1.1\r\nHost: x\r\nConnection: close\r\nRange: bytes=0-3\r\n\r\n")
            self.assertTrue(client.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n"))


if __name__ == "__main__":
    unittest.main()
