"""Certificates that no authority would issue, octet by octet in DER (X.690, RFC 5280), signed by the lab's intermediate
where that is said: bombs of every kind. `openssl dgst` makes the signatures; the rest is written here."""
import base64
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import certificates

ISSUER = "ca"                                    # certificates.AUTHORITIES


def der(tag, *parts):
    body = b"".join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def sequence(*parts):
    return der(0x30, *parts)


def number(value):
    return der(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(text):
    first, second, *rest = map(int, text.split("."))
    out = bytes([first * 40 + second])
    for part in rest:
        octets = [part & 127]
        while part := part >> 7:
            octets.append(128 | part & 127)
        out += bytes(reversed(octets))
    return der(6, out)


def name(*texts):
    """A Name with a commonName each; in the end what subjects are made of."""
    return sequence(*(der(0x31, sequence(oid("2.5.4.3"), der(12, text.encode()))) for text in texts))


def utc(text):
    return der(23, text.encode())


def generalized(text):
    return der(24, text.encode())


def extension(kind, value, critical=False):
    return sequence(oid(kind), *([der(1, b"\xff")] if critical else []), der(4, value))


def dns_names(names):
    return extension("2.5.29.17", sequence(*(der(0x82, each.encode()) for each in names)))


SERVER_AUTH = extension("2.5.29.37", sequence(oid("1.3.6.1.5.5.7.3.1")))
AUTHORITY = extension("2.5.29.19", sequence(der(1, b"\xff")), critical=True)
ECDSA_SHA256 = sequence(oid("1.2.840.10045.4.3.2"))


def lasting(**how):
    """notBefore and notAfter, this long from now."""
    now = datetime.now(timezone.utc)
    return tuple(utc(f"{moment:%y%m%d%H%M%SZ}") for moment in (now - timedelta(days=30), now + timedelta(**how)))


def _openssl(*arguments, given=None):
    return subprocess.run(["openssl", *map(str, arguments)], input=given, capture_output=True, check=True).stdout


def pem(kind, octets):
    text = base64.encodebytes(octets).decode()
    return f"-----BEGIN {kind}-----\n{text}-----END {kind}-----\n"


class Forge:
    """Signs with the lab's intermediate, for keys of its own."""

    def __init__(self, directory):
        self.kept, self.issued = Path(directory, "kept"), Path(directory, "certificates")
        self.authority = _openssl("x509", "-in", self.issued / f"{ISSUER}.crt", "-outform", "DER")
        self.issuer = name(certificates.AUTHORITIES[ISSUER])
        self.key = self._key("bomb")

    def _key(self, stem):
        path = self.kept / f"{stem}.key"
        if not path.exists():
            _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)
        return path

    def issue(self, subject, *extensions, validity=None, serial=4711, key=None, issuer=None, signer=None, algorithm=ECDSA_SHA256):
        public = _openssl("pkey", "-in", key or self.key, "-pubout", "-outform", "DER")
        body = sequence(der(0xa0, number(2)), number(serial), algorithm, issuer or self.issuer, sequence(*(validity or lasting(days=60))), subject, public,
                        der(0xa3, sequence(*extensions)))
        signature = _openssl("dgst", "-sha256", "-sign", signer or self.kept / f"{ISSUER}.key", given=body)
        return sequence(body, algorithm, der(3, b"\0", signature))

    def rsa_16k(self):
        """The path of a private key whose modulus is the product of two well-known primes (RFC 3526 §7, RFC 7919 A.5):
        16,384 bits without a search."""
        path = self.kept / "rsa16k.key"
        if not path.exists():
            p, q = (prime_of(group) for group in ("modp_8192", "ffdhe8192"))
            e, phi = 65537, (p - 1) * (q - 1)
            d = pow(e, -1, phi)
            path.write_text(pem("RSA PRIVATE KEY", sequence(*map(number, (
                0, p * q, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))))))
        return path


