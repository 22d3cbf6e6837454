"""Zone files for nsd from the world: one unsigned or signed zone for each domain, below a signed `test.`"""
import base64
import hashlib
import re
import subprocess
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import certificates
import world
from files import alone_in, replace_file
from model import days

HEAD = """$ORIGIN {origin}
$TTL 3600
@ SOA ns.lab.test. hostmaster.lab.test. {serial} 3600 900 1209600 300
"""
FIRST_SERIAL = 1
ALGORITHM = "ECDSAP256SHA256"
ALGORITHMS = {"rsasha1": "RSASHA1"}                              # by Domain.dnssec; the others have the one above
NSEC3 = {"bogus denial": ("-n", "-t", 0), "iterations": ("-n", "-t", 50)}
SIGNED_NOW, EXPIRED = (days(-1), days(20)), (days(-40), days(-10))


def quoted(text):
    """One TXT record: its character-strings of at most 255 octets, octets outside ASCII as \\DDD."""
    strings = text if isinstance(text, tuple) else (text,)
    octets = [part.encode()[at:at + 255] for part in strings for at in range(0, len(part.encode()), 255)]
    return " ".join('"' + "".join(chr(octet) if 32 <= octet < 127 and octet not in b'"\\' else f"\\{octet:03}"
                                  for octet in part) + '"' for part in octets)


def _address_record(server):
    return f"{'AAAA' if ':' in server.address else 'A'} {server.address}"


def _lines(domain):
    yield from (f"_mta-sts {domain.ttl} TXT {quoted(text)}" for text in domain.record)
    yield from (f"_smtp._tls TXT {quoted(text)}" for text in domain.tlsrpt)
    yield from (f"@ MX {preference} {host.rstrip('.')}." for preference, host in domain.mx)
    if domain.web_at:
        yield f"mta-sts CNAME {domain.web_at}."
    else:
        yield from (f"mta-sts {_address_record(web)}" for web in domain.web)
    for host, addresses in domain.hosts.items():
        yield from (f"{host}. {_address_record(mail)}" for mail in addresses)
    yield from (f"{owner} {data}" for owner, data in domain.records)


# What each kind of TLSA record says: its parameters, and what it is the hash of.
TLSA = {"current": ("3 1 1", certificates.public_key),
        "old": ("3 1 1", lambda directory, shown: certificates.public_key(directory, shown)[::-1]),
        "pkix": ("1 1 1", certificates.public_key),
        "selector": ("3 1 1", certificates.leaf),
        "issuer": ("2 1 1", lambda directory, shown: certificates.authority_key(directory, shown.issuer)),
        "root": ("2 1 1", lambda directory, _: certificates.authority_key(directory, "root"))}


def _tlsa_lines(directory, domain):
    for host, which in domain.tlsa:
        parameters, said = TLSA[which]
        data = said(directory, domain.hosts[host][0].certificate)
        yield f"_25._tcp.{host}. TLSA {parameters} {hashlib.sha256(data).hexdigest()}"


def name_servers(domain):
    """Who serves the domain, as its parent says it and it says itself."""
    addresses = domain.name_servers or ((world.NSD[0], world.SECOND_SERVER) if domain.second_server is not None else ())
    if not addresses:
        return [f"{domain.name}. NS ns.lab.test."]
    named = [(f"ns{n}.{domain.name}.", address) for n, address in enumerate(addresses, 1)]
    return [line for name, address in named for line in (f"{domain.name}. NS {name}", f"{name} A {address}")]


def serial_of_second(domain, serial):
    return FIRST_SERIAL if domain.second_server else serial


