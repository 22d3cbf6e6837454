"""Faults and oddities of the policy host: HTTP, the file, the certificate, several addresses."""
from domains_rules import serves
from model import (BASE_POLICY, BLACK_HOLE, CLOSED, CLOSED_IPV6, EXPIRED, MX1, MX2, Certificate, Domain, Mail, Web, days,
                   policy)


def answers(name, serve):
    return Domain(f"http-{name}.test", web=(Web(serve=serve),))


def file(name, body):
    return Domain(f"policy-{name}.test", web=serves(body))


def shows(name, certificate):
    return Domain(f"web-{name}.test", web=(Web(certificate=certificate),))


def lines(*text):
    return "".join(line + "\n" for line in text).encode()


DOMAINS = [
    *(answers(str(status), f"return {status};") for status in (404, 403, 500, 503)),
    answers("bot-rule", "if ($http_user_agent !~ Mozilla) { return 403; } default_type text/plain;"),
    answers("302", "return 302 /elsewhere.txt;"),
    answers("octet-stream", "default_type application/octet-stream;"),
    answers("no-type", 'default_type "";'),
    answers("charset", 'default_type "text/plain; charset=utf-8";'),

    file("none", policy(MX1, MX2, mode="none", max_age=86400)),
    file("none-no-mx", policy(mode="none", max_age=86400)),
    file("crlf", policy(MX1, MX2, eol="\r\n")),
    file("lf", policy(MX1, MX2, eol="\n")),
    file("bare-cr", policy(MX1, MX2, eol="\r")),
    file("no-last-eol", BASE_POLICY.rstrip()),
    file("bom", b"\xef\xbb\xbf" + BASE_POLICY),
    file("nul", BASE_POLICY.replace(b"enforce", b"enforce\0")),
    file("empty", b""),
    file("no-version", lines("mode: enforce", f"mx: {MX1}", f"mx: {MX2}", "max_age: 604800")),
    file("mode-report", policy(MX1, MX2, mode="report")),
    file("max-age-zero", policy(MX1, MX2, max_age=0)),
    file("max-age-too-large", policy(MX1, MX2, max_age=31557601)),
    file("max-age-unit", policy(MX1, MX2, max_age="7d")),
    file("mx-star", policy(MX1, MX2, "*")),
    file("mx-trailing-dot", policy(MX1, MX2 + ".")),
    file("mx-ulabel", policy(MX1, "mx2.bücher.test", MX2)),
    file("mx-dangling", policy(MX1, MX2, "mx3.policy-mx-dangling.test")),
    file("mx-nobodys", policy(MX1, MX2, "*.nobody-has-this.test")),
    file("unknown-field", policy(MX1, MX2, extra=("x_note: hello",))),
    Domain("policy-wildcard-broad.test", web=serves(policy("*.policy-wildcard-broad.test")),
           mx=((10, "mx1.policy-wildcard-broad.test"),), hosts={"mx1.policy-wildcard-broad.test": (Mail(),)}),

    Domain("web-no-address.test", web=()),
    Domain("web-refused.test", web=(Web(address=CLOSED),)),
    Domain("web-black-hole.test", web=(Web(address=BLACK_HOLE),)),
    Domain("web-one-refused.test", web=(Web(), Web(address=CLOSED))),
    Domain("web-one-expired.test", web=(Web(address="own"), Web(address="own", certificate=EXPIRED))),
    Domain("web-max-age-differs.test", web=(Web(address="own"), Web(address="own", body=policy(MX1, MX2, max_age=1209600)))),
    Domain("web-ipv6-refused.test", web=(Web(), Web(address=CLOSED_IPV6))),

    shows("cn-only", Certificate(names=(), cn="mta-sts.web-cn-only.test")),
    shows("self-signed", Certificate(issuer="self")),
    shows("private-ca", Certificate(issuer="stranger")),
    shows("wrong-name", Certificate(names=("www.web-wrong-name.test",))),
    shows("partial-wildcard", Certificate(names=("m*.web-partial-wildcard.test",))),
    shows("wildcard", Certificate(names=("*.web-wildcard.test",))),
    shows("not-yet-valid", Certificate(age=days(-1))),
    shows("rsa", Certificate(key="rsa")),
    shows("client-only", Certificate(usage="clientAuth")),
    shows("intermediate-expired", Certificate(issuer="expired-ca")),
    shows("overdue", Certificate(age=days(70), left=days(20))),
    shows("expiring", Certificate(age=days(85), left=days(5))),
]
