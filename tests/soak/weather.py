"""The weather between the agent and the lab: forwards DNS, HTTPS and SMTP to the lab's servers, or not.

    with Weather() as weather:           # DNS on 127.0.53.30 port 53; HTTPS on port 4443 and SMTP on port 2525 of
        weather.dns = "silent"           # every address of the lab
        weather.smtp = "421"

`fair` forwards. DNS: silent, servfail, refused, late, flaky (a fifth of the questions is lost). SMTP: 421, 451, hang (no
greeting), cut (closed without one), slow. HTTPS: hang (no handshake), slow. `deaf`: a predicate over the question's
name; what it holds for gets no answer whatever the weather.
"""
import heapq
import itertools
import random
import select
import socket
import struct
import threading
import time

import misbehave_dns
import world

DNS, HTTPS_PORT, SMTP_PORT = ("127.0.53.30", 53), 4443, 2525
LATE_SECONDS, SLOW_SECONDS, LONGEST_SECONDS = 0.3, 0.05, 120
REFUSALS = {"421": b"421 4.7.0 Too busy, try again later\r\n", "451": b"451 4.7.1 Try again later\r\n"}
RCODES = {"servfail": misbehave_dns.SERVFAIL, "refused": misbehave_dns.REFUSED}


def name_of(query):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("ascii", "replace"))
        at += 1 + query[at]
    return ".".join(labels).lower()


def listener(address, port):
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((address, port))
    made.listen(500)
    return made


class Weather:
    def __init__(self):
        self.dns = self.https = self.smtp = "fair"
        self.deaf = lambda name: False
        self._over, self._over_told = socket.socketpair()
        self._questions = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._questions.bind(DNS)
        self._streams = {listener(*DNS): self._dns_stream, listener("0.0.0.0", HTTPS_PORT): self._https,
                         listener("0.0.0.0", SMTP_PORT): self._smtp}
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._answer_questions, self._accept)]
        for thread in self._threads:
            thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._over_told.close()
        for thread in self._threads:
            thread.join()
        for made in (self._over, self._questions, *self._streams):
            made.close()

    # DNS

    def _answer_questions(self):
        lab = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        lab.connect(world.RESOLVER)
        asked, numbers, late, luck = {}, itertools.count(), [], random.Random(1)
        with lab:
            while True:
                wait = max(0, late[0][0] - time.monotonic()) if late else None
                ready = select.select([self._over, self._questions, lab], [], [], wait)[0]
                if self._over in ready:
                    return
                if self._questions in ready:
                    query, sender = self._questions.recvfrom(65535)
                    lost = self.dns == "flaky" and luck.random() < 0.2
                    if self.dns in RCODES:
                        self._questions.sendto(misbehave_dns.reply(query, RCODES[self.dns]), sender)
                    elif self.dns != "silent" and not lost and not self.deaf(name_of(query)):
                        number = next(numbers) % 65536
                        asked[number] = (query[:2], sender)
                        lab.send(number.to_bytes(2, "big") + query[2:])
                if lab in ready:
                    answer = lab.recv(65535)
                    number, sender = asked.pop(int.from_bytes(answer[:2], "big"), (None, None))
                    due = time.monotonic() + (LATE_SECONDS if self.dns == "late" else 0)
                    if sender:
                        heapq.heappush(late, (due, next(numbers), number + answer[2:], sender))
                while late and late[0][0] <= time.monotonic():
                    _, _, answer, sender = heapq.heappop(late)
                    self._questions.sendto(answer, sender)

    def _dns_stream(self, client):
        while True:
            query = misbehave_dns.read_framed(client)
            if self.dns in RCODES:
                client.sendall(misbehave_dns.framed(misbehave_dns.reply(query, RCODES[self.dns])))
            elif self.dns != "silent" and not self.deaf(name_of(query)):
                client.sendall(misbehave_dns.framed(misbehave_dns.ask_truth(query, True)))

    # HTTPS and SMTP

    def _accept(self):
        while True:
            ready = select.select([self._over, *self._streams], [], [])[0]
            if self._over in ready:
                return
            for made in ready:
                client, _ = made.accept()
                client.settimeout(LONGEST_SECONDS)
                threading.Thread(target=self._serve, args=(self._streams[made], client), daemon=True).start()

    @staticmethod
    def _serve(talk, client):
        with client:
            try:
                talk(client)
            except (OSError, ValueError, struct.error):
                pass                                     # the other side went away

    def _https(self, client):
        self._connection(client, 443, self.https)

    def _smtp(self, client):
        self._connection(client, 25, self.smtp)

    @staticmethod
    def _connection(client, port, weather):
        if weather in REFUSALS:
            client.sendall(REFUSALS[weather])
            client.recv(4096)                            # QUIT
        elif weather == "hang":
            while client.recv(4096):
                pass
        elif weather != "cut":
            forward(client, port, SLOW_SECONDS if weather == "slow" else 0)


def forward(client, port, pause):
    with socket.create_connection((client.getsockname()[0], port), timeout=LONGEST_SECONDS) as server:
        other = {client: server, server: client}
        open_ends = [client, server]
        while open_ends:
            ready = select.select(open_ends, [], [], LONGEST_SECONDS)[0]
            if not ready:
                return
            for end in ready:
                octets = end.recv(65536)
                time.sleep(pause)
                if octets:
                    other[end].sendall(octets)
                else:
                    open_ends.remove(end)
                    other[end].shutdown(socket.SHUT_WR)