def prime_of(group):
    """Of a group of 8,192 bits that OpenSSL knows by name: the first INTEGER of that size in a key of it."""
    key = _openssl("genpkey", "-algorithm", "DH", "-pkeyopt", f"group:{group}", "-outform", "DER")
    head = bytes([2, 0x82, 4, 1, 0])
    at = key.index(head) + len(head)
    return int.from_bytes(key[at:at + 1024], "big")


def _filler(octets):
    return "x" * octets


def _many(count, host, stem="n"):
    return [f"{stem}{n:05}.{host}" for n in range(count)]


def _chain(forge, host, count, octets):
    """A good leaf, its intermediate, and `count` strangers of `octets` each that lead nowhere."""
    stranger = forge.issue(name(_filler(octets)), AUTHORITY)
    return [forge.issue(name(host), dns_names([host]), SERVER_AUTH), forge.authority, *[stranger] * count]


def _leaf(*extensions, subject=None, **how):
    return lambda forge, host: [forge.issue(subject or name(host), dns_names([host]), SERVER_AUTH, *extensions, **how), forge.authority]


def _under_rsa_16k(forge, host):
    """The leaf below an intermediate with a key of 16,384 bits, below the lab's."""
    key = forge.rsa_16k()
    sha256_rsa = sequence(oid("1.2.840.113549.1.1.11"), der(5))
    middle = forge.issue(name("Sixteen"), AUTHORITY, key=key, validity=lasting(days=90))
    leaf = forge.issue(name(host), dns_names([host]), SERVER_AUTH, issuer=name("Sixteen"), signer=key, algorithm=sha256_rsa)
    return [leaf, middle, forge.authority]


# Name -> what is sent, the leaf first.
BOMBS = {
    "chain-1m": lambda forge, host: _chain(forge, host, 1000, 1000),
    "chain-90k": lambda forge, host: _chain(forge, host, 280, 10),
    "subject-64k": lambda forge, host: [forge.issue(name(_filler(65000)), dns_names([host]), SERVER_AUTH), forge.authority],
    "subject-parts": lambda forge, host: [forge.issue(name(*["part"] * 3000), dns_names([host]), SERVER_AUTH), forge.authority],
    "names-64k": lambda forge, host: [forge.issue(name(host), dns_names([host, *_many(1900, host)]), SERVER_AUTH), forge.authority],
    "names-500": lambda forge, host: [forge.issue(name(host), dns_names([*_many(500, host), host]), SERVER_AUTH), forge.authority],
    "serial-60k": _leaf(serial=(1 << 8 * 60000) - 1),
    "year-9999": _leaf(validity=(utc("260101000000Z"), generalized("99991231235959Z"))),
    "year-1950": _leaf(validity=(utc("500101000000Z"), utc("510101000000Z"))),
    "time-garbage": _leaf(validity=(utc("never"), generalized("99999999999999Z"))),
    "time-no-zone": _leaf(validity=(utc("2601010000"), generalized("20491231235959.5+0100"))),
    "time-empty": _leaf(validity=(utc(""), generalized(""))),
    "rsa-16k": _under_rsa_16k,
    "extension-60k": _leaf(extension("1.3.6.1.4.1.99999.1", bytes(60000))),
    "text-odd": _leaf(subject=sequence(der(0x31, sequence(oid("2.5.4.3"), der(20, b"\xff\xfe\0<b>\x1b[31m"))),
                                       der(0x31, sequence(oid("2.5.4.10"), der(30, "\u202eolleh\ufeff".encode("utf-16-be")))))),
    "text-broken": _leaf(subject=sequence(der(0x31, sequence(oid("2.5.4.3"), der(12, b"\xff\xfe"))))),
}


def forged(directory, bomb, host):
    """The PEM file of key and chain, made where it is not there yet."""
    path = Path(directory, "certificates", f"bomb-{bomb}-{host}.pem")
    if not path.exists():
        forge = Forge(directory)
        sent = BOMBS[bomb](forge, host)
        part = path.with_suffix(".part")
        part.write_text(forge.key.read_text() + "".join(pem("CERTIFICATE", each) for each in sent))
        part.rename(path)
    return path
