"""The resolver of the hostile world: it tells the truth of the lab's own, but where hostile_dns.py spoils it. And traps, for
where nobody may be led. Both run in the process that tests."""
import socket
import threading
from contextlib import suppress

from hostile_dns import KINDS, NXDOMAIN, Question, delegated
from misbehave_dns import ask_truth, framed, read_framed

ADDRESS = ("127.0.53.60", 53)


def _end(*sockets):
    """Wakes those who wait there, too."""
    for each in sockets:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()


def true_answer(query, over_tcp):
    """The lab's resolver's; where it was asked as a zone's own server is (no recursion desired), in the manner of one."""
    recursive = query[2] & 1
    answer = ask_truth(query[:2] + bytes([query[2] | 1]) + query[3:], over_tcp)
    return answer if recursive else answer[:2] + bytes([answer[2] & ~1 | 4, answer[3] & 0x7F]) + answer[4:]


class Front:
    """Serves until the block ends; a thread for each question, since most wait for the truth."""

    def __init__(self):
        self.asked = {}                                        # (name, type) -> how often
        self._lock = threading.Lock()
        self._datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._other_port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._listener = socket.create_server(ADDRESS, backlog=256)
        self._datagrams.bind(ADDRESS)
        self._other_port.bind((ADDRESS[0], 0))

    def __enter__(self):
        for work in (self._serve_datagrams, self._serve_streams):
            threading.Thread(target=work, daemon=True).start()
        return self

    def __exit__(self, *_):
        _end(self._datagrams, self._listener, self._other_port)

    def _spoiled(self, query, over_tcp):
        def truth():
            return true_answer(query, over_tcp)
        plain = Question(query, over_tcp, 0, truth)
        with self._lock:
            key = (plain.name, plain.kind)
            times = self.asked[key] = self.asked.get(key, -1) + 1
        question = Question(query, over_tcp, times, truth)
        spoil = KINDS.get(question.domain.removesuffix(".test").removeprefix("dns-"))
        made = (spoil(question) if spoil else None) or delegated(question, ADDRESS[0])
        return (made if made is not None else [question.truth()]), question

    def _serve_datagrams(self):
        while self._datagrams.fileno() >= 0:
            try:
                query, sender = self._datagrams.recvfrom(4096)
            except OSError:
                return
            threading.Thread(target=self._answer, args=(query, sender), daemon=True).start()

    def _answer(self, query, sender):
        try:
            packets, question = self._spoiled(query, False)
            if question.domain == "dns-lies.test":
                self._other_port.sendto(question.answer(code=NXDOMAIN), sender)
            for packet in packets:
                self._datagrams.sendto(packet, sender)
        except (OSError, ValueError, IndexError):
            pass                                               # no answer: what a lab's resolver under load does too

    def _serve_streams(self):
        while self._listener.fileno() >= 0:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection):
        connection.settimeout(90)
        with connection:
            try:
                while True:
                    made, _ = self._spoiled(read_framed(connection), True)
                    for part in made:
                        connection.sendall(framed(part) if isinstance(made, list) else part)
            except (OSError, ValueError, IndexError):
                pass


class Traps:
    """Listens where nobody may be led, and at the public address that they turned from; counts who came."""

    def __init__(self, addresses, ports=(25, 80, 443)):
        self.caught, self._sockets, self._over = [], [], False
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            made = [(socket.create_server((address, port), family=family), port) for port in ports]
            names = socket.socket(family, socket.SOCK_DGRAM)
            names.bind((address, 53))
            for sock, port in [*made, (names, 53)]:
                self._sockets.append(sock)
                threading.Thread(target=self._wait, args=(sock, address, port), daemon=True).start()

    def _wait(self, sock, address, port):
        while True:
            try:
                if sock.type == socket.SOCK_DGRAM:
                    sock.recvfrom(4096)
                else:
                    sock.accept()[0].close()
            except OSError:
                return
            if not self._over:
                self.caught.append((address, port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._over = True                                      # what wakes the waiting is no visitor
        _end(*self._sockets)
