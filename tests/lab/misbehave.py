"""misbehave.py DIR: does on 127.0.8.x, 127.0.9.x and 127.0.53.1x what no real server will do.

One process, one thread for each connection, at most MOST at a time, each for at most misbehave_peer.LONGEST
seconds. SIGTERM ends it at once.
"""
import selectors
import signal
import socket
import ssl
import sys
import threading

import misbehave_dns
import misbehave_https
import misbehave_smtp
import world
from hostile_certificates import BOMBS, forged
from misbehave_peer import Peer
from model import BLACK_HOLE

MOST = 400


def listener(address, port, kind=socket.SOCK_STREAM):
    made = socket.socket(socket.AF_INET, kind)
    if kind == socket.SOCK_STREAM:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, port))
    if kind == socket.SOCK_STREAM:
        made.listen(64)
    return made


def black_hole(port):
    """A listener whose queue is full drops every further SYN. Returns what must stay open."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((BLACK_HOLE, port))
    made.listen(0)
    return made, socket.create_connection((BLACK_HOLE, port), timeout=1)


def converse(connection, directory, certificate, behave):
    peer = Peer(connection, directory, certificate)
    try:
        behave(peer)
    finally:
        peer.connection.close()


def stream_servers(directory):
    """(listener, what to do with a connection to it)"""
    servers = [(*server, 443, misbehave_https.BEHAVIOURS) for server in world.webs()]
    servers += [(*server, 25, misbehave_smtp.BEHAVIOURS) for server in world.mails()]
    for _, server, port, behaviours in servers:
        if server.misbehaves:
            if (bomb := server.misbehaves.removeprefix("certificate-")) in BOMBS:
                forged(directory, bomb, server.certificate.cn)       # here, where no two connections can be at it at once
            behave = behaviours[server.misbehaves]
            yield listener(server.address, port), lambda connection, server=server, behave=behave: converse(
                connection, directory, server.certificate, behave)
    for address, name in world.BAD_RESOLVERS.items():
        yield listener(address, 53), lambda connection, name=name: misbehave_dns.serve_tcp(connection, name)


def datagram_servers():
    return [(listener(address, 53, socket.SOCK_DGRAM), name) for address, name in world.BAD_RESOLVERS.items()]


class Crowd:
    """Runs each piece of work in a thread of its own, as long as there is room; the rest is dropped."""

    def __init__(self):
        self._room = threading.BoundedSemaphore(MOST)

    def run(self, work, *arguments):
        if not self._room.acquire(blocking=False):
            return False
        threading.Thread(target=self._work, args=(work, *arguments), daemon=True).start()
        return True

    def _work(self, work, *arguments):
        try:
            work(*arguments)
        except (OSError, ValueError, ssl.SSLError):
            pass                                     # the other side went away, or sent what we cannot read
        finally:
            self._room.release()


def main(directory):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    holes = [black_hole(port) for port in (25, 443)]
    crowd, selector = Crowd(), selectors.DefaultSelector()
    for made, work in stream_servers(directory):
        selector.register(made, selectors.EVENT_READ, ("stream", work))
    for made, name in datagram_servers():
        selector.register(made, selectors.EVENT_READ, ("datagram", name))
    while holes:
        for key, _ in selector.select():
            kind, what = key.data
            if kind == "stream":
                connection, _ = key.fileobj.accept()
                if not crowd.run(what, connection):
                    connection.close()
            else:
                query, sender = key.fileobj.recvfrom(65535)
                crowd.run(misbehave_dns.serve_datagram, key.fileobj, query, sender, what)


if __name__ == "__main__":
    main(sys.argv[1])
