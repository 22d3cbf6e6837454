"""Faults and oddities of DNS: the record, delegation, DNSSEC, the MX set, the TLSRPT record."""
from domains_rules import NO_STARTTLS, own_pair, serves
from model import MX1, MX2, RECORD, TLSRPT, Certificate, Domain, Mail, bare, policy

def chain(length, target):
    """`length` CNAMEs from _mta-sts on; the last one is the owner of the record."""
    names = ["_mta-sts", *(f"c{n}" for n in range(1, length))]
    return tuple((owner, f"CNAME {after}") for owner, after in zip(names, [*names[1:], target]))


def record(name, *texts, **parts):
    return Domain(f"record-{name}.test", record=texts, **parts)


def tlsrpt(name, *texts):
    return Domain(f"tlsrpt-{name}.test", tlsrpt=texts)


def dane(name, *kinds, dnssec="signed", **parts):
    """Both MX hosts with TLSA records of these kinds."""
    return own_pair(name, dnssec=dnssec, tlsa=tuple((f"mx{n}.{name}", kind) for n in (1, 2) for kind in kinds), **parts)


DOMAINS = [
    record("version-case", "v=stsv1; id=20261101T000000Z;"),
    record("version-not-first", "id=20261101T000000Z; v=STSv1;"),
    record("no-id", "v=STSv1;"),
    record("id-too-long", "v=STSv1; id=" + "a" * 33 + ";"),
    record("non-ascii", "v=STSv1; id=“20261101T000000Z”;"),
    record("split", ("v=STSv1; id=2026", "1101T000000Z;")),
    record("extension", "v=STSv1; id=20261101T000000Z; x-note=hello;"),
    record("ttl-long", RECORD, ttl=172800),
    record("big-set", RECORD, *(f"verification-token-{n:02}=" + "x" * 120 for n in range(60))),
    record("missing"),

    tlsrpt("two", TLSRPT, "v=TLSRPTv1; rua=https://reports.test/tlsrpt"),
    tlsrpt("no-rua", "v=TLSRPTv1; contact=postmaster;"),
    tlsrpt("bare-address", "v=TLSRPTv1; rua=tlsrpt@reports.test"),
    tlsrpt("http", "v=TLSRPTv1; rua=http://reports.test/tlsrpt"),
    tlsrpt("version-case", "v=tlsrptv1; rua=mailto:tlsrpt@reports.test"),
    tlsrpt("missing"),
    tlsrpt("undeliverable", "v=TLSRPTv1; rua=mailto:tlsrpt@gone.reports.test"),
    tlsrpt("undeliverable-beside", "v=TLSRPTv1; rua=mailto:tlsrpt@gone.reports.test,mailto:tlsrpt@reports.test"),
    tlsrpt("https-gone", "v=TLSRPTv1; rua=https://gone.reports.test/v1/tlsrpt"),

    Domain("cname-delegated.test", record=(), web_at="web.sts-provider.test",
           records=(("_mta-sts", "CNAME _mta-sts.sts-provider.test."),)),
    Domain("cname-dangling.test", record=(), web_at="web.sts-provider.test",
           records=(("_mta-sts", "CNAME gone.sts-provider.test."),)),
    Domain("cname-chain.test", record=(),
           records=(*chain(9, "end"), ("end", f'TXT "{RECORD}"'))),
    Domain("cname-loop.test", record=(), records=(("_mta-sts", "CNAME a"), ("a", "CNAME b"), ("b", "CNAME a"))),
    Domain("policy-host-servfail.test", web=(), records=(("mta-sts", "CNAME mta-sts.servfail.test."),)),
    Domain("servfail.test", dead_zone=True),
    Domain("refused.test", dead_zone=True, name_servers=("127.0.53.12", "127.0.53.11")),
    Domain("silent-zone.test", dead_zone=True, name_servers=("127.0.53.10",)),
    Domain("half-silent-zone.test", dead_zone=True, name_servers=("127.0.53.12", "127.0.53.10")),
    own_pair("signed.test", dnssec="signed"),
    own_pair("dane.test", dnssec="signed", tlsa=(("mx1.dane.test", "current"), ("mx2.dane.test", "current"))),
    dane("dane-rollover.test", "current", "old"),
    dane("dane-pkix.test", "pkix"),
    dane("dane-pkix-beside.test", "current", "pkix"),
    dane("dane-selector.test", "selector"),
    dane("dane-issuer.test", "issuer"),
    dane("dane-issuer-not-sent.test", "root"),
    dane("dane-no-starttls.test", "current", mx2=(Mail(options=NO_STARTTLS),)),
    dane("dane-insecure.test", "old", dnssec=""),
    dane("dane-bogus-tlsa.test", "current", dnssec="bogus tlsa"),
    dane("dane-bogus-denial.test", "current", dnssec="bogus denial"),
    dane("dane-rsasha1.test", "old", dnssec="rsasha1"),
    own_pair("signed-iterations.test", dnssec="iterations"),
    Domain("dane-mx-unsigned.test", web=serves(policy("mx1.dane.test", "mx2.dane.test")),
           mx=((10, "mx1.dane.test"), (20, "mx2.dane.test"))),
    own_pair("bogus.test", dnssec="bogus"),
    own_pair("rrsig-expired.test", dnssec="expired"),
    Domain("xn--bcher-kva.test", web=serves(policy("mx1.xn--bcher-kva.test", MX2)),
           mx=((10, "mx1.xn--bcher-kva.test"), (20, MX2)), hosts={"mx1.xn--bcher-kva.test": (Mail(),)}),

    bare("mx-null.test", mx=((0, "."),)),
    Domain("mx-implicit.test", web=serves(policy("mx-implicit.test")), mx=(), hosts={"mx-implicit.test": (Mail(),)}),
    Domain("mx-no-address.test", web=serves(policy("ghost.mx-no-address.test", MX2)),
           mx=((10, "ghost.mx-no-address.test"), (20, MX2))),
    Domain("mx-literal.test", web=serves(policy(MX1)), mx=((10, MX1), (20, "127.0.2.1"))),
    Domain("mx-sixty.test", web=serves(policy("*.mx.mx-sixty.test")),
           mx=tuple((10, f"n{n:02}.mx.mx-sixty.test") for n in range(60)),
           hosts={f"n{n:02}.mx.mx-sixty.test": (Mail(Certificate(names=("*.mx.mx-sixty.test",)), address="127.0.2.203"),)
                  for n in range(60)}),
    Domain("mx-servfail.test", web=serves(policy("mx.servfail.test", MX2)), mx=((10, "mx.servfail.test"), (20, MX2))),
    own_pair("private-address.test"),
]
