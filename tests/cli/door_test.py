"""Strangers at the door of the service's own HTTP server: 32 of a kind at once, while it is scraped."""
import gzip
import http.client
import json
import os
import select
import socket
import ssl
import subprocess
import threading
import time
import unittest
from pathlib import Path

from harness import BINARY, NOBODY, Case, Service, free_port, get, need
from tls_records import DATA, HANDSHAKE, Records

# bcrypt of "open sesame", cost 4
SESAME = "$2y$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"
WEB = f"tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\nbasic_auth_users:\n  alice: {SESAME}\n"
RIGHT = {"Authorization": "Basic YWxpY2U6b3BlbiBzZXNhbWU="}
MB = 1 << 20
SANITIZED = b"__asan_init" in Path(BINARY).read_bytes()
# MiB; a sanitizer needs room beside what is held, and keeps 256 of what was freed unless it is told to keep little.
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=8:thread_local_quarantine_size_kb=64"
AT_ONCE, GROWTH, PATIENCE = 32, 64 + 192 * SANITIZED, 2.0 + 4 * SANITIZED
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


def reported(rows=80_000, junk=0):
    """A report of some 20 KB that unfolds to 8 MB."""
    row = {"result-type": "certificate-expired", "failed-session-count": 1, "receiving-mx-hostname": "mx.example.com"}
    body = {"organization-name": "x", "report-id": "r", "date-range": {"start-datetime": "2026-01-01T00:00:00Z", "end-datetime": "2026-01-01T23:59:59Z"},
            "policies": [{"policy": {"policy-type": "sts", "policy-domain": "example.com"}, "failure-details": [row] * rows}], "x": ["y"] * junk}
    packed = gzip.compress(json.dumps(body, separators=(",", ":")).encode())
    return b"POST /tlsrpt HTTP/1.1\r\nHost: x\r\nContent-Type: application/tlsrpt+gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed


def plain_get(path, more=b""):
    return b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nAuthorization: " + RIGHT["Authorization"].encode() + b"\r\n" + more + b"\r\n"


def hello(most=ssl.TLSVersion.TLSv1_3):
    """What begins a handshake."""
    into, out, context = ssl.MemoryBIO(), ssl.MemoryBIO(), ssl.create_default_context()
    context.maximum_version = most
    try:
        context.wrap_bio(into, out, server_hostname="one").do_handshake()
    except ssl.SSLWantReadError:
        return out.read()
    raise AssertionError("no handshake ends so")


HELLO = hello(ssl.TLSVersion.TLSv1_2)[5:]
# What TLS allows after the handshake and brings no octet: the version, and what makes the next record.
IDLE = {
    "new keys": (ssl.TLSVersion.TLSv1_3, lambda tls: tls.new_key(0)),
    "new keys, and new ones wanted": (ssl.TLSVersion.TLSv1_3, lambda tls: tls.new_key(1)),
    "other handshakes": (ssl.TLSVersion.TLSv1_2, lambda tls: tls.seal(HANDSHAKE, HELLO)),
    "empty records": (ssl.TLSVersion.TLSv1_3, lambda tls: tls.seal(DATA, b"")),
    "empty records of old": (ssl.TLSVersion.TLSv1_2, lambda tls: tls.seal(DATA, b"")),
}
IDLE_RECORDS = 32                                                # kIdleRecords

# What is complete, and much of it: each is answered, and asked for again.
MANY = {
    "reports that unfold to rows": reported(),
    "reports that unfold to what nobody reads": reported(0, 390_000),
    "reports of sixteen megabytes": b"POST /tlsrpt HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 16777216\r\n\r\n" + b" " * (1 << 24),
    "pipelined requests": plain_get(b"/-/ready") * 500,
    "forms of a thousand fields": b"POST /domain/example.com/silence HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: " + RIGHT["Authorization"].encode()
                                  + b"\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 8000\r\n\r\n" + b"a&" * 4000,
    "probes": b"".join(plain_get(b"/probe?target=x%d.example.org" % i) for i in range(50)),
}


