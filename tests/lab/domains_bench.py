"""A thousand healthy domains, each with a policy host and a certificate of its own, at fifty pairs of MX hosts.
Not in the usual lab: STSWATCH_LAB_FAMILIES=bench."""
from domains_rules import serves
from model import Domain, Mail, bare, policy

COUNT, PAIRS = 1000, 50


def pair(number):
    return tuple(f"mx{n}.pair{number % PAIRS}.benchhost.test" for n in (1, 2))


def name(number):
    return f"d{number:04}.test"


def domain(number):
    mx = pair(number)
    return Domain(name(number), web=serves(policy(*mx)), mx=tuple(zip((10, 20), mx)))


DOMAINS = [
    bare("benchhost.test", hosts={host: (Mail(),) for number in range(PAIRS) for host in pair(number)}),
    *map(domain, range(COUNT)),
]
