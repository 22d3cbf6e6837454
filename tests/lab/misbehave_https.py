"""Policy hosts that no real web server would be. Each behaviour is a function of the connection."""
import gzip
import ssl
import time

from hostile_certificates import BOMBS
from misbehave_tls import RECORDS, changing_keys, plain_records, renegotiating, tiny_records
from model import BASE_POLICY

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


def response(body, *headers):
    return HEAD + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body


def sized(body, length=None):
    return response(body, b"Content-Length: %d" % (len(body) if length is None else length))


def after_request(act):
    """A behaviour that begins where the response would."""
    def behave(peer):
        peer.start_tls()
        peer.read_request()
        act(peer)
    return behave


def answering(data):
    return after_request(lambda peer: peer.send(data))


def handshake_hang(peer):
    peer.start_tls()
    peer.hang()


def endless_headers(peer):
    peer.send(HEAD)
    peer.send_for_ever(b"X-Padding: " + b"x" * 100 + b"\r\n")


def endless_header_line(peer):
    peer.send(HEAD + b"X-Padding: ")
    peer.send_for_ever(b"x" * 4096)


def endless_chunks(peer):
    peer.send(response(b"", b"Transfer-Encoding: chunked"))
    peer.send_for_ever(b"1000\r\n" + b"x" * 4096 + b"\r\n")


def chunked(then):
    return after_request(lambda peer: (peer.send(response(b"", b"Transfer-Encoding: chunked")), then(peer)))


def slow(peer):
    time.sleep(3)
    peer.send(sized(BASE_POLICY))


def with_tls(**how):
    def behave(peer):
        peer.start_tls(**how)
        peer.read_request()
        peer.send(sized(BASE_POLICY))
    return behave


def unframed(head):
    """Ended by the end of the connection alone; a peer's close() says nothing of it in TLS."""
    return answering(head + b"Content-Type: text/plain\r\n\r\n" + BASE_POLICY)


PACKED = gzip.compress(BASE_POLICY)
FRAMED_TWICE = response(b"%x\r\n%s\r\n0\r\n\r\n" % (len(BASE_POLICY), BASE_POLICY), b"Content-Length: %d" % len(BASE_POLICY),
                        b"Transfer-Encoding: chunked")
BOMB = gzip.compress(bytes(50_000_000))
BROKEN_CHUNKS = response(b"%x\r\n%s\r\nthis is no chunk\r\n" % (len(BASE_POLICY), BASE_POLICY),
                         b"Transfer-Encoding: chunked")
BEHAVIOURS = {
    "hang": lambda peer: peer.hang(),
    "reset": lambda peer: peer.reset(),
    "garbage": lambda peer: (peer.send(b"this is not TLS\r\n" * 20), peer.hang()),
    "drip-handshake": lambda peer: peer.drip_handshake(),
    "handshake-hang": handshake_hang,
    "drip-headers": after_request(lambda peer: peer.drip(sized(BASE_POLICY))),
    "drip-body": after_request(lambda peer: (peer.send(sized(b"", len(BASE_POLICY))), peer.drip(BASE_POLICY))),
    "endless-headers": after_request(endless_headers),
    "endless-header-line": after_request(endless_header_line),
    "status-50k": answering(b"HTTP/1.1 200 " + b"O" * 50_000 + b"\r\n\r\n"),
    "status-1m": answering(b"HTTP/1.1 200 " + b"O" * 1_000_000 + b"\r\n\r\n"),
    "garbage-http": answering(b"\x00\x01garbage\xff\xfe" * 50),
    "close": after_request(lambda peer: None),
    "endless-100": after_request(lambda peer: peer.send_for_ever(b"HTTP/1.1 100 Continue\r\n\r\n")),
    "endless-chunks": after_request(endless_chunks),
    "gzip-bomb": answering(response(BOMB, b"Content-Encoding: gzip", b"Content-Length: %d" % len(BOMB))),
    "truncated": answering(sized(BASE_POLICY, 1000)),
    "broken-chunks": answering(BROKEN_CHUNKS),
    "body-200k": answering(sized(BASE_POLICY + b"x_padding: " + b"x" * 200_000 + b"\r\n")),
    "tls10": with_tls(version=ssl.TLSVersion.TLSv1),
    "tls11": with_tls(version=ssl.TLSVersion.TLSv1_1),
    "sni-only": with_tls(sni="needed"),
    "unrecognized-name": with_tls(sni="unknown"),
    "slow": after_request(slow),
    "gzip": answering(response(PACKED, b"Content-Encoding: gzip", b"Content-Length: %d" % len(PACKED))),
    "length-and-chunked": answering(FRAMED_TWICE),
    "no-length": unframed(b"HTTP/1.1 200 OK\r\nConnection: close\r\n"),
    "no-length-http10": unframed(b"HTTP/1.0 200 OK\r\n"),
    "dh-1024": with_tls(dh=True),
    "drip-status": after_request(lambda peer: peer.drip(b"HTTP/1.1 200 OK, after all\r\n\r\n")),
    "drip-chunks": chunked(lambda peer: peer.drip(b"1\r\nv\r\n" * 100)),
    "endless-chunk-extension": chunked(lambda peer: (peer.send(b"5;x="), peer.send_for_ever(b"e" * 4096))),
    "endless-chunk-size": chunked(lambda peer: peer.send_for_ever(b"0" * 4096)),
    "endless-tiny-chunks": chunked(lambda peer: peer.send_for_ever(b"1;e=x\r\nv\r\n" * 400)),
    "endless-trailers": chunked(lambda peer: (peer.send(b"0\r\n"), peer.send_for_ever(b"X-Trailer: " + b"x" * 100 + b"\r\n"))),
    "endless-body": after_request(lambda peer: (peer.send(response(b"")), peer.send_for_ever(b"mx: *.example.com\r\n" * 200))),
    "no-close": after_request(lambda peer: (peer.send(sized(BASE_POLICY, 9_000_000_000_000_000_000)), peer.hang())),
    "renegotiating": renegotiating,
    "changing-keys": changing_keys,
    "tiny-records": tiny_records,
    **{name: plain_records(record) for name, record in RECORDS.items()},
    **{f"certificate-{name}": with_tls(bomb=name) for name in BOMBS},
}