class Zones:
    def __init__(self, directory):
        self.directory = directory
        self.folder = Path(directory, "zones")
        self.kept = Path(directory, "kept")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.second = Path(directory, "zones-of-second")
        self.second.mkdir(exist_ok=True)
        self.served = {}                             # zone name -> file
        self.served_by_second = {}

    def write_all(self):
        delegations = []
        for domain in world.DOMAINS:
            if domain.name.endswith(".test"):
                delegations += name_servers(domain)
            if not domain.dead_zone:
                delegations += self.write_domain(domain)
        self._write("test", ["@ NS ns.lab", *delegations, f"ns.lab A {world.NSD[0]}"])
        self._sign("test", *SIGNED_NOW)
        self._write(".", ["@ NS ns.lab.test."])

    def write_domain(self, domain, serial=FIRST_SERIAL):
        """Returns what the parent says besides the delegation: the DS record of a signed zone."""
        servers = name_servers(replace(domain, name_servers=()))
        self._write(domain.name, [*servers, *_lines(domain), *_tlsa_lines(self.directory, domain)], serial)
        if domain.second_server is not None:         # what it lags behind with is of another version of the zone
            self.served_by_second[domain.name] = self.second / domain.name
            self._write_file(self.second / domain.name, domain.name,
                             [*servers, *_lines(replace(domain, **dict(domain.second_server)))], serial_of_second(domain, serial))
        if not domain.dnssec:
            return []
        delegation = self._sign(domain.name, *(EXPIRED if domain.dnssec == "expired" else SIGNED_NOW),
                                algorithm=ALGORITHMS.get(domain.dnssec, ALGORITHM), options=NSEC3.get(domain.dnssec, ()))
        if domain.dnssec == "bogus denial":
            for host, _ in domain.tlsa:
                self._break_signatures(domain.name, "NSEC3 ", owner=nsec3_hash(f"_tcp.{host}"))
        elif domain.dnssec.startswith("bogus"):
            self._break_signatures(domain.name, "TLSA " if domain.dnssec == "bogus tlsa" else "")
        return delegation

    @property
    def trust_anchor(self):
        return self.kept / "test.dnskey.key"

    def _write(self, name, lines, serial=FIRST_SERIAL):
        path = self.folder / (name.strip(".") or "root")
        self._write_file(path, name, lines, serial)
        self.served[name] = path

    @staticmethod
    def _write_file(path, name, lines, serial):
        head = HEAD.format(origin=name.rstrip(".") + ".", serial=serial)
        replace_file(path, head + "".join(line + "\n" for line in lines))

    def _sign(self, name, begin, end, algorithm=ALGORITHM, options=()):
        """Signs the zone with a kept key, and returns its DS record for the parent."""
        key = self._key(name, algorithm)
        now = datetime.now(timezone.utc)
        signed = self.folder / f"{name}.signed"
        _run("ldns-signzone", "-i", _stamp(now + begin), "-e", _stamp(now + end), "-f", signed,
             *options, self.served[name], key)
        self.served[name] = signed
        return _run("ldns-key2ds", "-n", "-2", f"{key}.key").splitlines()

    def _key(self, name, algorithm):
        path = self.kept / f"{name}.dnskey"
        with alone_in(self.kept):
            if not Path(f"{path}.private").exists():
                made = _run("ldns-keygen", "-a", algorithm, "-b", 2048, "-k", name, cwd=self.kept).strip()
                (self.kept / f"{made}.ds").unlink(missing_ok=True)
                (self.kept / f"{made}.key").rename(f"{path}.key")
                (self.kept / f"{made}.private").rename(f"{path}.private")
        return path

    def _break_signatures(self, name, of="", owner=""):
        """Replaces the first octets of every signature, or of those of one type, or of one owner (its first label)."""
        path = self.served[name]
        path.write_text(re.sub(rf"(?m)(^{owner}[^\n]*\tRRSIG\t{of}[^\n]* )\S{{4}}(\S+)", r"\1AAAA\2", path.read_text()))


def nsec3_hash(name):
    """RFC 5155 5, without salt and further iterations: the first label of the NSEC3 record of a name."""
    wire = b"".join(bytes([len(label)]) + label.encode() for label in name.lower().split(".")) + b"\0"
    return base64.b32hexencode(hashlib.sha1(wire).digest()).decode().lower()


def _stamp(moment):
    return moment.strftime("%Y%m%d%H%M%S")


def _run(*command, cwd=None):
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr}")
    return done.stdout
