"""The private CA. Keys and requests do not depend on time and are kept between runs; certificates are
issued anew at each start, in one `openssl ca` run for all that share issuer, dates and usage."""
import hashlib
import os
import re
import subprocess
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

from files import alone_in, replace_file
from model import Certificate, days

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
RSA = ("-newkey", "rsa:2048")
AUTHORITIES = {"root": "Lab Root", "ca": "Lab Intermediate", "expired-ca": "Lab Expired Intermediate",
               "stranger": "Somebody's Root", "public-ca": "R0"}
# Of a CA that CAA records know by name; no other has an organization.
ORGANIZATIONS = {"public-ca": "Let's Encrypt"}
CONFIG = """
[req]
distinguished_name = name
[name]
[ca]
default_ca = default
[default]
database = index.txt
serial = serial
default_md = sha256
policy = anything
copy_extensions = copy
unique_subject = no
[anything]
organizationName = optional
commonName = supplied
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[serverAuth]
extendedKeyUsage = serverAuth
authorityInfoAccess = caIssuers;URI:http://ca.lab.test/intermediate.crt
basicConstraints = critical,CA:FALSE
authorityKeyIdentifier = keyid
[listed]
extendedKeyUsage = serverAuth
authorityInfoAccess = caIssuers;URI:http://ca.lab.test/intermediate.crt
crlDistributionPoints = URI:http://127.0.1.1/ca.crl
basicConstraints = critical,CA:FALSE
authorityKeyIdentifier = keyid
[revoked]
extendedKeyUsage = serverAuth
authorityInfoAccess = caIssuers;URI:http://ca.lab.test/intermediate.crt
crlDistributionPoints = URI:http://127.0.1.1/ca.crl
basicConstraints = critical,CA:FALSE
authorityKeyIdentifier = keyid
[clientAuth]
extendedKeyUsage = clientAuth
authorityInfoAccess = caIssuers;URI:http://ca.lab.test/intermediate.crt
basicConstraints = critical,CA:FALSE
authorityKeyIdentifier = keyid
[self]
extendedKeyUsage = serverAuth
basicConstraints = critical,CA:FALSE
"""

# RFC 2409 §6.2: too small for OpenSSL's security level 2, and still met.
SMALL_DH = """-----BEGIN DH PARAMETERS-----
MIGHAoGBAP//////////yQ/aoiFowjTExmKLgNwc0SkCTgiKZ8x0Agu+pjsTmyJR
Sgh5jjQE3e+VGbPNOkMbMCsKbfJfFDdP4TVtbVHCReSFtXZiXn7G9ExC6aY37WsL
/1y29Aa37e44a/taiZ+lrp8kEXxLH+ZJKGZR7OZTgf//////////AgEC
-----END DH PARAMETERS-----
"""


def small_dh_path(directory):
    path = Path(directory, "kept", "dh1024.pem")
    path.parent.mkdir(exist_ok=True)
    with alone_in(path.parent):
        replace_file(path, SMALL_DH)
    return path


def _openssl(*arguments, cwd):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SSL_CERT")}
    done = subprocess.run(["openssl", *map(str, arguments)], cwd=cwd, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr}")


def _stamp(moment):
    return moment.strftime("%Y%m%d%H%M%SZ")


def _stem(certificate):
    tag = hashlib.sha256(repr(certificate).encode()).hexdigest()[:8]
    return f"{re.sub(r'[^a-z0-9.-]', '_', certificate.cn)}-{tag}"


def pem_path(directory, certificate):
    """One PEM file with the key, the leaf and what else is sent."""
    return Path(directory, "certificates", f"{_stem(certificate)}.pem")


def any_other(pem):
    """The PEM file of another host than that of `pem`."""
    return next(path for path in sorted(pem.parent.glob("mx2.mailhost.test-*.pem")) if path != pem)


def public_key(directory, certificate):
    """The SubjectPublicKeyInfo in DER."""
    return subprocess.run(["openssl", "pkey", "-in", pem_path(directory, certificate), "-pubout", "-outform", "DER"],
                          check=True, capture_output=True).stdout


def leaf(directory, certificate):
    """The certificate itself in DER."""
    return subprocess.run(["openssl", "x509", "-in", pem_path(directory, certificate), "-outform", "DER"],
                          check=True, capture_output=True).stdout


def authority_key(directory, issuer):
    return subprocess.run(["openssl", "pkey", "-in", Path(directory, "kept", f"{issuer}.key"), "-pubout", "-outform", "DER"],
                          check=True, capture_output=True).stdout


