"""Domains that plans_test.py leads from one state to another. Not in the usual lab: STSWATCH_LAB_FAMILIES=plans."""
from domains_rules import serves
from memory_scenarios import A1, A2, A3, N1, N2, preferred
from model import Domain, Mail, bare, policy


def at_home(name, **parts):
    return Domain(name, **{"web": serves(policy(A1, A2)), "mx": preferred(A1, A2), **parts})


DOMAINS = [
    bare("oldhome.test", hosts={host: (Mail(),) for host in (A1, A2, A3)}),
    bare("newhome.test", hosts={host: (Mail(),) for host in (N1, N2)}),
    at_home("moves-right.test"),
    at_home("moves-early.test"),
    at_home("moves-first.test"),
    at_home("retires.test"),
    at_home("deploys.test", record=(), web=serves(policy(A1, A2, mode="testing"))),
]
