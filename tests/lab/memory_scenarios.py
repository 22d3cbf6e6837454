"""The scenarios that need a memory: those of the rules' section 6, provider moves right and wrong in each way of their
group J, removal right and wrong (RFC 8461 §8.3). One domain each: the lab's family `memory`.

Each is a list of steps: `do` changes what the servers of the lab serve, `see` says what is then open: every finding but
the agent's own, as "code severity route". Hours count from the service's start; of one hour the look comes before the
change. Expected is what the rules and the RFC say, and nothing was copied from the program's output.
"""
from dataclasses import dataclass, replace

from domains_rules import serves
from model import Domain, Mail, Web, bare, days, hours, policy

WEEK, MONTH, YEAR = 7 * 24, 30 * 24, 31557600 / 3600
TTL = 1                                                     # of the records
A1, A2, A3 = (f"mx{n}.oldhome.test" for n in (1, 2, 3))     # the hosts of most domains, and one more
N1, N2 = (f"mx{n}.newhome.test" for n in (1, 2))            # another provider's
ID = "20261101T000000Z"                                     # of model.RECORD


@dataclass(frozen=True)
class Do:
    hour: float
    changes: tuple          # called with (live.Live, the domain as it is)


@dataclass(frozen=True)
class See:
    hour: float
    status: str             # None: whichever
    findings: frozenset
    facts: dict             # `mode`, `live_mode`, `usable`; hours: `lapse`, `breakage`, `safe_after`; `dates`: code -> hour;
                            # `either`: findings of which one is there; `swings`: so often a severity has changed at most


@dataclass(frozen=True)
class Scenario:
    why: str
    domain: Domain
    steps: tuple
    config: str             # more lines of its [[domain]] table
    calm: bool              # never a page
    clock: str              # domains of one clock pass through time together


def do(hour, *changes):
    return Do(hour, changes)


def see(hour, status, *findings, **facts):
    return See(hour, status, frozenset(findings), facts)


def scenario(name, why, *steps, config="", calm=False, clock="long", **parts):
    parts = {"web": serves(policy(A1, A2)), "mx": preferred(A1, A2), **parts}
    return Scenario(why, Domain(f"{name}.test", **parts), steps, config, calm, clock)


# What changes

def preferred(*hosts):
    return tuple((10 * number, host) for number, host in enumerate(hosts, 1))


def file(*mx, at=None, **fields):
    return lambda lab, domain: lab.set_policy(domain.name, policy(*mx, **fields), web=at)


def new_id(value):
    return lambda lab, domain: lab.set_txt(domain.name, "_mta-sts", [f"v=STSv1; id={value};"])


def mx(*hosts):
    return lambda lab, domain: lab.set_mx(domain.name, preferred(*hosts))


def no_record(lab, domain):
    lab.set_txt(domain.name, "_mta-sts", [])


def no_policy_host(lab, domain):
    lab.change(domain.name, web=())


def policy_host_says(serve):
    return lambda lab, domain: lab.change(domain.name, web=tuple(replace(web, serve=serve) for web in domain.web))


def delegated_to(provider):
    """Both names are the provider's; the policy host goes on serving what it served."""
    return {"records": (("_mta-sts", f"CNAME _mta-sts.{provider}."),), "web_at": f"mta-sts.{provider}"}


def delegate_to(provider):
    return lambda lab, domain: lab.change(domain.name, **delegated_to(provider))


def policy_host_certificate(**parts):
    return lambda lab, domain: lab.set_certificate(domain.policy_host, **parts)


def host_certificate(label, **parts):
    return lambda lab, domain: lab.set_certificate(f"{label}.{domain.name}", **parts)


# What is open again and again

