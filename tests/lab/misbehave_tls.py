"""What TLS lets a server do and no library offers as a whole: records without end, renegotiation, a new key after each octet.
Plain records are written here; the rest asks OpenSSL's C functions (libssl.so.3), which Python's ssl hides."""
import ctypes
import time

HELLO_REQUEST = bytes.fromhex("16 0303 0004 00000000")         # RFC 5246 §7.4.1.1
CHANGE_CIPHER = bytes.fromhex("14 0303 0001 01")               # RFC 8446 §5
WARNING = bytes.fromhex("15 0303 0002 01 70")                  # unrecognized_name, which is no end before TLS 1.3
EMPTY = bytes.fromhex("16 0303 0000")
TLS1_2 = 0x0303
SET_MAX_VERSION = 124                                          # of SSL_CTX_ctrl: SSL_CTRL_SET_MAX_PROTO_VERSION


def _library():
    library = ctypes.CDLL("libssl.so.3")
    for function in ("TLS_server_method", "SSL_CTX_new", "SSL_new"):
        getattr(library, function).restype = ctypes.c_void_p
    return library


class OpenSsl:
    """One connection, server side."""

    def __init__(self, connection, pem, most=None):
        self.lib = _library()
        self.context = ctypes.c_void_p(self.lib.SSL_CTX_new(ctypes.c_void_p(self.lib.TLS_server_method())))
        if most:
            self.lib.SSL_CTX_ctrl(self.context, SET_MAX_VERSION, ctypes.c_long(most), None)
        path = str(pem).encode()
        if self.lib.SSL_CTX_use_certificate_chain_file(self.context, path) != 1 or self.lib.SSL_CTX_use_PrivateKey_file(self.context, path, 1) != 1:
            raise OSError("this certificate cannot be shown")
        self.ssl = ctypes.c_void_p(self.lib.SSL_new(self.context))
        connection.setblocking(True)
        self.connection = connection                           # must not be closed before this
        self.lib.SSL_set_fd(self.ssl, connection.fileno())
        if self.lib.SSL_accept(self.ssl) != 1:
            raise OSError("no handshake")

    def read(self):
        buffer = ctypes.create_string_buffer(4096)
        if self.lib.SSL_read(self.ssl, buffer, 4096) <= 0:
            raise ConnectionError("closed by the client")
        return buffer.raw

    def write(self, octets):
        if self.lib.SSL_write(self.ssl, octets, len(octets)) <= 0:
            raise ConnectionError("closed by the client")

    def renegotiate(self):
        if self.lib.SSL_renegotiate(self.ssl) != 1 or self.lib.SSL_do_handshake(self.ssl) != 1:
            raise ConnectionError("refused")

    def change_keys(self):
        if self.lib.SSL_key_update(self.ssl, 1) != 1 or self.lib.SSL_do_handshake(self.ssl) != 1:
            raise ConnectionError("refused")


def _forever(peer, act):
    while time.monotonic() < peer.end:
        act()


def renegotiating(peer):
    """Asks for another handshake as soon as one is done."""
    tls = OpenSsl(peer.connection, peer.pem, TLS1_2)
    tls.read()
    _forever(peer, lambda: (tls.renegotiate(), time.sleep(0.001)))


def changing_keys(peer):
    """TLS 1.3: a KeyUpdate that wants one back, again and again, and never an octet of data."""
    tls = OpenSsl(peer.connection, peer.pem)
    tls.read()
    _forever(peer, tls.change_keys)


def tiny_records(peer):
    """An octet a record: twenty times what it carries."""
    tls = OpenSsl(peer.connection, peer.pem)
    tls.read()
    tls.write(b"HTTP/1.1 200 OK\r\nX-Padding: ")
    _forever(peer, lambda: tls.write(b"x"))


def plain_records(record):
    """Instead of a ServerHello."""
    return lambda peer: peer.send_for_ever(record * 100)


RECORDS = {"hello-requests": HELLO_REQUEST, "cipher-changes": CHANGE_CIPHER, "warnings": WARNING, "empty-records": EMPTY}
