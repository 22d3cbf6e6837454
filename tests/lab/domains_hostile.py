"""Strangers at their worst, one domain for each: `https-NAME.test`, `smtp-NAME.test` (a healthy host beside it), and
`dns-NAME.test`, healthy here, which hostile_dns.py spoils. Not in the usual lab: STSWATCH_LAB_FAMILIES=hostile."""
from domains_misbehaving import mail_host, policy_host
from hostile_certificates import BOMBS
from domains_rules import serves
from hostile_dns import KINDS
from model import MX2, Domain, Mail, policy
from misbehave_tls import RECORDS

HTTPS = ("drip-status", "drip-chunks", "endless-chunk-extension", "endless-chunk-size", "endless-tiny-chunks", "endless-trailers",
         "endless-body", "no-close", "renegotiating", "changing-keys", "tiny-records", *RECORDS, *(f"certificate-{name}" for name in BOMBS))
SMTP = ("drip-greeting", "drip-ehlo", "drip-starttls", "endless-greeting-line", "endless-ehlo-line", "endless-starttls",
        "endless-starttls-line", "endless-injected", "renegotiating", *RECORDS, *(f"certificate-{name}" for name in BOMBS))
NEIGHBOURS = tuple(f"neighbour{n}.test" for n in range(4))


def spoiled(name):
    domain = f"dns-{name}.test"
    host = f"mx1.{domain}"
    return Domain(domain, web=serves(policy(host, MX2)), mx=((10, host), (20, MX2)), hosts={host: (Mail(),)})


DOMAINS = [*map(policy_host, HTTPS), *map(mail_host, SMTP), *map(spoiled, KINDS), *map(Domain, NEIGHBOURS)]
