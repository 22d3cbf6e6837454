"""The world of the lab: every domain with its final addresses, and what each server is to serve."""
import os
from dataclasses import replace

import domains_alerts
import domains_bench
import domains_demo
import domains_dns
import domains_hostile
import domains_mail
import domains_misbehaving
import domains_plans
import domains_policy
import domains_rules
import domains_senders
import domains_storm
import memory_servers
from model import BLACK_HOLE, CLOSED, CLOSED_IPV6, Addresses

NSD = ("127.0.53.1", 5300)
RESOLVER = ("127.0.53.2", 53)
SECOND_SERVER = "127.0.53.3"
# Resolvers that must never be believed; names are behaviours of misbehave_dns.py.
BAD_RESOLVERS = {"127.0.53.10": "silent", "127.0.53.11": "servfail", "127.0.53.12": "refused",
                 "127.0.53.13": "nxdomain-without-soa", "127.0.53.14": "garbage", "127.0.53.15": "wrong-id-first",
                 "127.0.53.16": "formerr-to-edns"}
FAMILIES = {"rules": domains_rules, "dns": domains_dns, "policy": domains_policy, "mail": domains_mail,
            "misbehaving": domains_misbehaving, "demo": domains_demo,
            "bench": domains_bench, "memory": memory_servers, "alerts": domains_alerts, "storm": domains_storm,
            "senders": domains_senders, "plans": domains_plans, "hostile": domains_hostile}
# Looked at by a clock that leaps: by the Date that nginx cannot leave out it would be wrong, so that has an Age there.
LEAPING = {memory_servers, domains_plans}
USUAL = ("rules", "dns", "policy", "mail", "misbehaving", "demo")   # unless STSWATCH_LAB_FAMILIES says otherwise


_addresses = Addresses()


def settle(domain):
    """The domain with an address for every server and a name in every certificate."""
    web = tuple(_addresses.of_web(replace(web, certificate=web.certificate.shown_by(domain.policy_host)))
                for web in domain.web)
    hosts = {host: tuple(_addresses.of_mail(_with_names(mail, host)) for mail in mails) for host, mails in domain.hosts.items()}
    return replace(domain, web=web, hosts=hosts)


def _with_names(mail, host):
    return replace(mail, certificate=mail.certificate.shown_by(host), pool=tuple(_with_names(one, host) for one in mail.pool))


def _wanted():
    names = os.environ.get("STSWATCH_LAB_FAMILIES", " ".join(USUAL)).split()
    unknown = set(names) - set(FAMILIES)
    if unknown:
        raise SystemExit(f"lab: no such family: {' '.join(unknown)}: STSWATCH_LAB_FAMILIES takes {' '.join(FAMILIES)}")
    return [FAMILIES[name] for name in names]


CLOCK_IS_REAL = LEAPING.isdisjoint(_wanted())
DOMAINS = [settle(domain) for domain in (*domains_rules.SUPPORT, *(
    domain for family in _wanted() for domain in family.DOMAINS))]


def domain_of(name):
    return next(domain for domain in DOMAINS if domain.name == name)


def put(domain):
    """Replaces the domain of this name: what the servers are told from now on."""
    DOMAINS[DOMAINS.index(domain_of(domain.name))] = settle(domain)


def webs():
    """(domain, web) of every policy host address."""
    return [(domain, web) for domain in DOMAINS for web in domain.web]


def mails_of(domain):
    return [(host, mail) for host, addresses in domain.hosts.items() for balancer in addresses for mail in (balancer, *balancer.pool)]


def mails():
    """(host, mail), one for each mail host address and member of a pool; hosts that share an address come once."""
    seen = {mail.address: (host, mail) for domain in reversed(DOMAINS) for host, mail in mails_of(domain)}
    return list(seen.values())


def is_real(server):
    """Served by nginx or Postfix: not misbehaving, stopped, closed, a balancer or a black hole."""
    return not server.misbehaves and not server.stopped and not getattr(server, "pool", ()) and server.address not in (CLOSED, CLOSED_IPV6, BLACK_HOLE)


def certificates():
    return {server.certificate for _, server in (*webs(), *mails())}


def extra_ipv6():
    return sorted({server.address for _, server in (*webs(), *mails()) if ":" in server.address})
