"""A client of TLS that sends what no library does: after a true handshake each record is sealed here, with the keys that Python's ssl
logs (RFC 8446 section 7, RFC 5246 sections 6 and 8) and the ciphers of OpenSSL's C functions."""
import ctypes
import hashlib
import hmac
import socket
import ssl
import tempfile

HANDSHAKE, DATA = 22, 23
GET_TAG = 16                                                   # of EVP_CIPHER_CTX_ctrl


def gcm(key, nonce, text, beside):
    """AES-GCM of `text`, with its tag."""
    c = ctypes.CDLL("libcrypto.so.3")
    for function in ("EVP_CIPHER_CTX_new", "EVP_aes_128_gcm", "EVP_aes_256_gcm"):
        getattr(c, function).restype = ctypes.c_void_p
    context = ctypes.c_void_p(c.EVP_CIPHER_CTX_new())
    cipher = ctypes.c_void_p(c.EVP_aes_128_gcm() if len(key) == 16 else c.EVP_aes_256_gcm())
    out, tag, n = ctypes.create_string_buffer(len(text) + 16), ctypes.create_string_buffer(16), ctypes.c_int()
    good = (c.EVP_EncryptInit_ex(context, cipher, None, key, nonce), c.EVP_EncryptUpdate(context, None, ctypes.byref(n), beside, len(beside)),
            c.EVP_EncryptUpdate(context, out, ctypes.byref(n), text, len(text)), c.EVP_EncryptFinal_ex(context, out, ctypes.byref(n)),
            c.EVP_CIPHER_CTX_ctrl(context, GET_TAG, 16, tag))
    c.EVP_CIPHER_CTX_free(context)
    assert good == (1, 1, 1, 1, 1)
    return out.raw[:len(text)] + tag.raw


def expand(secret, label, size, kind):
    """HKDF-Expand-Label, of no more than a hash."""
    return hmac.digest(secret, size.to_bytes(2, "big") + bytes([6 + len(label)]) + b"tls13 " + label + b"\0\1", kind)[:size]


def prf(secret, seed, size):
    at, out = seed, b""
    while len(out) < size:
        at = hmac.digest(secret, at, "sha256")
        out += hmac.digest(secret, at + seed, "sha256")
    return out[:size]


class Records:
    """A connection whose handshake is done. `version`: of ssl.TLSVersion, 1.2 or 1.3."""

    def __init__(self, port, version):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        context.set_ciphers("ECDHE+AESGCM+AES128")
        with tempfile.NamedTemporaryFile("r") as log:
            context.keylog_filename = log.name
            heard, cipher = self.shake_hands(context)
            said = {line.split()[0]: [bytes.fromhex(word) for word in line.split()[1:]] for line in log if not line.startswith("#")}
        self.modern = version == ssl.TLSVersion.TLSv1_3
        if self.modern:
            self.hash, self.size = ("sha384", 32) if "256_GCM" in cipher else ("sha256", 16)
            self.use(said["CLIENT_TRAFFIC_SECRET_0"][1])
        else:
            random, secret = said["CLIENT_RANDOM"]
            block = prf(secret, b"key expansion" + heard[11:43] + random, 40)    # 11: of its ServerHello
            self.key, self.salt, self.count = block[:16], block[32:36], 1        # 0 was Finished

    def shake_hands(self, context):
        into, out, heard = ssl.MemoryBIO(), ssl.MemoryBIO(), b""
        session = context.wrap_bio(into, out)
        while True:
            try:
                session.do_handshake()
            except ssl.SSLWantReadError:
                self.socket.sendall(out.read())
                got = self.socket.recv(65536)
                if not got:
                    raise ConnectionError("no handshake") from None
                heard += got
                into.write(got)
                continue
            self.socket.sendall(out.read())
            return heard, session.cipher()[0]

    def use(self, secret):
        self.secret, self.count = secret, 0
        self.key, self.salt = expand(secret, b"key", self.size, self.hash), expand(secret, b"iv", 12, self.hash)

    def seal(self, kind, octets):
        count = self.count.to_bytes(8, "big")
        self.count += 1
        if not self.modern:
            sealed = gcm(self.key, self.salt + count, octets, count + bytes([kind, 3, 3]) + len(octets).to_bytes(2, "big"))
            return bytes([kind, 3, 3]) + (len(sealed) + 8).to_bytes(2, "big") + count + sealed
        head = b"\x17\x03\x03" + (len(octets) + 17).to_bytes(2, "big")
        nonce = bytes(a ^ b for a, b in zip(self.salt, b"\0\0\0\0" + count))
        return head + gcm(self.key, nonce, octets + bytes([kind]), head)

    def new_key(self, wanted):
        """KeyUpdate; `wanted`: the peer is to change its key, too."""
        record = self.seal(HANDSHAKE, bytes([24, 0, 0, 1, wanted]))
        self.use(expand(self.secret, b"traffic upd", hashlib.new(self.hash).digest_size, self.hash))
        return record
