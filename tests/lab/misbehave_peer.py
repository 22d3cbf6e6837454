"""One connection of a misbehaving server: sends, reads and drips, all under one deadline."""
import socket
import ssl
import struct
import time

import certificates
import hostile_certificates

LONGEST = 90      # seconds a connection may last
CHUNK = 16384


class Peer:
    def __init__(self, connection, directory, certificate):
        self.connection = connection
        self.directory = directory
        self.host = certificate.cn
        self.pem = certificates.pem_path(directory, certificate)
        self.end = time.monotonic() + LONGEST
        connection.settimeout(LONGEST)

    def send(self, data):
        if time.monotonic() > self.end:
            raise TimeoutError
        self.connection.sendall(data if isinstance(data, bytes) else data.encode())

    def send_for_ever(self, data):
        while True:
            self.send(data)

    def drip(self, data, pause=1.0):
        for octet in data:
            self.send(bytes([octet]))
            time.sleep(pause)
        self.hang()

    def hang(self):
        """Swallows what comes, until the other side gives up or the deadline passes."""
        while self.connection.recv(CHUNK):
            if time.monotonic() > self.end:
                raise TimeoutError

    def read_line(self):
        line = b""
        while not line.endswith(b"\n") and len(line) < CHUNK:
            octet = self.connection.recv(1)
            if not octet:
                raise ConnectionError("closed by the client")
            line += octet
        return line.decode("latin-1").strip()

    def peek(self):
        return self.connection.recv(CHUNK, socket.MSG_PEEK)

    def read_request(self):
        while self.read_line():
            pass

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def start_tls(self, version=None, sni=None, dh=False, bomb=None):
        """`version`: this one only. `sni`: "needed" or "unknown", answered by an alert where it is missing or always; "other":
        who sends none gets the certificate of another host.
        `dh`: Diffie-Hellman of 1024 bits with whoever offers it. `bomb`: a certificate of hostile_certificates.py."""
        if bomb:
            self.pem = hostile_certificates.forged(self.directory, bomb, self.host)
        context = self._small_dh() if dh else self._context(version, sni)
        self.connection = context.wrap_socket(self.connection, server_side=True)

    def drip_handshake(self):
        """Sends the server's first flight an octet a second."""
        received, answer = ssl.MemoryBIO(), ssl.MemoryBIO()
        handshake = self._context(None, None).wrap_bio(received, answer, server_side=True)
        while not answer.pending:
            received.write(self.connection.recv(CHUNK))
            try:
                handshake.do_handshake()
            except ssl.SSLWantReadError:
                continue
        self.drip(answer.read())

    def _small_dh(self):
        context = self._context(None, None)
        context.set_ciphers("DHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
        context.load_dh_params(certificates.small_dh_path(self.directory))
        return context

    def _without_sni(self, connection, name, _context):
        if name is None:
            other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            other.load_cert_chain(certificates.any_other(self.pem))
            connection.context = other

    def _context(self, version, sni):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if version:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = version
        context.load_cert_chain(self.pem)
        if sni == "other":
            context.sni_callback = self._without_sni
        elif sni:
            context.sni_callback = lambda _socket, name, _context: (
                None if name and sni == "needed" else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME)
        return context
