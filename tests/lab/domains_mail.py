"""Faults of real mail hosts. mx1 is at fault and mx2 is the shared good one, unless said otherwise."""
from domains_rules import NO_STARTTLS, serves
from model import BLACK_HOLE, CLOSED, MX2, Certificate, Domain, Mail, Web, days, policy


def mx1(name, *addresses):
    host = f"mx1.{name}"
    return Domain(name, web=serves(policy(host, MX2)), mx=((10, host), (20, MX2)), hosts={host: addresses})


def shows(name, certificate):
    return mx1(f"mx-{name}.test", Mail(certificate))


def renewable(name, *records, names=None):
    """mx1 shows a certificate of a CA that CAA records can name; these are the domain's."""
    host = f"mx1.{name}"
    return Domain(name, web=serves(policy(host, MX2)), mx=((10, host), (20, MX2)), records=records,
                  hosts={host: (Mail(Certificate(issuer="public-ca", names=names)),)})


DOMAINS = [
    shows("cn-only", Certificate(names=(), cn="mx1.mx-cn-only.test")),
    shows("self-signed", Certificate(issuer="self")),
    shows("private-ca", Certificate(issuer="stranger")),
    shows("wrong-name", Certificate(names=("mail.mx-wrong-name.test",))),
    shows("partial-wildcard", Certificate(names=("m*.mx-partial-wildcard.test",))),
    shows("wildcard", Certificate(names=("*.mx-wildcard.test",))),
    shows("not-yet-valid", Certificate(age=days(-1))),
    shows("rsa", Certificate(key="rsa")),
    shows("client-only", Certificate(usage="clientAuth")),
    shows("intermediate-expired", Certificate(issuer="expired-ca")),
    shows("leaf-only", Certificate(leaf_only=True)),
    shows("expiring", Certificate(age=days(85), left=days(5))),
    shows("revoked", Certificate(usage="revoked")),
    shows("listed", Certificate(usage="listed")),
    Domain("policy-host-revoked.test", web=(Web(certificate=Certificate(usage="revoked"), address="own"),)),

    mx1("mx-asks-certificate.test", Mail(options=("smtpd_tls_ask_ccert=yes",))),
    mx1("mx-wants-certificate.test", Mail(options=("smtpd_tls_security_level=encrypt", "smtpd_tls_req_ccert=yes"))),
    mx1("mx-legacy-tls.test", Mail(options=("smtpd_tls_protocols=>=TLSv1", "smtpd_tls_ciphers=medium",
                                            "tls_medium_cipherlist=ALL:@SECLEVEL=0"))),

    renewable("caa-forbids.test", ("@", 'CAA 0 issue "digicert.com"')),
    renewable("caa-nobody.test", ("@", 'CAA 0 issue ";"')),
    renewable("caa-allows.test", ("@", 'CAA 0 issue "digicert.com"'), ("@", 'CAA 0 issue "letsencrypt.org"')),
    renewable("caa-host-allows.test", ("@", 'CAA 0 issue "digicert.com"'), ("mx1", 'CAA 0 issue "letsencrypt.org"')),
    renewable("caa-issuewild.test", ("@", 'CAA 0 issue "digicert.com"'), ("@", 'CAA 0 issuewild "letsencrypt.org"'),
              names=("*.caa-issuewild.test",)),
    renewable("caa-critical.test", ("@", 'CAA 0 issue "letsencrypt.org"'), ("@", 'CAA 128 tbs "unknown"')),

    mx1("mx-starttls-on-one.test", Mail(), Mail(options=NO_STARTTLS)),
    mx1("mx-certificates-differ.test", Mail(), Mail(Certificate(names=("old.mx-certificates-differ.test",)))),
    mx1("mx-refused.test", Mail(address=CLOSED)),
    mx1("mx-black-hole.test", Mail(address=BLACK_HOLE)),
    mx1("mx-one-refused.test", Mail(), Mail(address=CLOSED)),
]
