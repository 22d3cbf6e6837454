"""Scenarios with a memory of zones that two name servers serve, and of pools of mail servers behind one address: what
differs from one question, or from one connection, to the next. The form is that of memory_scenarios.py."""
from dataclasses import replace

import memory_scenarios
from domains_rules import NO_STARTTLS, serves
from memory_scenarios import A1, A2, A3, NEW_KEY, do, mx, new_id, preferred, scenario, see
from model import EXPIRED, Mail, policy

NEW_ID = "sts-id-changed-policy-unchanged info log"
OTHER_ID = (("record", ("v=STSv1; id=20261101T000000Z;",)),)
OTHER_MX = (("mx", preferred(A1, A2)),)


def second_server(*differs):
    return lambda lab, domain: lab.change(domain.name, second_server=differs)


def zones(name, why, *steps, **parts):
    return scenario(name, why, *steps, clock="servers", second_server=(), **parts)


def pool(name, why, *steps, members=2):
    host = f"mx.{name}.test"
    return scenario(name, why, *steps, clock="servers", calm=True, web=serves(policy(host, A1)), mx=preferred(host, A1),
                    hosts={host: (Mail(pool=(Mail(),) * members),)})


def member(number, **parts):
    """One machine of the pool, from now on."""
    def change(lab, domain):
        (host, (balancer,)), = domain.hosts.items()
        machines = list(balancer.pool)
        machines[number] = replace(machines[number], **parts)
        lab.change(domain.name, hosts={host: (replace(balancer, pool=tuple(machines)),)})
    return change


SCENARIOS = [
    *memory_scenarios.SCENARIOS,
    zones(
        "ns-record-lags", "a secondary keeps the former record beyond the zone's refresh of an hour",
        do(2, second_server(*OTHER_ID), new_id("B")),
        see(2.9, "ok", "sts-txt-ns-inconsistent info log"),
        see(6, "warning", "sts-txt-ns-inconsistent warning ticket", NEW_ID),
        do(7, second_server()),
        see(10, "ok", NEW_ID),
        calm=True,
    ),
    zones(
        "ns-mx-lags", "a secondary keeps the former MX set",
        do(5, second_server(*OTHER_MX), mx(A1, A2, A3)),
        see(5.9, "ok", "mx-ns-inconsistent info log", "mx-added info log"),
        see(9, "warning", "mx-ns-inconsistent warning ticket", "mx-added info log"),
        do(10, second_server()),
        see(13, "ok", "mx-added info log"),
        calm=True, web=serves(policy(A1, A2, A3)),
    ),
    zones(
        "ns-unsigned", "a secondary serves the zone without its signatures",
        do(5, mx(A1, A2, A3)),
        see(9, "warning", "dnssec-ns-inconsistent warning ticket", "mx-added info log"),
        dnssec="signed", calm=True, web=serves(policy(A1, A2, A3)),
    ),
    pool(
        "pool-starttls", "every second connection meets a machine without STARTTLS",
        do(2, member(1, options=NO_STARTTLS)),
        see(26, None, either={"smtp-flapping critical ticket", "smtp-flapping warning ticket"}, swings=4),  # at the threshold: up, down, up, and down when it has been lower for long
        do(27, member(1, options=())),
        see(60, "ok"),
    ),
    pool(
        "pool-mostly", "three machines of four without STARTTLS",
        do(2, *(member(n, options=NO_STARTTLS) for n in (1, 2, 3))),
        see(26, "critical", "smtp-flapping critical ticket"),
        do(27, *(member(n, options=()) for n in (1, 2, 3))),
        see(60, "ok"),
        members=4,
    ),
    pool(
        "pool-certificate", "one machine of three kept the expired certificate",
        do(2, member(1, certificate=EXPIRED)),
        see(26, "warning", "smtp-flapping warning ticket", NEW_KEY),
        do(27, member(1, certificate=Mail().certificate)),
        see(60, "ok", NEW_KEY),
        members=3,
    ),
]

DOMAINS = [*memory_scenarios.SUPPORT, *(one.domain for one in SCENARIOS)]
