"""What happens to the answers about `dns-NAME.test`: each kind is a function of the question. hostile_resolver.py gives them."""
import itertools
import os
import socket
import struct
import time

from model import RECORD

A, NS, CNAME, SOA, MX, TXT, AAAA = 1, 2, 5, 6, 15, 16, 28
SERVFAIL, NXDOMAIN = 2, 3
CLOSED = "127.0.7.1"                                           # refuses at once
PUBLIC = "11.22.33.44"                                         # of nobody here: the test gives it to lo
# What names turn to behind our back, none of which may be dialled; listened at where a machine can have them.
TURNED = {"loopback": "127.0.77.1", "metadata": "169.254.169.254", "loopback6": "::1", "mapped": "::ffff:127.0.77.1",
          "mapped-metadata": "::ffff:169.254.169.254", "nat64": "64:ff9b::7f00:4d01", "six-to-four": "2002:7f00:4d01::1",
          "multicast": "224.0.0.1", "multicast6": "ff02::1", "any": "0.0.0.0", "any6": "::", "private": "10.0.0.1",
          "link-local6": "fe80::1", "broadcast": "255.255.255.255"}


def encoded(name):
    return b"".join(bytes([len(label)]) + label.encode("latin-1") for label in name.split(".") if label) + b"\0"