LAPSES = "protection-lapse-predicted warning ticket"
VANISHED = "sts-policy-disappeared critical ticket"
BROKEN = "enforce-breakage-now critical page"
NONE_LISTED = "mx-none-in-policy critical page"
CACHE_EXCLUDES_ALL = "cached-policy-excludes-all-mx critical page"
CACHE_SETTLES = "cached-policy-excludes-mx info log"          # refreshable, for one TTL and an hour
KEPT = "cached-policy-breakage-now info log"                  # by senders that never compare ids, for 30 days at most
KEPT_WITH_ID = "cached-policy-breakage-now warning ticket"     # by senders that renew without fetching, for ever
NO_RECORD = "sts-txt-missing critical ticket"
NO_HOST = "sts-policy-host-no-address critical ticket"
ADDED, REMOVED, SINGLE = "mx-added warning ticket", "mx-removed info log", "mx-single info log"
OTHER_PROVIDER = "mx-provider-changed warning ticket"
# A TTL after the id under which the policy lists it: what senders hold without it they refresh.
ADDED_CALMLY, OTHER_PROVIDER_CALMLY = "mx-added info log", "mx-provider-changed info log"
DOWNGRADED = "sts-mode-downgraded warning ticket"
LOWERED = "sts-max-age-lowered info log"
OPTING_OUT = "sts-mode-none-published info log"
ORDER_UNKNOWN = "sts-update-order-unknown info log"           # file and id between two looks, for a week
REPLACED = (ADDED, REMOVED, SINGLE)                           # both hosts by one, which the policy of now lists
REPLACED_CALMLY = (ADDED_CALMLY, REMOVED, SINGLE)

opt_out = (file(A1, A2, mode="none"), new_id("B"))

NEW_KEY = "certificate-key-changed info log"


def rolled(name, why, *steps):
    """A signed domain with one MX host, which has a TLSA record of its key."""
    host = f"mx.{name}.test"
    return scenario(name, why, *steps, web=serves(policy(host)), mx=preferred(host), hosts={host: (Mail(),)},
                    dnssec="signed", tlsa=((host, "current"),))


def tlsa(*kinds):
    return lambda lab, domain: lab.change(domain.name, tlsa=tuple((f"mx.{domain.name}", kind) for kind in kinds))


def new_key(lab, domain):
    lab.set_certificate(f"mx.{domain.name}", issue=1, age=days(0), left=days(60))


