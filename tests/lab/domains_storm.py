"""Five thousand healthy domains at one MX host, fifty to a certificate of their policy hosts. Not in the usual lab:
STSWATCH_LAB_FAMILIES=storm."""
from domains_rules import serves
from model import Certificate, Domain, Mail, bare, policy

COUNT, TOGETHER = 5000, 50
HOST = "mx.stormhost.test"


def name(number):
    return f"d{number:04}.test"


def domain(number):
    first = number - number % TOGETHER
    shown = Certificate(names=tuple(f"mta-sts.{name(n)}" for n in range(first, first + TOGETHER)))
    return Domain(name(number), web=serves(policy(HOST), certificate=shown), mx=((10, HOST),))


DOMAINS = [bare("stormhost.test", hosts={HOST: (Mail(),)}), *map(domain, range(COUNT))]
