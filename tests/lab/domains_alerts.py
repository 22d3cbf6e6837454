"""Healthy domains for alerts_test.py to break, one for each fault. Not in the usual lab: STSWATCH_LAB_FAMILIES=alerts."""
from domains_rules import own_pair, serves
from model import Domain, Mail, policy


def with_spare(name):
    """Mail goes to mx1 alone, and the policy lists it alone; mx2 is there."""
    hosts = {f"mx1.{name}": (Mail(),), f"mx2.{name}": (Mail(),)}
    return Domain(name, web=serves(policy(f"mx1.{name}")), mx=((10, f"mx1.{name}"),), hosts=hosts)


DOMAINS = [
    own_pair("one-expires.test"),
    own_pair("both-expire.test"),
    own_pair("loses-mx.test"),
    own_pair("lists-none.test"),
    own_pair("id-race.test"),
    own_pair("late-news.test"),
    with_spare("only-one.test"),
    with_spare("same-id.test"),
]
