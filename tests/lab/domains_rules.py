"""The end-to-end scenarios of the rules, one domain each, numbered as there."""
from model import (BASE_POLICY, EXPIRED, MX1, MX2, RECORD, SHARED_POLICY_ADDRESS, Certificate, Domain, Mail, Web, bare, days,
                   hours, policy)

PROVIDER = "sts-provider.test"
GOOGLE = ("aspmx.l.google.com", *(f"alt{n}.aspmx.l.google.com" for n in range(1, 5)))
GOOGLE_MX = tuple(zip((1, 5, 5, 10, 10), GOOGLE))
M365_TOKEN = "contoso-com.o-v1.mx.microsoft"
M365_CLASSIC = "contoso-com.mail.protection.outlook.com"
PROOFPOINT = ("mx1-0a.pphosted.com", "mx2-0a.pphosted.com")


def serves(body, **parts):
    return (Web(body=body, **parts),)


def own_pair(name, mx1=(Mail(),), mx2=(Mail(),), **parts):
    """A domain with MX hosts of its own, for faults of the mail hosts."""
    hosts = {f"mx1.{name}": mx1, f"mx2.{name}": mx2}
    return Domain(name, web=serves(policy(*hosts)), mx=tuple(zip((10, 20), hosts)), hosts=hosts, **parts)


def aged(lifetime, left):
    return (Mail(Certificate(age=lifetime - left, left=left)),)


NO_STARTTLS = ("smtpd_tls_security_level=none",)
GREETS_451 = ("smtpd_delay_reject=no",
              "smtpd_client_restrictions=check_client_access static:{451 4.7.1 come back later}")

