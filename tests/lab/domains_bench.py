"""A thousand healthy domains, each with a policy host and a certificate of its own, at fifty pairs of MX hosts; and as
many as there are pairs that share the first. Not in the usual lab: STSWATCH_LAB_FAMILIES=bench."""
from domains_rules import serves
from model import Domain, Mail, bare, policy

COUNT, PAIRS = 1000, 50


def pair(number):
    return tuple(f"mx{n}.pair{number % PAIRS}.benchhost.test" for n in (1, 2))


def name(number):
    return f"d{number:04}.test"


def name_of_sharing(number):
    return f"s{number:04}.test"


def domain_at(mx, called):
    return Domain(called, web=serves(policy(*mx)), mx=tuple(zip((10, 20), mx)))


def domain(number):
    return domain_at(pair(number), name(number))


DOMAINS = [
    bare("benchhost.test", hosts={host: (Mail(),) for number in range(PAIRS) for host in pair(number)}),
    *map(domain, range(COUNT)),
    *(domain_at(pair(0), name_of_sharing(number)) for number in range(PAIRS)),
]
