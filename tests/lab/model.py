"""The nouns of the lab's world: certificates, policy hosts, mail hosts, domains.

A domain that states nothing is healthy: a valid record, an enforce policy on the
shared policy address, the two shared MX hosts, a TLSRPT record, no DNSSEC.
A scenario states only what differs.
"""
import itertools
from dataclasses import dataclass, field, replace
from datetime import timedelta

RECORD = "v=STSv1; id=20261101T000000Z;"
TLSRPT = "v=TLSRPTv1; rua=mailto:tlsrpt@reports.test"
MX1, MX2 = "mx1.mailhost.test", "mx2.mailhost.test"
SHARED_POLICY_ADDRESS = "127.0.1.1"
CLOSED, CLOSED_IPV6 = "127.0.7.1", "fd53:7::1"   # nothing listens: refuses at once
BLACK_HOLE = "127.0.8.1"                         # the queue is full: no answer at all


def days(n):
    return timedelta(days=n)


def hours(n):
    return timedelta(hours=n)


@dataclass(frozen=True)
class Certificate:
    """What to issue. `names` are the SAN dNSNames; by default the host that shows it."""
    names: tuple | None = None
    cn: str = ""
    age: timedelta = days(30)      # negative: not valid yet
    left: timedelta = days(60)     # negative: expired
    issuer: str = "ca"             # ca | public-ca | expired-ca | stranger | self
    leaf_only: bool = False
    key: str = "ec"                # ec | rsa
    usage: str = "serverAuth"      # serverAuth | clientAuth | listed (names a CRL) | revoked (and is on it)
    issue: int = 0                 # another number, another key

    def shown_by(self, host):
        names = (host,) if self.names is None else self.names
        return replace(self, names=names, cn=self.cn or (names or (host,))[0])


EXPIRED = Certificate(age=days(90), left=hours(-1))


@dataclass(frozen=True)
class Web:
    """One address of a policy host: real nginx, or the behaviour named by `misbehaves`."""
    body: bytes | None = None                  # None: the base policy
    serve: str = "default_type text/plain;"    # nginx directives of the policy's location
    certificate: Certificate = Certificate()
    address: str = SHARED_POLICY_ADDRESS
    misbehaves: str = ""
    stopped: bool = False                      # refuses connections


@dataclass(frozen=True)
class Mail:
    """One address of an MX host: real Postfix, or the behaviour named by `misbehaves`."""
    certificate: Certificate = Certificate()
    options: tuple = ()                        # smtpd parameters that differ, "name=value"
    address: str = ""
    misbehaves: str = ""
    stopped: bool = False                      # refuses connections
    pool: tuple = ()                           # Mails that a balancer at this address takes in turn


@dataclass(frozen=True)
class Domain:
    name: str
    record: tuple = (RECORD,)                  # TXT at _mta-sts
    web: tuple = (Web(),)
    web_at: str = ""                           # mta-sts is a CNAME to this host, which serves `web`
    mx: tuple = ((10, MX1), (20, MX2))
    hosts: dict = field(default_factory=dict)  # mail host name -> its addresses
    tlsrpt: tuple = (TLSRPT,)
    records: tuple = ()                        # further zone lines: (owner, "TYPE data")
    ttl: int = 3600
    dnssec: str = ""                           # "" | signed | bogus | bogus tlsa | bogus denial | expired |
    #                                            rsasha1 | iterations (of NSEC3)
    tlsa: tuple = ()                           # (mail host, "current" | "old"): 3 1 1 of its key, or of a former one;
    #                                            others: zones.py
    dead_zone: bool = False                    # nsd does not have it: every lookup ends in SERVFAIL
    name_servers: tuple = ()                   # of a dead zone: the addresses it is delegated to, else nsd's
    second_server: tuple | None = None         # another nsd serves the zone too, in which these (field, value) differ

    @property
    def policy_host(self):
        return "mta-sts." + self.name


def policy(*mx, mode="enforce", max_age=604800, eol="\r\n", extra=()):
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {host}" for host in mx), f"max_age: {max_age}", *extra]
    return "".join(line + eol for line in lines).encode()


BASE_POLICY = policy(MX1, MX2)


def bare(name, **parts):
    """A domain with nothing published but what is given."""
    return Domain(name, **{"record": (), "web": (), "mx": (), "tlsrpt": (), **parts})


class Addresses:
    """Hands out loopback addresses in the order of declaration."""

    def __init__(self):
        self._web = (f"127.0.1.{n}" for n in itertools.count(2))
        self._mail = (f"127.0.2.{n}" for n in itertools.count(1))
        self._misbehaving = (f"127.0.9.{n}" for n in itertools.count(1))

    def of_web(self, web):
        if web.misbehaves and web.address == SHARED_POLICY_ADDRESS:
            return replace(web, address=next(self._misbehaving))
        return replace(web, address=next(self._web)) if web.address == "own" else web

    def of_mail(self, mail):
        mail = replace(mail, pool=tuple(map(self.of_mail, mail.pool)))
        if mail.address:
            return mail
        return replace(mail, address=next(self._misbehaving if mail.misbehaves else self._mail))