DOMAINS = [
    own_pair("s01-base.test"),
    Domain("s02-nothing.test", record=(), web=(), tlsrpt=()),
    Domain("s03-testing.test", web=serves(policy(MX1, MX2, mode="testing"))),
    Domain("s04-testing-no-tlsrpt.test", web=serves(policy(MX1, MX2, mode="testing")), tlsrpt=()),
    Domain("s05-id-dashes.test", record=("v=STSv1; id=2026-11-01;",)),
    Domain("s06-two-records.test", record=("v=STSv1; id=20261101T000000Z;", "v=STSv1; id=20261102T000000Z;")),
    Domain("s07-no-semicolon.test", record=("v=STSv1 id=1",)),
    Domain("s08-wrong-name.test", record=(),
           records=(("_mta-sts.s08-wrong-name.test", 'TXT "v=STSv1; id=20261101T000000Z;"'),)),
    Domain("s09-redirect.test", web=(Web(serve="return 301 https://www.s09-redirect.test$request_uri;"),)),
    Domain("s10-html.test", web=serves(b"<!doctype html>\n<html><body><div id=app></div></body></html>\n",
                                       serve="default_type text/html;")),
    Domain("s11-policy-host-expired.test", web=(Web(certificate=EXPIRED),)),
    Domain("s12-policy-host-leaf-only.test", web=(Web(certificate=Certificate(leaf_only=True)),)),
    Domain("s13-provider-name-only.test", record=(), records=(("_mta-sts", f"CNAME _mta-sts.{PROVIDER}."),),
           web=(Web(certificate=Certificate(names=(f"mta-sts.{PROVIDER}",))),), web_at=f"mta-sts.{PROVIDER}"),
    Domain("s14-capital-mx.test", web=serves(
        f"version: STSv1\r\nmode: enforce\r\nMX: {MX1}\r\nmax_age: 604800\r\n".encode())),
    Domain("s15-comment.test", web=serves(
        f"version: STSv1\nmode: enforce\n\n# our hosts\nmx: {MX1}\nmx: {MX2}\nmax_age: 604800\n".encode())),
    Domain("s16-two-modes.test", web=serves(policy(MX1, MX2, mode="testing", extra=("mode: enforce",)))),
    Domain("s17-max-age-300.test", web=serves(policy(MX1, MX2, max_age=300))),
    Domain("s18-mx2-not-in-policy.test", web=serves(policy(MX1))),
    Domain("s19-none-in-policy.test", web=serves(policy("mail.s19-none-in-policy.test")),
           hosts={"mail.s19-none-in-policy.test": (Mail(),)}),
    own_pair("s20-mx1-expired.test", mx1=(Mail(EXPIRED),)),
    own_pair("s21-both-expired.test", mx1=(Mail(EXPIRED),), mx2=(Mail(EXPIRED),)),
    own_pair("s22-mx2-overdue.test", mx2=aged(days(90), days(20))),
    own_pair("s23-45-day.test", mx1=aged(days(45), days(16))),
    own_pair("s24-160-hour.test", mx1=aged(hours(160), hours(45))),
    own_pair("s25-mx2-no-starttls.test", mx2=(Mail(options=NO_STARTTLS),)),
    own_pair("s26-mx1-451.test", mx1=(Mail(options=GREETS_451),)),
    Domain("s27-port25-closed.test"),
    own_pair("s28-ipv6-expired.test", mx1=(Mail(), Mail(EXPIRED, address="fd53:25::28"))),
    Domain("s37-two-bodies.test", web=(Web(address="own"), Web(body=policy(MX1), address="own"))),
    Domain("s38-google-incomplete.test", web=serves(policy(GOOGLE[0])), mx=GOOGLE_MX),
    Domain("s39-google-switched.test", web=serves(policy(GOOGLE[0], "*.aspmx.l.google.com")),
           mx=((1, "smtp.google.com"),)),
    Domain("s40-mx-microsoft.test", web=serves(policy("*.mx.microsoft")), mx=((0, M365_TOKEN),)),
    Domain("s41-m365-classic.test", web=serves(policy("*.mail.protection.outlook.com")), mx=((0, M365_CLASSIC),)),
    Domain("s42-gateway.test", web=serves(policy("*.mail.protection.outlook.com")),
           mx=tuple((10, host) for host in PROOFPOINT)),
    own_pair("s43-tlsa-old-key.test", dnssec="signed",
             tlsa=(("mx1.s43-tlsa-old-key.test", "old"), ("mx2.s43-tlsa-old-key.test", "old"))),
    own_pair("s44-tlsa-partial.test", dnssec="signed", tlsa=(("mx1.s44-tlsa-partial.test", "current"),)),
    Domain("s49-mx-cname.test", web=serves(policy("mx1.s49-mx-cname.test", "mx2.s49-mx-cname.test")),
           mx=((10, "mx1.s49-mx-cname.test"), (20, "mx2.s49-mx-cname.test")),
           hosts={"real.s49-mx-cname.test": (Mail(Certificate(names=("mx1.s49-mx-cname.test", "real.s49-mx-cname.test"))),),
                  "mx2.s49-mx-cname.test": (Mail(),)},
           records=(("mx1", "CNAME real"),)),
]

_GOOGLE_CERTIFICATE = Certificate(names=(*GOOGLE, "smtp.google.com"))

# What the scenarios lean on: shared MX hosts, the report mailbox, the providers' own names.
SUPPORT = [
    bare("mailhost.test", hosts={MX1: (Mail(),), MX2: (Mail(),)}),
    bare("reports.test", mx=((10, MX1),)),
    bare(PROVIDER, record=(RECORD,), web=serves(BASE_POLICY), records=(("web", f"A {SHARED_POLICY_ADDRESS}"),)),
    bare("google.com", hosts={host: (Mail(_GOOGLE_CERTIFICATE, address="127.0.2.201"),)
                              for host in (*GOOGLE, "smtp.google.com")}),
    bare("microsoft", hosts={M365_TOKEN: (Mail(Certificate(names=("*.o-v1.mx.microsoft",))),)}),
    bare("outlook.com", hosts={M365_CLASSIC: (Mail(Certificate(names=("*.mail.protection.outlook.com",))),)}),
    bare("pphosted.com", hosts={host: (Mail(Certificate(names=("*.pphosted.com",)), address="127.0.2.202"),)
                                for host in PROOFPOINT}),
]
