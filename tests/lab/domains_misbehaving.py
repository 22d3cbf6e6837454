"""One domain for each behaviour of misbehave.py: `https-NAME.test`, `smtp-NAME.test`."""
from domains_rules import serves
from model import MX2, Certificate, Domain, Mail, Web, policy

HTTPS = """hang reset garbage drip-handshake handshake-hang drip-headers drip-body endless-headers endless-header-line
status-50k status-1m garbage-http close endless-100 endless-chunks gzip-bomb truncated broken-chunks body-200k
tls10 tls11 sni-only unrecognized-name slow gzip length-and-chunked no-length no-length-http10""".split()

SMTP = """hang tarpit endless-greeting garbage greeting-421 greeting-451 greeting-554 ehlo-421 ehlo-5xx-helo-250
ehlo-helo-5xx endless-ehlo line-1m masked lower-case multi-line-greeting starttls-454 starttls-554 starttls-close
starttls-garbage starttls-hang starttls-drip injected tls10 sni-only nul quit-hang plain-quit-hang
close-after-ehlo large-hello-hang large-hello-reset sni-other""".split()


def policy_host(behaviour):
    return Domain(f"https-{behaviour}.test", web=(Web(misbehaves=behaviour),))


def small_dh():
    return Domain("https-dh-1024.test", web=(Web(misbehaves="dh-1024", certificate=Certificate(key="rsa")),))


def mail_host(behaviour):
    name = f"smtp-{behaviour}.test"
    host = f"mx1.{name}"
    return Domain(name, web=serves(policy(host, MX2)), mx=((10, host), (20, MX2)),
                  hosts={host: (Mail(misbehaves=behaviour),)})


def one_address_hangs():
    name = "smtp-one-address-hangs.test"
    host = f"mx1.{name}"
    return Domain(name, web=serves(policy(host, MX2)), mx=((10, host), (20, MX2)),
                  hosts={host: (Mail(), Mail(misbehaves="hang"))})


def all_hang():
    hosts = {f"mx{n}.smtp-all-hang.test": (Mail(misbehaves="hang"),) for n in (1, 2)}
    return Domain("smtp-all-hang.test", web=serves(policy(*hosts)), mx=tuple(zip((10, 20), hosts)), hosts=hosts)


def markup():
    """Every text that its servers can choose is HTML that would run in a careless page."""
    name = "markup.test"
    shown, greets = f"mx1.{name}", f"mx2.{name}"
    body = policy(shown, greets, extra=("x-note: </pre><script>alert(1)</script><img src=x onerror=alert(1)>",))
    return Domain(name, record=("v=STSv1; id=20261101T000000Z; note=<script>alert(1)</script>;",), web=serves(body),
                  mx=((10, shown), (20, greets)), tlsrpt=("v=TLSRPTv1; rua=mailto:<script>alert(1)</script>@reports.test",),
                  records=(("@", r"MX 30 \<img\032src=x\032onerror=alert\(1\)\>.markup.test."),),
                  hosts={shown: (Mail(Certificate(cn="<img src=x onerror=alert(1)>", issuer="self")),),
                         greets: (Mail(misbehaves="markup"),)})


DOMAINS = [*map(policy_host, HTTPS), *map(mail_host, SMTP), small_dh(), one_address_hangs(), all_hang(), markup()]