def octets_of(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


class Question:
    """`times`: how often it was asked before. `truth`: gives the answer of the lab's own resolver."""

    ttl = 1

    def __init__(self, query, over_tcp, times, truth):
        self.truth = truth
        labels, at = [], 12
        while length := query[at]:
            labels.append(query[at + 1:at + 1 + length].decode("latin-1").lower())
            at += 1 + length
        self.query, self.over_tcp, self.times = query, over_tcp, times
        self.name, self.kind, self.end = ".".join(labels), struct.unpack_from("!H", query, at + 1)[0], at + 5
        self.domain = next((".".join(labels[i:]) for i, label in enumerate(labels) if label.startswith("dns-")), "")
        self.host = self.name.removesuffix(self.domain).rstrip(".")      # within the domain

    def answer(self, *records, code=0):
        """`records`: (type, data), or (owner, type, data). Cut, if it does not fit into a datagram."""
        rows = [(self.name, *row) if len(row) == 2 else row for row in records]
        body = b"".join((b"\xc0\x0c" if owner == self.name else encoded(owner)) + struct.pack("!HHIH", kind, 1, self.ttl, len(data)) + data
                        for owner, kind, data in rows)
        cut = not self.over_tcp and len(body) > 1000
        flags = (0x8180 if self.query[2] & 1 else 0x8400) | code | 0x0200 * cut
        negative = not rows and code in (0, NXDOMAIN)
        if negative:                                           # RFC 2308 section 5
            soa = encoded(f"ns.{self.domain}") + encoded(f"mail.{self.domain}") + struct.pack("!5I", 1, 300, 300, 300, 1)
            body = encoded(self.domain) + struct.pack("!HHIH", SOA, 1, self.ttl, len(soa)) + soa
        head = struct.pack("!5H", flags, 1, 0 if cut else len(rows), negative, 0)
        return self.query[:2] + head + self.query[12:self.end] + (b"" if cut else body)

    def addresses(self, *texts):
        """Those of the family that is asked for."""
        return self.answer(*((self.kind, octets_of(text)) for text in texts if (":" in text) == (self.kind == AAAA)))


def asked(host, *kinds):
    """Spoils these questions alone; the rest is true."""
    return lambda spoil: lambda q: spoil(q) if q.host == host and q.kind in kinds else None


def circle(q, *names):
    full = [f"{name}.{q.domain}" for name in names]
    return [q.answer(*((owner, CNAME, encoded(after)) for owner, after in zip(full, [*full[1:], full[0]])))]


def chain(q):
    names = [q.name, *(f"c{n}.{q.domain}" for n in range(60))]
    return [q.answer(*((owner, CNAME, encoded(after)) for owner, after in zip(names, names[1:])), (names[-1], A, octets_of("127.0.1.1")))]


def lies(q):
    """Off the path: another id, another name, another type, another class, no question; then the truth."""
    lie = q.answer(code=NXDOMAIN)
    swapped = bytes(octet ^ 0xFF for octet in lie[:2]) + lie[2:]
    other = lie[:12] + b"\x05other\x04test\x00" + lie[q.end - 4:q.end]
    kinds = [lie[:q.end - 4] + struct.pack("!HH", *pair) + lie[q.end:] for pair in ((99, 1), (q.kind, 3))]
    return [swapped, other, *kinds, swapped[:7], b"", q.truth()] if not q.over_tcp else [q.truth()]


def mx(q, *hosts):
    return [q.answer(*((MX, struct.pack("!H", 10) + encoded(host)) for host in hosts))]


def churning(q):
    if q.host.startswith("new"):
        return [q.addresses(CLOSED)]
    return mx(q, *(f"new{q.times}x{n}.{q.domain}" for n in range(20))) if (q.host, q.kind) == ("", MX) else None


def five_hundred(q):
    if q.host.startswith("n"):
        return [q.addresses(CLOSED)]
    return mx(q, *(f"n{n:03}.{q.domain}" for n in range(500))) if (q.host, q.kind) == ("", MX) else None


def odd_names(q):
    """Of hosts: longest, quoted, with line ends, markup, dots and escapes within a label."""
    odd = ["a" * 63 + "." + "b" * 63 + "." + "c" * 40, 'x"} 1\nstswatch_up{x="', "<script>alert(1)</script>", "a\\b", "\x1b[31mred", "\xff\xfe"]
    return mx(q, *(f"{host}.{q.domain}" for host in odd))


def many(kind, count, data):
    return lambda q: [q.answer(*((kind, data(n)) for n in range(count)))]


def _text(text):
    return bytes([len(text)]) + text.encode()


def _framed(packet):
    return len(packet).to_bytes(2, "big") + packet


def over_tcp(stream):
    """UDP says that it is cut; `stream` is what comes over TCP, an iterator of octets."""
    return lambda q: stream(q) if q.over_tcp else [q.query[:2] + struct.pack("!5H", 0x8380, 1, 0, 0, 0) + q.query[12:q.end]]


def unrelated(q):
    return itertools.repeat(_framed(bytes(octet ^ 0xFF for octet in q.query[:2]) + q.answer()[2:]))


def dripped(q):
    for octet in _framed(q.answer((TXT, _text("v=STSv1; id=1;")))):
        time.sleep(1)
        yield bytes([octet])


def never(_):
    time.sleep(60)
    yield b""


def announced(_):
    yield b"\xff\xff" + bytes(100)
    time.sleep(60)


def huge_ttl(q):
    q.ttl = 0xFFFFFFFF
    return [q.answer((TXT, _text(RECORD)))]


record, policy_host, mail_host = asked("_mta-sts", TXT), asked("mta-sts", A, AAAA), asked("mx1", A, AAAA)
# A list of messages, an iterator of octets of a stream, or None: the truth.
SPOILED = {
    "loop-record": record(lambda q: circle(q, "_mta-sts", "a", "b")),
    "loop-policy-host": policy_host(lambda q: circle(q, "mta-sts", "a", "b")),
    "loop-itself": mail_host(lambda q: circle(q, "mx1")),
    "chain": policy_host(chain),
    "lies": lies,
    "many-txt": record(many(TXT, 2000, lambda n: _text(f"abc={n}" if n else RECORD))),
    "many-sts": record(many(TXT, 2000, lambda n: _text(f"v=STSv1; id={n};"))),
    "many-addresses": mail_host(lambda q: [q.addresses(*(f"127.1.{n >> 8}.{n & 255}" for n in range(3000)), *(f"fd53:9::{n:x}" for n in range(1, 2000)))]),
    "many-policy-hosts": policy_host(lambda q: [q.addresses(*(f"127.2.{n >> 8}.{n & 255}" for n in range(3000)))]),
    "many-mx": asked("", MX)(lambda q: mx(q, *(f"m{n}.elsewhere.test" for n in range(1500)))),
    "mx-500": five_hundred,
    "churn": churning,
    "odd-names": asked("", MX)(odd_names),
    "garbage": record(lambda q: [q.query[:2] + os.urandom(200)]),
    "tcp-endless": record(over_tcp(unrelated)),
    "tcp-drip": record(over_tcp(dripped)),
    "tcp-silent": record(over_tcp(never)),
    "tcp-announced": record(over_tcp(announced)),
    "ttl-huge": record(huge_ttl),
}


def delegated(q, address):
    """Zones and those above them have one server, which is who lies: whoever asks it hears no other story."""
    if q.kind == NS and (q.name in ("", "test") or (q.domain and not q.host)):
        return [q.answer((NS, encoded(f"ns.{q.domain or 'test'}")))]
    return [q.addresses(address)] if q.name in ("ns.test", f"ns.{q.domain}") and q.kind in (A, AAAA) else None


def turning(address):
    """Hosts are public when asked for first, and every second time, and otherwise what must not be dialled."""
    def spoil(q):
        if q.kind in (A, AAAA) and q.host in ("mta-sts", "mx1"):
            return [q.addresses(PUBLIC if q.times % 2 == 0 and q.kind == A else address)]
        return None
    return spoil


def led_astray(q):
    """The zone fails, and its name server, whom one could ask instead, is within."""
    if q.host == "ns" and q.kind in (A, AAAA):
        return [q.addresses("127.0.77.1", "169.254.169.254", "::1")]
    if q.host == "" and q.kind == NS:
        return [q.answer((NS, encoded(f"ns.{q.domain}")))]
    return [q.answer(code=SERVFAIL)]


TURNING = {**{f"turn-{name}": turning(address) for name, address in TURNED.items()}, "turn-zone": led_astray}
KINDS = {**SPOILED, **TURNING}