SCENARIOS = [
    # The rules' section 6

    scenario(
        "m09-redirect", "9: the policy host answers 301",
        do(3, policy_host_says("return 301 https://www.m09-redirect.test$request_uri;")),
        see(3.95, "critical", "sts-policy-http-redirect critical ticket", LAPSES, maybe=VANISHED, lapse=3 + WEEK,
            live_mode="enforce", mode=None, usable=(2, 2, 2)),
        see(6, "critical", "sts-policy-http-redirect critical ticket", LAPSES, VANISHED, lapse=3 + WEEK),
        see(2 + WEEK / 2, "critical", "sts-policy-http-redirect critical ticket", LAPSES, VANISHED),
        see(4.5 + WEEK / 2, "critical", "sts-policy-http-redirect critical ticket",
            "protection-lapse-predicted critical page", VANISHED),                    # 5.1: at 50 % of max_age
    ),
    scenario(
        "m11-expired", "11: the policy host's certificate expired an hour ago",
        do(0, policy_host_certificate(age=days(90) - hours(3), left=hours(3))),
        see(4, "critical", "sts-webpki-cert-expired critical ticket", LAPSES, lapse=3 + WEEK, live_mode="enforce", mode=None),
        see(24, "critical", "sts-webpki-cert-expired critical ticket", LAPSES, VANISHED, lapse=3 + WEEK),
        do(24, policy_host_certificate(age=days(0), left=days(90))),
        see(26, "ok", mode="enforce"),
        calm=True,
    ),
    scenario(
        "m29-same-id", "29: file and MX set changed, the id not; the old pair allows one of the new hosts",
        do(3, file(A2, A3), mx(A2, A3)),
        see(5, "critical", "sts-policy-changed-id-unchanged critical page", "cached-policy-excludes-mx warning ticket",
            ADDED, REMOVED, usable=(1, 1, 2), dates={"cached-policy-excludes-mx": 3 + WEEK}),
        do(6, file(A1, A2)),                                      # putting the file back cures nothing
        do(8, file(A2, A3)),
        see(9, "critical", "sts-policy-changed-id-unchanged critical page", "cached-policy-excludes-mx warning ticket",
            ADDED, REMOVED, usable=(1, 1, 2)),
        do(9, new_id("B")),
        see(9.5, "warning", CACHE_SETTLES, ADDED, REMOVED, usable=(2, 2, 2)),
        see(18, "ok", ADDED_CALMLY, REMOVED),              # 5.3: the fourth change within a day waits for 6 quiet hours
    ),
    scenario(
        "m29-none-left", "29: broken if mx2 had gone too; only a new id ends it",
        do(3, file(A3), mx(A3)),
        see(4, "critical", "sts-policy-changed-id-unchanged critical page", CACHE_EXCLUDES_ALL, BROKEN, *REPLACED,
            usable=(0, 0, 1), dates={"cached-policy-excludes-all-mx": 3 + WEEK}),
        do(4, new_id("B")),
        see(4.5, "warning", CACHE_SETTLES, *REPLACED, usable=(1, 1, 1)),
    ),
    scenario(
        "m29-waited-out", "29: without a new id it ends with the last cache, but for senders that renew without fetching",
        do(3, file(A3), mx(A3)),
        see(2 + WEEK, "critical", "sts-policy-changed-id-unchanged critical page", CACHE_EXCLUDES_ALL, BROKEN, *REPLACED),
        see(5 + WEEK, "warning", SINGLE, KEPT_WITH_ID, usable=(1, 1, 1)),
    ),
    scenario(
        "m30-right", "30: the file lists old and new, then a new id, an hour later the new MX; the old ones stay a week",
        do(3, file(A1, A2, A3)),
        see(3.5, "ok", "sts-policy-changed-id-unchanged info log", usable=(2, 2, 2)),     # costs no host
        do(3.5, new_id("B")),
        see(4.5, "ok"),
        do(4.5, mx(A1, A2, A3)),
        see(5, "ok", ADDED_CALMLY, CACHE_SETTLES, usable=(3, 3, 3)),
        see(8, "ok", ADDED_CALMLY),
        do(5 + WEEK, mx(A2, A3)),
        see(7 + WEEK, "ok", REMOVED, usable=(2, 2, 2)),
        calm=True,
    ),
    scenario(
        "m31-id-first", "31: the record 20 min before the file, the MX moved at once",
        do(3, new_id("B"), mx(A3)),
        see(3 + 1 / 3, "critical", NONE_LISTED, BROKEN, ADDED, REMOVED, usable=(0, 0, 1)),
        do(3 + 1 / 3, file(A3)),
        see(4, "critical", "sts-update-order-race critical page", CACHE_EXCLUDES_ALL, BROKEN, *REPLACED, usable=(0, 0, 1),
            dates={"sts-update-order-race": 3 + 1 / 3 + WEEK, "cached-policy-excludes-all-mx": 3 + 1 / 3 + WEEK}),
        do(30, new_id("C")),
        see(30.5, "warning", CACHE_SETTLES, *REPLACED, usable=(1, 1, 1)),
        see(34, "ok", *REPLACED_CALMLY, KEPT),
    ),
    scenario(
        "m32-vanished", "32: record and policy host removed, enforce cached for a year",
        do(3, no_record, no_policy_host),
        see(3.75, "critical", NO_RECORD, NO_HOST, LAPSES, lapse=3 + YEAR),
        see(6, "critical", NO_RECORD, NO_HOST, LAPSES, VANISHED, lapse=3 + YEAR, live_mode="enforce", mode=None, usable=(2, 2, 2)),
        see(8 * 24, "critical", NO_RECORD, NO_HOST, LAPSES, VANISHED, lapse=3 + YEAR, live_mode="enforce", usable=(2, 2, 2)),
        calm=True,
        web=serves(policy(A1, A2, max_age=31557600)),
    ),
    scenario(
        "m33-opting-out", "33 and 35: mode none with a new id; unsafe to remove before day 7, then removed in order",
        do(3, *opt_out),
        see(3 + 3 * 24, "warning", OPTING_OUT, DOWNGRADED, mode="none", live_mode="enforce", usable=None,
            dates={"sts-mode-none-published": 3 + WEEK}, safe_after=3 + WEEK),
        see(3 + 8 * 24, "ok", "sts-removal-complete info log", mode="none", live_mode="none"),
        do(3 + 8 * 24, no_record, no_policy_host),
        see(6 + 8 * 24, "ok", "sts-not-deployed info log", mode=None, live_mode="none"),
        calm=True,
    ),
    scenario(
        "m34-host-too-early", "34: as 33, the policy host removed on day 4",
        do(3, *opt_out),
        do(3 + 4 * 24, no_policy_host),
        see(6 + 4 * 24, "critical", "sts-removal-unsafe critical ticket", NO_HOST, DOWNGRADED, live_mode="enforce",
            dates={"sts-removal-unsafe": 3 + WEEK}),
        calm=True,
    ),
    scenario(
        "m36-none-without-mx", "36: mode none without mx lines",
        do(3, file(mode="none"), new_id("B")),
        see(3 + 24, "warning", OPTING_OUT, "sts-none-without-mx warning log", DOWNGRADED, mode="none", live_mode="enforce"),
        see(5 + 8 * 24, "ok", "sts-removal-complete info log", live_mode="none"),
        calm=True,
    ),
    scenario(
        "m46-downgrade", "46: enforce to testing without notice",
        do(3, file(A1, A2, mode="testing"), new_id("B")),
        see(3 + 6 * 24, "warning", DOWNGRADED, mode="testing", live_mode="enforce", usable=None),
        see(6 + WEEK, "ok", "enforce-not-ready info log", mode="testing", live_mode="testing"),
        calm=True,
    ),
    scenario(
        "m50-slow", "50: p95 of the fetch over 4 s: none of it for Postfix users",
        see(3, "ok", mode="enforce"),
        do(3, policy_host_says("default_type text/plain; limit_rate 40;")),
        see(9, "warning", "sts-policy-fetch-slow warning log", mode="enforce", usable=(2, 2, 2)),
        calm=True, clock="slow",
    ),

    # Group J: identifiers

    scenario(
        "j-needless-id", "a new id, the same policy for over an hour",
        do(3, new_id("B")),
        see(3.75, "ok"),
        see(5, "ok", "sts-id-changed-policy-unchanged info log"),
        see(6 + WEEK, "ok"),
        calm=True,
    ),
    scenario(
        "j-unread-id", "a new id while the file answers 404",
        do(3, policy_host_says("return 404;"), new_id("B")),
        see(3.75, "critical", "sts-policy-http-status critical ticket", "sts-id-changed-fetch-failing critical ticket", LAPSES),
        do(4.5, policy_host_says("default_type text/plain;")),
        see(5.5, "ok", "sts-id-changed-policy-unchanged info log"),
        calm=True,
    ),
    scenario(
        "j-reused-id", "back to an id that stood for another policy",
        do(3, file(A1, A2, A3), new_id("B")),
        see(4, "ok"),
        do(4, new_id(ID)),
        see(4.5, "warning", "sts-id-reused warning ticket"),
        do(4.5, new_id("C")),
        see(5.4, "ok"),
        calm=True,
    ),
    scenario(
        "j-harmless-race", "the id half an hour before the file, which costs no host: a ticket",
        do(3, new_id("B")),
        do(3.5, file(A1, A2, A3)),
        see(4, "critical", "sts-update-order-race critical ticket", usable=(2, 2, 2), dates={"sts-update-order-race": 3.5 + WEEK}),
        do(4, new_id("C")),
        see(4.5, "ok"),
        calm=True,
    ),

    # Group J: what was not seen is possible, what was seen is not doubted

    scenario(
        "w-nobody-looked", "the id an hour before the file, while nobody looked: either may have come first",
        do(3, new_id("B"), mx(A3)),
        do(4, file(A3)),
        see(8, "critical", "sts-update-order-unknown warning ticket", CACHE_EXCLUDES_ALL, BROKEN, *REPLACED, usable=(0, 0, 1),
            safe_after=5 + WEEK, dates={"sts-update-order-unknown": 5 + WEEK}),
        do(8, new_id("C")),
        see(9, "warning", CACHE_SETTLES, *REPLACED, usable=(1, 1, 1)),
        clock="down",
    ),
    scenario(
        "w-behind-a-failure", "file, failure, id, in this order: nobody got the old file under the new id",
        do(3, file(A3)),
        do(3 + 10 / 3600, policy_host_says("return 503;")),
        do(3 + 20 / 3600, new_id("B"), mx(A3)),
        do(3 + 7 / 60, policy_host_says("default_type text/plain;")),
        see(7, "ok", *REPLACED_CALMLY, KEPT, maybe=ORDER_UNKNOWN, usable=(1, 1, 1)),
    ),

    # Group J: mode and max_age

    scenario(
        "j-upgraded", "testing to enforce",
        do(3, file(A1, A2), new_id("B")),
        see(3.75, "ok", "sts-mode-upgraded info log", mode="enforce", live_mode="enforce", usable=(2, 2, 2)),
        see(6 + WEEK, "ok"),
        calm=True,
        web=serves(policy(A1, A2, mode="testing")),
    ),
    scenario(
        "j-max-age-lowered", "max_age from 30 days to 7, then another host: the first copies live by their own (4.7, 10)",
        do(3, file(A1, A2), new_id("B")),
        see(4, "ok", LOWERED, safe_after=3 + MONTH),
        do(4, file(A1, A2, A3), new_id("C")),
        do(6, mx(A1, A2, A3)),
        see(6.5, "ok", LOWERED, ADDED_CALMLY, CACHE_SETTLES, safe_after=3 + MONTH, usable=(3, 3, 3)),
        calm=True,
        web=serves(policy(A1, A2, max_age=2592000)),
    ),
    scenario(
        "j-max-age-raised", "max_age from 7 days to 14",
        do(3, file(A1, A2, max_age=1209600), new_id("B")),
        see(4, "ok", "sts-max-age-raised info log"),
        calm=True,
    ),

    # Group J: moves

    scenario(
        "j-moved-right", "to another provider in the right order; the old hosts stay a week",
        do(3, file(A1, A2, N1, N2)),
        do(3.5, new_id("B")),
        do(5, mx(A1, A2, N1, N2)),
        see(5.5, "ok", ADDED_CALMLY, CACHE_SETTLES, usable=(4, 4, 4)),
        do(6 + WEEK, mx(N1, N2)),
        see(8 + WEEK, "ok", REMOVED, usable=(2, 2, 2)),
        do(8 + WEEK, file(N1, N2), new_id("C")),
        see(9 + WEEK, "ok", REMOVED, usable=(2, 2, 2)),
        calm=True,
    ),
    scenario(
        "j-moved-at-once", "file, id, MX in this order, but all at once: no host that the old copies allow stays",
        do(3, file(N1, N2), new_id("B"), mx(N1, N2)),
        see(3.5, "warning", OTHER_PROVIDER, ADDED, REMOVED, CACHE_SETTLES, usable=(2, 2, 2)),
        see(6, "ok", OTHER_PROVIDER_CALMLY, ADDED_CALMLY, REMOVED, KEPT),
        see(6 + WEEK, "ok"),
        calm=True,
    ),
    scenario(
        "j-mx-first", "MX first, the file an hour later, the id last",
        do(3, mx(N1, N2)),
        see(3.5, "critical", NONE_LISTED, BROKEN, OTHER_PROVIDER, ADDED, REMOVED, usable=(0, 0, 2)),
        do(4, file(A1, A2, N1, N2)),
        see(5, "critical", "sts-policy-changed-id-unchanged critical page", CACHE_EXCLUDES_ALL, BROKEN, OTHER_PROVIDER, ADDED,
            REMOVED, usable=(0, 0, 2), dates={"cached-policy-excludes-all-mx": 4 + WEEK}),
        do(5, new_id("B")),
        see(5.5, "warning", CACHE_SETTLES, OTHER_PROVIDER, ADDED, REMOVED, usable=(2, 2, 2)),
    ),
    scenario(
        "j-moved-without-record", "the record taken away, the file changed, the MX moved: nobody with a copy learns of it",
        do(3, no_record),
        do(4, file(A3), mx(A3)),
        see(5, "critical", NO_RECORD, LAPSES, VANISHED, CACHE_EXCLUDES_ALL, BROKEN, *REPLACED, mode=None, usable=(0, 0, 1)),
        do(6, new_id("B")),
        see(6.75, "warning", CACHE_SETTLES, *REPLACED, mode="enforce", usable=(1, 1, 1)),
    ),
    scenario(
        "j-moved-unreadable", "a new id and the MX moved while the policy host answers 503",
        do(3, policy_host_says("return 503;")),
        do(4, new_id("B"), mx(A3)),
        see(5.5, "critical", "sts-policy-http-status critical ticket", "sts-id-changed-fetch-failing critical ticket", LAPSES,
            VANISHED, CACHE_EXCLUDES_ALL, BROKEN, *REPLACED, mode=None, usable=(0, 0, 1)),
        do(6, policy_host_says("default_type text/plain;"), file(A3)),
        see(8.25, "ok", *REPLACED_CALMLY, KEPT, usable=(1, 1, 1)),
    ),
    scenario(
        "j-moved-then-expired", "4.7, 3: moved in order, then the policy host's certificate ends before the old copies do",
        do(0, policy_host_certificate(age=days(60), left=hours(30))),
        do(3, file(A3), new_id("B"), mx(A3)),
        see(4, "critical", "sts-webpki-cert-expiring critical ticket", "enforce-breakage-predicted critical ticket", LAPSES,
            CACHE_SETTLES, *REPLACED, usable=(1, 1, 1), breakage=(30, "sts-webpki-cert-expired")),
        see(9, "critical", "sts-webpki-cert-expiring critical ticket", "enforce-breakage-predicted critical page", LAPSES,
            *REPLACED_CALMLY, KEPT, breakage=(30, "sts-webpki-cert-expired")),
        see(33, "critical", "sts-webpki-cert-expired critical ticket", LAPSES, VANISHED, CACHE_EXCLUDES_ALL, BROKEN, *REPLACED,
            usable=(0, 0, 1), dates={"cached-policy-excludes-all-mx": 3 + WEEK}),
        do(33, policy_host_certificate(age=days(0), left=days(90))),
        see(35, "ok", *REPLACED_CALMLY, KEPT, usable=(1, 1, 1)),
    ),
    scenario(
        "j-two-nodes", "4.7, 11: one node of the policy host keeps the old file, under the new id",
        do(3, file(A3, at=1), new_id("B"), mx(A3)),
        # Who fetched from the one node reaches nobody, who fetched from the other the new host.
        see(5, "critical", "sts-policy-address-inconsistent critical ticket", BROKEN, *REPLACED, usable=(0, 1, 1)),
        do(5, file(A3, at=0)),
        see(7, "critical", "sts-update-order-race critical page", CACHE_EXCLUDES_ALL, BROKEN, *REPLACED, usable=(0, 0, 1),
            dates={"sts-update-order-race": 5 + WEEK}),
        do(7, new_id("C")),
        see(7.75, "warning", CACHE_SETTLES, *REPLACED, usable=(1, 1, 1)),
        web=(Web(body=policy(A1, A2), address="own"), Web(body=policy(A1, A2), address="own")),
    ),
    scenario(
        "j-redelegated", "both names to another provider of policy hosting, who serves the same",
        do(3, delegate_to("sts-rival.test")),
        see(4, "warning", "sts-cname-target-changed warning ticket", usable=(2, 2, 2)),
        calm=True,
        record=(), **delegated_to("sts-provider.test"),
    ),
    scenario(
        "j-redelegated-wrong", "both names to another provider, who lists only his own hosts",
        do(3, delegate_to("sts-rival.test"), file("mx.sts-rival.test")),
        see(4.5, "critical", "sts-cname-target-changed warning ticket", "sts-policy-unexpected-appearance warning ticket",
            "sts-policy-changed-id-unchanged critical ticket", NONE_LISTED, BROKEN, usable=(0, 0, 2)),
        record=(), **delegated_to("sts-provider.test"),
    ),
    scenario(
        "j-appeared", "a policy for hosts that nobody knows",
        see(3, "ok", "sts-not-deployed info log"),
        do(3, file("mx.stranger.test", max_age=31557600), new_id("X")),
        see(4, "critical", "sts-policy-unexpected-appearance warning ticket", "enforce-without-testing info log",
            NONE_LISTED, BROKEN, usable=(0, 0, 2)),
        record=(), web=(),
    ),
    scenario(
        "j-appeared-unwanted", "a policy, in order by itself, where none is expected",
        see(3, "ok", "sts-not-deployed info log"),
        do(3, file(A1, A2), new_id("X")),
        see(4, "warning", "sts-policy-unexpected-appearance warning ticket", "enforce-without-testing info log", usable=(2, 2, 2)),
        config='expect = "absent"\n', calm=True, record=(), web=(),
    ),

    # Group J: removals

    scenario(
        "j-removed-in-order", "RFC 8461 §8.3 to the letter: mode none, a small max_age, a new id, the wait, the removal",
        do(3, file(A1, A2, mode="none", max_age=86400), new_id("B")),
        see(3 + 3 * 24, "warning", OPTING_OUT, DOWNGRADED, LOWERED, live_mode="enforce"),
        see(6 + WEEK, "ok", "sts-removal-complete info log"),
        do(6 + WEEK, no_record),
        see(7 + WEEK, "ok", "sts-not-deployed info log", live_mode="none"),
        calm=True,
    ),
    scenario(
        "j-record-too-early", "as 33 but a year was cached: the record goes on day 4, comes back and goes on",
        do(3, *opt_out),
        see(3 + 3 * 24, "warning", OPTING_OUT, DOWNGRADED, LOWERED, dates={"sts-mode-none-published": 3 + YEAR}),
        do(3 + 4 * 24, no_record),
        see(6 + 4 * 24, "critical", "sts-removal-unsafe critical ticket", DOWNGRADED, LOWERED,
            dates={"sts-removal-unsafe": 3 + YEAR}),
        do(6 + 4 * 24, new_id("B")),
        see(8 + 4 * 24, "warning", OPTING_OUT, DOWNGRADED, LOWERED),
        calm=True,
        web=serves(policy(A1, A2, max_age=31557600)),
    ),
    scenario(
        "j-removed-then-expired", "4.7, 6: all taken away at once, and the mail host's certificate ends before the caches do",
        do(0, host_certificate("mx", age=days(86), left=hours(100))),
        do(3, no_record, no_policy_host),
        see(6, "critical", NO_RECORD, NO_HOST, LAPSES, VANISHED, SINGLE, "certificate-expiring critical ticket",
            "enforce-breakage-predicted critical ticket", breakage=(100, "certificate-expired"), usable=(1, 1, 1)),
        see(80, "critical", NO_RECORD, NO_HOST, LAPSES, VANISHED, SINGLE, "certificate-expiring critical ticket",
            "enforce-breakage-predicted critical page", breakage=(100, "certificate-expired")),
        see(103, "critical", NO_RECORD, NO_HOST, "protection-lapse-predicted critical page", VANISHED,
            "certificate-expired critical ticket", BROKEN, usable=(0, 0, 1)),
        web=serves(policy("mx.j-removed-then-expired.test")), mx=preferred("mx.j-removed-then-expired.test"),
        hosts={"mx.j-removed-then-expired.test": (Mail(),)},
    ),

    # RFC 7671 8.1: the key of a host that has TLSA records, whose TTL is an hour

    rolled(
        "n-rolled-in-haste", "the new key and its record come together",
        do(3, new_key),                         # its record takes the place of the former one
        see(4.9, "critical", "tlsa-rollover-unsafe critical ticket", NEW_KEY, SINGLE),
        see(10, "ok", NEW_KEY, SINGLE),
    ),
    rolled(
        "n-rolled-in-order", "a record that vouches for both keys is there two TTLs before the new key",
        do(3, tlsa("current", "issuer")),
        do(6, new_key),
        see(7.9, "ok", NEW_KEY, SINGLE),
        do(9, tlsa("current")),
        see(12, "ok", NEW_KEY, SINGLE),
    ),
]

SUPPORT = [
    bare("oldhome.test", hosts={host: (Mail(),) for host in (A1, A2, A3)}),
    bare("newhome.test", hosts={host: (Mail(),) for host in (N1, N2)}),
    bare("sts-rival.test", record=(f"v=STSv1; id={ID};",), web=serves(policy(A1, A2))),
]