class Authority:
    def __init__(self, directory, now=None):
        self.kept = Path(directory, "kept")          # keys and requests
        self.issued = Path(directory, "certificates")
        for folder in (self.kept, self.issued):
            folder.mkdir(parents=True, exist_ok=True)
        self.now = now or datetime.now(timezone.utc)

    def found(self):
        """A new authority, with its intermediates."""
        with alone_in(self.kept):
            replace_file(self.kept / "openssl.cnf", CONFIG)
        (self.issued / "index.txt").write_text("")
        (self.issued / "serial").write_text("1000\n")
        self._make_requests([(stem, Certificate(names=(), cn=cn)) for stem, cn in AUTHORITIES.items()])
        self._issue_authorities()

    def issue_all(self, certificates):
        """Writes key, leaf and chain of each certificate to the file that `pem_path` names."""
        wanted = sorted(certificates, key=repr)
        self._make_requests([(_stem(certificate), certificate) for certificate in wanted])
        groups = defaultdict(list)
        for certificate in wanted:
            issuer = certificate.issuer
            alone = certificate if issuer == "self" else None    # signed with its own key
            groups[issuer, certificate.age, certificate.left, certificate.usage, alone].append(certificate)
        for (issuer, age, left, usage, alone), members in groups.items():
            stems = [_stem(member) for member in members]
            if alone:
                self._sign(stems, key=stems[0], extensions="self", age=age, left=left, selfsigned=True)
            else:
                self._sign(stems, key=issuer, extensions=usage, age=age, left=left)
            for stem, certificate in zip(stems, members):
                self._write_chain(stem, certificate)
            if usage == "revoked":
                self._revoke(issuer, stems)
        self._publish_list("ca")

    def _revoke(self, issuer, stems):
        for stem in stems:
            self._ca(issuer, "-revoke", f"{stem}.crt", "-crl_reason", "keyCompromise")

    def _publish_list(self, issuer):
        """The CRL that `listed` and `revoked` certificates name; nginx serves it."""
        self._ca(issuer, "-gencrl", "-crldays", "7", "-out", f"{issuer}.crl.pem")
        _openssl("crl", "-in", f"{issuer}.crl.pem", "-outform", "DER", "-out", f"{issuer}.crl", cwd=self.issued)

    def _ca(self, issuer, *arguments):
        _openssl("ca", "-config", self.kept / "openssl.cnf", "-keyfile", self.kept / f"{issuer}.key",
                 "-cert", f"{issuer}.crt", *arguments, cwd=self.issued)

    @property
    def root(self):
        return self.issued / "root.crt"

    def _make_requests(self, subjects):
        with alone_in(self.kept), ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            missing = [subject for subject in subjects if not (self.kept / f"{subject[0]}.csr").exists()]
            list(pool.map(lambda subject: self._make_request(*subject), missing))

    def _make_request(self, stem, certificate):
        names = [f"DNS:{name}" for name in certificate.names]
        organization = ORGANIZATIONS.get(stem)
        subject = (f"/O={organization}" if organization else "") + f"/CN={certificate.cn}"
        extension = ("-addext", "subjectAltName=" + ",".join(names)) if names else ()
        _openssl("req", "-new", "-config", "openssl.cnf", *(RSA if certificate.key == "rsa" else EC), "-nodes",
                 "-keyout", f"{stem}.key", "-out", f"{stem}.csr.new", "-subj", subject, *extension,
                 cwd=self.kept)
        (self.kept / f"{stem}.csr.new").rename(self.kept / f"{stem}.csr")

    def _issue_authorities(self):
        for root in ("root", "stranger"):
            self._sign([root], key=root, extensions="authority", age=days(400), left=days(3650), selfsigned=True)
        self._sign(["ca"], key="root", extensions="authority", age=days(399), left=days(1000))
        self._sign(["public-ca"], key="root", extensions="authority", age=days(399), left=days(1000))
        self._sign(["expired-ca"], key="root", extensions="authority", age=days(399), left=timedelta(hours=-2))

    def _sign(self, stems, key, extensions, age, left, selfsigned=False):
        first = int((self.issued / "serial").read_text(), 16)
        signer = ("-selfsign",) if selfsigned else ("-cert", f"{key}.crt")
        _openssl("ca", "-batch", "-notext", "-config", self.kept / "openssl.cnf", "-outdir", ".",
                 "-keyfile", self.kept / f"{key}.key", *signer, "-extensions", extensions,
                 "-startdate", _stamp(self.now - age), "-enddate", _stamp(self.now + left),
                 "-infiles", *(self.kept / f"{stem}.csr" for stem in stems), cwd=self.issued)
        for number, stem in enumerate(stems, first):     # openssl names its output by the serial number
            (self.issued / f"{number:04X}.pem").rename(self.issued / f"{stem}.crt")

    def _write_chain(self, stem, certificate):
        parts = [self.kept / f"{stem}.key", self.issued / f"{stem}.crt"]
        if certificate.issuer != "self" and not certificate.leaf_only:
            parts.append(self.issued / f"{certificate.issuer}.crt")
        replace_file(self.issued / f"{stem}.pem", "".join(part.read_text() for part in parts))