class Attack:
    """AT_ONCE connections that send without end for `seconds`, from one thread; each is opened again when it was closed.
    `in_turn`: the next is sent once the one before was answered. `until_closed`: and until more than AT_ONCE were, `until_answered`:
    until something was answered, which takes as long as the machine is slow; `beside`: and until there are eight of these."""

    def __init__(self, connect, first, again, seconds=1.2, at_once=AT_ONCE, until_closed=False, half_closed=False, reads=True, in_turn=False,
                 until_answered=False, beside=None):
        self.until_answered, self.beside = until_answered, beside
        self.until_closed, self.half_closed, self.reads, self.in_turn = until_closed, half_closed, reads, in_turn
        self.connect, self.first, self.again, self.seconds, self.at_once = connect, first, again, seconds, at_once
        self.sent = self.answered = self.closed = 0
        self.thread = threading.Thread(target=self.run)

    def goes_on(self, began):
        passed = time.monotonic() - began
        short = (self.until_closed and self.closed <= self.at_once) or (self.until_answered and self.answered == 0) \
            or (self.beside is not None and len(self.beside) < 8)
        return passed < self.seconds or (short and passed < 60)

    def run(self):
        began, open_, waiting = time.monotonic(), {}, set()
        while self.goes_on(began):
            while len(open_) < self.at_once:
                try:
                    open_[self.connect()] = memoryview(self.first)
                except OSError:
                    break
            moved = False
            for client in list(open_):
                try:
                    left = open_[client] if open_[client] or client in waiting else memoryview(self.again)
                    if left:
                        n = client.send(left)
                        self.sent, moved = self.sent + n, True
                        open_[client] = left[n:]
                        if self.half_closed and n == len(left):
                            client.shutdown(socket.SHUT_WR)
                        if self.in_turn and n == len(left):
                            waiting.add(client)
                except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                    pass
                except OSError:
                    moved |= self.drop(open_, client)
                    continue
                if self.again.startswith(b"GET /metrics") or not self.reads:
                    continue
                try:
                    got = client.recv(65536)
                    self.answered += len(got)
                    waiting.discard(client)
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
    def service(self, web=None, domains="", chain=0, key=("ec", "-pkeyopt", "ec_paramgen_curve:P-256")):
        self.port, self.tls = free_port(), None
        if web:
            subprocess.run(["openssl", "req", "-x509", "-newkey", *key, "-nodes", "-days", "7", "-subj", "/CN=one", "-keyout", self.folder / "server.key",
                            "-out", self.folder / "server.pem"], check=True, capture_output=True)
            os.chmod(self.file("web.yml", web), 0o600)
            self.tls = ssl.create_default_context()
            self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE
            if chain:
                self.chain(chain)
        more = f'web_config = "{self.folder}/web.yml"\n' if web else ""
        config = self.file("c.toml", f'[agent]\nlisten = "127.0.0.1:{self.port}"\nstate = ":memory:"\n{more}'
                                     f'[dns]\nservers = ["{NOBODY}"]\ntimeout = "1s"\ntries = 1\n[[domain]]\nname = "example.com"\n{domains}'
                                     "[tlsrpt]\nhttp = true\n")
        return self.enterContext(Service("--config", config, port=self.port, folder=self.folder, ready=lambda: self.scrape("/-/ready") < 30))

    def connect_plainly(self):
        client = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        client.setblocking(False)
        return client

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

    @need("openssl")
    def test_deadlines_are_kept(self):
        """Of each kind one, which nobody else wants to have closed: not before its time, and soon after it."""
        self.service(WEB)
        body = b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
        kinds = {"silence": (self.connect, b"", 10), "a head": (self.connect, b"GET / HT", 10), "a body": (self.connect, body, 20),
                 "no handshake": (self.connect_plainly, b"", 10), "half a handshake": (self.connect_plainly, hello()[:100], 10)}
        open_ = {}
        for kind, (connect, first, seconds) in kinds.items():
            client = connect()
            self.addCleanup(client.close)
            if first:
                client.send(first)
            open_[client] = (kind, time.monotonic(), seconds)
        while open_:
            readable, _, _ = select.select(list(open_), [], [], 40)
            self.assertTrue(readable, f"never closed: {[kind for kind, _, _ in open_.values()]}")
            for client in readable:
                try:
                    if client.recv(4096):
                        continue
                except (ssl.SSLWantReadError, BlockingIOError):
                    continue                                     # a ticket of TLS
                except OSError:
                    pass
                kind, began, seconds = open_.pop(client)
                with self.subTest(kind):
                    self.assertGreater(time.monotonic() - began, seconds - 0.5)
                    self.assertLess(time.monotonic() - began, seconds + 1 + PATIENCE)

    @need("openssl")
    def test_a_handshake_has_its_bounds(self):
        self.service("tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  client_auth_type: RequireAnyClientCert\n", chain=1)
        for size, closed in ((60_000, False), (80_000, True)):       # of a ClientHello of 100,000 octets
            with self.subTest(size), self.connect_plainly() as client:
                client.setblocking(True)
                whole = b"\x01" + (100_000).to_bytes(3, "big") + b"\x03\x03" + bytes(size)
                try:
                    for at in range(0, size, 16_000):
                        piece = whole[at:at + 16_000]
                        client.sendall(b"\x16\x03\x01" + len(piece).to_bytes(2, "big") + piece)
                except OSError:
                    pass
                client.settimeout(PATIENCE)
                if closed:
                    self.assertEqual(self.what_comes(client), b"")
                else:
                    self.assertRaises(TimeoutError, client.recv, 1)
        one = len(ssl.PEM_cert_to_DER_cert((self.folder / "server.pem").read_text()))
        for octets, taken in ((24 << 10, True), (40 << 10, False)):
            with self.subTest(octets):
                self.chain(octets // one)
                if taken:
                    self.assertLess(self.scrape(), 30)
                else:
                    self.assertRaises(OSError, self.scrape)

    def what_comes(self, client):
        try:
            return client.recv(1)
        except ConnectionError:
            return b""

    def chain(self, length):
        """What a client shows of itself from now on."""
        shown = self.folder / "client.pem"
        shown.write_text((self.folder / "server.pem").read_text() * length)
        self.tls = ssl.create_default_context()
        self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE
        self.tls.load_cert_chain(shown, self.folder / "server.key")

    def test_many_complete_requests(self):
        for kind, again in MANY.items():
            service = self.service()
            with self.subTest(kind):
                refused = kind == "reports of sixteen megabytes"          # two of them are too many
                attack = Attack(self.connect, again, again, seconds=4.0, in_turn=True, until_answered=not refused)
                self.holds(service, kind, [attack])
                if not refused:
                    self.assertGreater(attack.answered, 0)

    def test_clients_that_half_close(self):
        """Whole requests are answered, also to who does not read that; of the others nobody hears again."""
        service = self.service()
        for kind, first, reads in (("half of a request and half closed", b"GET /metrics HT", True), ("half closed", plain_get(b"/metrics"), True),
                                   ("half closed, and not read", plain_get(b"/metrics"), False)):
            with self.subTest(kind):
                attack = Attack(self.connect, first, b"", half_closed=True, reads=reads)
                self.holds(service, kind, [attack])
                self.assertEqual(attack.answered > 0, reads and first.endswith(b"\r\n\r\n"))

    @need("openssl")
    def test_handshakes_that_stall(self):
        service = self.service(WEB)
        whole = hello()
        for kind, first, at_once in (("nothing of a handshake", b"", 600), ("half of a ClientHello", whole[:100], 600),
                                     ("a ClientHello and no more", whole, 600), ("ClientHellos without end", whole, AT_ONCE)):
            with self.subTest(kind):
                attack = Attack(self.connect_plainly, first, whole if at_once == AT_ONCE else b"", at_once=at_once, reads=at_once == AT_ONCE)
                self.holds(service, kind, [attack])

    @need("openssl")
    def test_records_without_data_are_counted(self):
        """As many as a request may have, and none more: whoever sends them without end is heard no further, and holds up nobody."""
        self.service(WEB)
        with self.connect() as client:
            client.setblocking(True)
            client.sendall(plain_get(b"/metrics", b"Connection: close\r\n"))
            whole = b"".join(iter(lambda: client.recv(65536), b""))
        for kind, (version, record) in IDLE.items():
            with self.subTest(kind, few=True):
                tls = Records(self.port, version)
                self.addCleanup(tls.socket.close)
                for last in (b"keep-alive", b"close"):           # each request has its own
                    tls.socket.sendall(b"".join(record(tls) for _ in range(IDLE_RECORDS - 2))
                                       + tls.seal(DATA, plain_get(b"/metrics", b"Connection: " + last + b"\r\n")))
                self.assertGreater(sum(self.records_until_closed(tls.socket)), 1.5 * len(whole))
            with self.subTest(kind, few=False):
                tls = Records(self.port, version)
                self.addCleanup(tls.socket.close)
                sender = threading.Thread(target=self.send_all, args=(tls.socket, b"".join(record(tls) for _ in range(8000))))
                sender.start()
                self.assertLess(self.scrape("/-/ready"), PATIENCE)
                heard = self.records_until_closed(tls.socket)
                sender.join()
                self.assertLess(len(heard), IDLE_RECORDS + 5, "answers, the tickets among them")

    def send_all(self, client, octets):
        try:
            client.sendall(octets)
        except OSError:
            pass

    def records_until_closed(self, client):
        """The octets of each record that comes."""
        heard = b""
        try:
            while got := client.recv(65536):
                heard += got
        except ConnectionError:
            pass
        sizes, at = [], 0
        while at + 5 <= len(heard):
            sizes.append(int.from_bytes(heard[at + 3:at + 5], "big"))
            at += 5 + sizes[-1]
        return sizes

    @need("openssl")
    def test_a_crowd_of_handshakes_holds_up_nobody_who_has_had_his(self):
        """Each costs a signature of RSA: of a turn they have a part, whatever their number."""
        self.service(WEB, key=("rsa:4096",))
        self.assertLess(self.scrape(), 30)
        done, ends, whole = [0], threading.Event(), hello()
        def crowd():
            open_ = set()
            while not ends.is_set():
                while len(open_) < AT_ONCE:
                    open_.add(client := self.connect_plainly())
                    client.send(whole)
                for client in select.select(list(open_), [], [], 0.1)[0]:
                    done[0] += 1                                 # its hello was answered
                    open_.remove(client)
                    client.close()
            for client in open_:
                client.close()
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=self.tls)
        self.addCleanup(connection.close)
        def ask():
            connection.request("GET", "/-/healthy", headers=RIGHT)
            answer = connection.getresponse()
            answer.read()
            self.assertEqual(answer.status, 200)
        ask()
        attack = threading.Thread(target=crowd)
        attack.start()
        try:
            while done[0] < AT_ONCE:
                ask()
            before, asked, new = done[0], 0, []
            while done[0] - before < 4 * AT_ONCE:
                ask()
                asked += 1
                if asked % 10 == 0:
                    new.append(self.scrape())
            many = done[0] - before
        finally:
            ends.set()
            attack.join()
        print(f"{AT_ONCE} x handshakes of RSA-4096: {many} of them, {asked} answers beside, new scrapes {new}", flush=True)
        self.assertGreater(asked, many / 16)

    def test_a_crowd_that_asks_for_much_keeps_no_monitor_waiting(self):
        """What is large is made one at a time, and once for all who wait; health waits for neither."""
        service = self.service(domains="".join(f'[[domain]]\nname = "d{i}.example.com"\n' for i in range(600)))
        until = time.monotonic() + 30
        while len(json.loads(get(self.port, "/api/v1/domains")[1])) < 500:
            self.assertLess(time.monotonic(), until)
        for path in ("/api/v1/domains", "/metrics"):
            with self.subTest(path):
                ask = plain_get(path.encode() + b"?")
                took = []
                attack = Attack(self.connect, ask, ask, seconds=6.0, at_once=100, in_turn=True, beside=took)
                for _ in range(8):
                    self.scrape(path)
                before = self.memory(service, "VmRSS")
                attack.thread.start()
                most = before
                while attack.thread.is_alive():
                    for monitor in ("/-/healthy", "/metrics"):
                        took.append(self.scrape(monitor))
                    most = max(most, self.memory(service, "VmRSS"))
                print(f"100 x {path}: {most - before:+.1f} MiB, {len(took)} others, the slowest {max(took):.2f} s", flush=True)
                self.assertGreaterEqual(len(took), 8)
                self.assertLess(sorted(took)[-2], PATIENCE, took)
                self.assertLess(most - before, GROWTH)

    def test_what_was_refused_ends_the_connection(self):
        self.service()
        second = b"GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n"
        for first, status in ((HEAD + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
                              (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
                              (HEAD + b"Content-Length: +5\r\n\r\nhello", 400), (HEAD + b"Content-Length: 65537\r\n\r\n", 413),
                              (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", 415),
                              (b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", 404), (b"GET /-/reload HTTP/1.1\r\nHost: x\r\n\r\n", 405),
                              (b"GET /tlsrpt HTTP/1.1\r\nHost: x\r\n\r\n", 405), (b"GET /api/v1/domains/example.com/check HTTP/1.1\r\nHost: x\r\n\r\n", 405),
                              (b"GET /api/v1/domains/example.com/uncheck HTTP/1.1\r\nHost: x\r\n\r\n", 404), (b"DELETE / HTTP/1.1\r\nHost: x\r\n\r\n", 405),
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
        def answer(ranges):
            with socket.create_connection(("127.0.0.1", self.port), timeout=20) as client:
                client.sendall(b"GET /style.css HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + ranges + b"\r\n")
                answer = b""
                while more := client.recv(4096):
                    answer += more
                return answer
        whole = answer(b"")
        self.assertTrue(whole.startswith(b"HTTP/1.1 200 OK\r\n"))
        for ranges in (b"0-3", b"0-3,2-5", b"0-,0-,0-", b"-1", b"9999999-"):
            with self.subTest(ranges):
                self.assertEqual(answer(b"Range: bytes=" + ranges + b"\r\n"), whole)


if __name__ == "__main__":
    unittest.main()
