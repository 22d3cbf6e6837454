"""Resolvers that fail or lie. A behaviour is given the question and the transport, and returns the packets
to send back; `ask_truth` asks the lab's good resolver."""
import os
import socket
import struct

import world

FORMERR, SERVFAIL, NXDOMAIN, REFUSED = 1, 2, 3, 5
# Of the root: owner, type 6, class 1, TTL 300, length 22, two root names, five numbers.
SOA_RECORD = b"\0" + struct.pack("!HHIH", 6, 1, 300, 22) + b"\0\0" + struct.pack("!5I", 1, 3600, 900, 86400, 300)


def _question_of(query):
    """The question section as octets: one name, type and class."""
    end = query.index(b"\0", 12) + 5
    return query[12:end]


def reply(query, rcode, question=None, authority=b"", query_id=None):
    question = _question_of(query) if question is None else question
    flags = 0x8180 | rcode
    return (query_id or query[:2]) + struct.pack("!5H", flags, 1, 0, 1 if authority else 0, 0) + question + authority


def _read_exactly(connection, size):
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionError("closed in the middle of a message")
        data += part
    return data


def read_framed(connection):
    return _read_exactly(connection, int.from_bytes(_read_exactly(connection, 2), "big"))


def framed(packet):
    return len(packet).to_bytes(2, "big") + packet


def ask_truth(query, over_tcp):
    if over_tcp:
        with socket.create_connection(world.RESOLVER, timeout=5) as connection:
            connection.sendall(framed(query))
            return read_framed(connection)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.settimeout(5)
        datagrams.sendto(query, world.RESOLVER)
        return datagrams.recv(65535)


def wrong_id_first(query, over_tcp):
    other_id = bytes(octet ^ 0xFF for octet in query[:2])
    other_question = b"\x05other\x04test\x00" + _question_of(query)[-4:]
    lies = [reply(query, NXDOMAIN, authority=SOA_RECORD, query_id=other_id),
            reply(query, NXDOMAIN, authority=SOA_RECORD, question=other_question)]
    return [*([] if over_tcp else lies), ask_truth(query, over_tcp)]


def formerr_to_edns(query, over_tcp):
    has_edns = query[10:12] != b"\0\0"
    return [reply(query, FORMERR)] if has_edns else [ask_truth(query, over_tcp)]


BEHAVIOURS = {
    "silent": lambda query, over_tcp: [],
    "servfail": lambda query, over_tcp: [reply(query, SERVFAIL)],
    "refused": lambda query, over_tcp: [reply(query, REFUSED)],
    "nxdomain-without-soa": lambda query, over_tcp: [reply(query, NXDOMAIN)],
    "garbage": lambda query, over_tcp: [os.urandom(64)],
    "wrong-id-first": wrong_id_first,
    "formerr-to-edns": formerr_to_edns,
}


def serve_tcp(connection, behaviour):
    connection.settimeout(30)
    while True:
        for packet in BEHAVIOURS[behaviour](read_framed(connection), True):
            connection.sendall(framed(packet))


def serve_datagram(socket_, query, sender, behaviour):
    for packet in BEHAVIOURS[behaviour](query, False):
        socket_.sendto(packet, sender)
