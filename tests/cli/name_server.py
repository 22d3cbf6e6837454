"""A name server on loopback that answers from a table: {(name, type): [data, ...]}; a name not in it does not exist."""
import socket
import struct
import threading

A, SOA, MX, TXT, AAAA = 1, 6, 15, 16, 28
NXDOMAIN, SERVFAIL = 3, 2


def encoded(name):
    labels = [label for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def mx(preference, host):
    return struct.pack("!H", preference) + encoded(host)


def txt(text):
    return bytes([len(text)]) + text.encode()


def question(packet):
    """(name, type, where it ends)"""
    labels, at = [], 12
    while length := packet[at]:
        labels.append(packet[at + 1:at + 1 + length].decode())
        at += 1 + length
    return ".".join(labels).lower(), struct.unpack_from("!H", packet, at + 1)[0], at + 5


class NameServer:
    def __init__(self, table):
        self.table = table
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()

    def serve(self):
        while True:
            packet, peer = self.socket.recvfrom(4096)
            if not packet:
                return
            self.socket.sendto(self.answer(packet), peer)

    def answer(self, packet):
        name, kind, end = question(packet)
        records = self.table.get((name, kind), [])
        code = 0 if any(known == name for known, _ in self.table) else NXDOMAIN
        if records is None:
            records, code = [], SERVFAIL
        body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 300, len(data)) + data for data in records)
        negative = not records and code != SERVFAIL
        if negative:                          # RFC 2308 section 5: the SOA record says for how long
            soa = encoded("ns.example") + encoded("mail.example") + struct.pack("!IIIII", 1, 300, 300, 300, 300)
            body = encoded(name.rsplit(".", 1)[-1]) + struct.pack("!HHIH", SOA, 1, 300, len(soa)) + soa
        return packet[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(records), negative, 0) + packet[12:end] + body
