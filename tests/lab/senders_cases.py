"""What is odd in the domains that real senders deliver to, by the names that checks/judge/senders gives as seen.

Each domain has an odd host at preference 10 and a good one at 20. In most of them the odd host is in no policy and shows
a certificate that nobody trusts: a sender that sees no policy delivers there, one that enforces goes on to the good one.
"""
from dataclasses import dataclass, replace

from model import MX2, Certificate, Domain, Mail, Web, policy

OPEN = "open.strays.test"          # in no policy, self-signed
ODD = "odd"                        # syslog_name of odd hosts: tells in the log whom a sender reached
GOOD = MX2
FILLER = tuple(f"x-fill: {'y' * 70}" for _ in range(1000))
DH = ("smtpd_tls_protocols=<=TLSv1.2", "smtpd_tls_mandatory_protocols=<=TLSv1.2", "tls_preempt_cipherlist=yes",
      "smtpd_tls_ciphers=medium",
      "tls_medium_cipherlist=DHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0")


@dataclass(frozen=True)
class Case:
    name: str
    domain: Domain
    odd: str                       # the host at preference 10
    of_names: bool = True          # what decides is texts and host names: mailauth, which sees no certificate, counts


def _domain(name, **parts):
    return Domain(f"{name}.test", **{"mx": ((10, OPEN), (20, GOOD)), "web": (Web(policy(GOOD)),), "tlsrpt": (), **parts})


def record(name, *texts):
    return Case(name, _domain(name, record=texts), OPEN)


def text(name, body, **web):
    octets = body.encode() if isinstance(body, str) else body
    return Case(name, _domain(name, web=(Web(octets, **web),)), OPEN)


def answer(name, **web):
    return Case(name, _domain(name, web=(Web(**{"body": policy(GOOD), **web}),)), OPEN)


def host(name, mail, listed=True, **parts):
    odd = f"mx.{name}.test"
    mail = replace(mail, options=(f"syslog_name={ODD}", *mail.options))
    patterns = (odd, GOOD) if listed else (GOOD,)
    return Case(name, _domain(name, **{"mx": ((10, odd), (20, GOOD)), "hosts": {odd: (mail,)},
                                       "web": (Web(policy(*patterns)),), **parts}), odd, of_names=not listed)


def below_wildcard(name):
    odd = f"a.b.{name}.test"
    mail = Mail(Certificate(names=(odd,)), options=(f"syslog_name={ODD}",))
    return Case(name, _domain(name, mx=((10, odd),), hosts={odd: (mail,)}, web=(Web(policy(f"*.{name}.test")),)), odd)


LINES = f"version: STSv1\nmode: enforce\nmx: {GOOD}\nmax_age: 604800\n"
GOOD_RECORD = "v=STSv1; id=1;"

CASES = (
    record("record-good", GOOD_RECORD),
    record("record-two", GOOD_RECORD, "v=STSv1; id=2;"),
    record("record-no-semicolon", "v=STSv1 id=1"),
    record("record-space-around-equals", "v=STSv1 ;  id = 1 ;"),
    record("record-other-version-alone", "v=STSv2; id=1;"),
    record("record-version-lower", "v=stsv1; id=1;"),
    record("record-version-not-first", "id=1; v=STSv1;"),
    record("record-id-missing", "v=STSv1;"),
    record("record-id-key-upper", "v=STSv1; ID=1;"),
    record("record-id-hyphen", "v=STSv1; id=2026-11-01;"),
    record("record-id-empty", "v=STSv1; id=;"),
    record("record-other-version", GOOD_RECORD, "v=STSv12; id=2;"),
    record("record-bare-version", GOOD_RECORD, "v=STSv1"),
    record("record-spaced-version", GOOD_RECORD, "v=STSv1 ; id=2;"),
    text("policy-bom", "\ufeff" + LINES),
    text("policy-comment", "# ours\n" + LINES),
    text("policy-max-age-zero", LINES.replace("604800", "0")),
    text("policy-max-age-plus", LINES.replace("604800", "+604800")),
    text("policy-max-age-fraction", LINES.replace("604800", "604800.0")),
    text("policy-key-upper", LINES.replace("mode", "Mode")),
    text("policy-mode-upper", LINES.replace("enforce", "Enforce")),
    text("policy-over-64k-tail", policy(GOOD, extra=FILLER, eol="\n")),
    text("policy-over-64k-head", LINES.replace("mx:", "\n".join(FILLER) + "\nmx:")),
    text("policy-mx-list", LINES.replace(GOOD, f"{GOOD}, {OPEN}")),
    text("policy-mx-asterisk", LINES.replace(GOOD, "*")),
    text("policy-mx-address", LINES.replace(f"mx: {GOOD}", f"mx: {GOOD}\nmx: 192.0.2.1")),
    text("policy-mx-list-beside", policy(GOOD, f"mx2.a.test, {OPEN}")),
    text("policy-mx-blank-beside", policy(GOOD, f"mx2.a.test {OPEN}")),
    text("policy-mx-address-port-beside", policy(GOOD, "192.0.2.1:25")),
    text("policy-mx-address6-beside", policy(GOOD, "2001:db8::1")),
    text("policy-mx-asterisks", policy("*", "**")),
    text("policy-mx-asterisk-beside", policy(GOOD, "*")),
    text("policy-mx-dot-beside", policy(GOOD, "mx2.a.test.")),
    text("policy-mx-underscore-beside", policy(GOOD, "mx_2.a.test")),
    text("policy-mx-empty-beside", policy(GOOD, "")),
    text("policy-mx-ulabel-beside", policy(GOOD, "mx2.bücher.test")),
    text("policy-mx-final-dot", LINES.replace(GOOD, GOOD + ".")),
    text("policy-mx-leading-dot", LINES.replace(GOOD, GOOD[GOOD.index("."):])),
    answer("fetch-html-type", serve="default_type text/html;"),
    answer("fetch-charset-latin1", serve='default_type "text/plain; charset=iso-8859-1";'),
    answer("fetch-charset-unknown", serve='default_type "text/plain; charset=x-nonsense";'),
    answer("fetch-utf8-no-charset", body=policy(GOOD, extra=("x-owner: café",))),
    answer("fetch-utf8-charset", body=policy(GOOD, extra=("x-owner: café",)), serve='default_type "text/plain; charset=utf-8";'),
    answer("fetch-gzip", body=None, misbehaves="gzip"),
    answer("fetch-no-length", body=None, misbehaves="no-length"),
    answer("fetch-no-length-http10", body=None, misbehaves="no-length-http10"),
    answer("fetch-length-and-chunked", body=None, misbehaves="length-and-chunked"),
    answer("web-cn-only", certificate=Certificate(names=(), cn="mta-sts.web-cn-only.test")),
    answer("web-dh-small", body=None, misbehaves="dh-1024", certificate=Certificate(key="rsa")),
    host("mx-certificate-of-other", Mail(Certificate(names=(GOOD,)))),
    host("mx-unlisted-certificate-listed", Mail(Certificate(names=("mx.mx-unlisted-certificate-listed.test", GOOD))),
         listed=False),
    host("mx-cn-only", Mail(Certificate(names=(), cn="mx.mx-cn-only.test"))),
    host("mx-self-signed", Mail(Certificate(issuer="self"))),
    host("mx-dh-small", Mail(Certificate(key="rsa"), options=DH)),
    below_wildcard("mx-below-wildcard"),
)
