#!/usr/bin/python3
"""What real senders do is what the program says of them: Postfix with postfix-mta-sts-resolver, chasquid, and mailauth
where it can be had (STSWATCH_MAILAUTH, a folder that npm installed it in). Each delivers to the domains of senders_cases.py
on first contact, and to some more with a policy in its cache after these have changed. Nothing that should happen stands
here: it is taken from `check --json` (refused_by, accepted_by, the count of usable hosts) and from `simulate --world`.
Within the lab, which must be up with the family `senders`; STSWATCH names the program."""
import json
import os
import subprocess
import sys
import tempfile
import unittest
from datetime import datetime, timedelta, timezone
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import live  # noqa: E402
import model  # noqa: E402
import senders  # noqa: E402
from domains_senders import CHANGES  # noqa: E402
from senders_cases import CASES, GOOD, ODD  # noqa: E402

DIRECTORY = Path(os.environ.get("STSWATCH_LAB_DIR", "/tmp/stswatch-lab")).resolve()
PROGRAM = os.environ.get("STSWATCH", "build/stswatch")
LOOK = ("--resolver", "127.0.53.2:53", "--ca-file", str(DIRECTORY / "ca.pem"), "--allow-private")


def check(domains):
    """{domain: its verdict}"""
    done = subprocess.run([PROGRAM, "check", "--json", "--jobs", "8", "--timeout", "60s", *LOOK, *domains],
                          capture_output=True, text=True, timeout=240)
    return {verdict["domain"]: verdict for verdict in json.loads(done.stdout)}


def foreseen(verdict, sender, odd):
    """The host that `sender` reaches first in the eyes of the program; None where its mail waits."""
    findings = verdict["findings"]
    of_host = [f for f in findings if f["subject"].split()[0] == odd]
    of_names = [f for f in findings if f["code"] in ("mx-none-in-policy", "enforce-breakage-now")]
    of_texts = [f for f in findings if f not in of_host and f not in of_names and not f["code"].startswith("mx-")]
    stopped = (verdict["enforce_usable_mx"] or {"max": None})["max"] == 0    # where others are, `refused_by` names them

    def named(kind, among):
        return any(sender in f.get(kind, ()) for f in among)

    host = next(host for host in verdict["mx"] if host["host"] == odd)
    if named("refused_by", of_texts):
        return None if _unreadable(findings) else odd
    if named("accepted_by", of_texts):
        return GOOD  # it reads the policy otherwise, and so as listing that one
    if named("accepted_by", of_host + of_names) or host["allowed"] and host["usable"]:
        return odd
    return None if stopped else GOOD


def _unreadable(findings):
    """A policy that a sender does not refuse, but cannot act on: all mail waits, to whatever host."""
    return any(f["code"] == "sts-policy-mx-invalid-pattern" for f in findings)


def host_of(reached, odd):
    """mailauth says a name, the others leave a syslog name."""
    return {None: None, ODD: odd, "postfix": GOOD}.get(reached, reached)


class Everybody(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.started, cls.absent = [], {}
        for kind in senders.SENDERS:
            if kind.missing():
                print(f"NOT TRIED: {kind.name}: {kind.missing()} is not there", file=sys.stderr)
        cls.verdicts = check([case.domain.name for case in CASES])
        try:
            for kind in senders.SENDERS:
                missing = kind.missing()
                if missing:
                    cls.absent[kind.name] = missing
                    continue
                sender = kind(DIRECTORY)
                cls.started.append(sender)
                sender.start()
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def tearDownClass(cls):
        for sender in cls.started:
            sender.stop()

    def test_those_that_debian_ships_are_here(self):
        self.assertFalse({"postfix-mta-sts-resolver", "chasquid"} & set(self.absent), self.absent)

    def test_first_contact(self):
        compared = 0
        for sender in self.started:
            reached = sender.deliver([case.domain.name for case in CASES])
            for case in CASES:
                if sender.name == "mailauth" and not case.of_names:
                    continue
                with self.subTest(sender=sender.name, case=case.name):
                    verdict = self.verdicts[case.domain.name]
                    self.assertEqual(host_of(reached[case.domain.name], case.odd), foreseen(verdict, sender.name, case.odd),
                                     [(f["code"], f.get("refused_by"), f.get("accepted_by")) for f in verdict["findings"]])
                    compared += 1
        self.assertGreater(compared, 80)

    def test_a_cached_policy_after_a_change(self):
        names = [f"{change}.test" for change in CHANGES]
        before = check(names)
        for name in names:
            self.assertEqual(before[name]["status"], "ok", before[name]["findings"])
        for sender in self.started:
            for name, reached in sender.deliver(names).items():
                with self.subTest("first contact", sender=sender.name, domain=name):
                    self.assertEqual(host_of(reached, f"mx.{name}"), f"mx.{name}")
        with live.Live(DIRECTORY) as lab:
            worlds = {f"{change}.test": CHANGES_MADE[change](lab, f"{change}.test") for change in CHANGES}
            for sender in self.started:
                # It sees no certificate, so nothing but the names of hosts can be asked of it.
                asked = [name for name in names if sender.name != "mailauth" or "unlisted" in name]
                for name, reached in sender.deliver(asked).items():
                    with self.subTest("after the change", sender=sender.name, domain=name):
                        self.assertIn(host_of(reached, f"mx.{name}"), expected(worlds[name]))


# What changes, and the world in which whoever holds the first policy delivers.

NOW = datetime.now(timezone.utc).replace(microsecond=0)


def stamp(delta):
    return (NOW + delta).strftime("%Y-%m-%dT%H:%M:%SZ")


def host(name, preference, **state):
    return {"preference": preference, "host": name, "addresses": [
        {"address": "192.0.2.1", "reachable": True, "starttls": True, "trusted": True, "dns_names": [name],
         "not_after": stamp(timedelta(days=60)), **state}]}


def world(name, mx, policy=True, record=True, second=None):
    """P1 with id A was served until a minute ago, or is. `second`: the policy, (mode, patterns), that has followed."""
    first = f"mx.{name}"
    gone, now = stamp(timedelta(seconds=-1)), stamp(timedelta())
    policies = [{"name": "P1", "mode": "enforce", "mx": [first, GOOD], "max_age": 604800, "first": stamp(timedelta(days=-30)),
                 "last_ub": now if policy and not second else gone}]
    ids = [{"id": "A", "first": stamp(timedelta(days=-30)), "last_ub": now if record and not second else gone, "ttl": 3600}]
    if second:
        policies.append({"name": "P2", "mode": second[0], "mx": list(second[1]), "max_age": 604800, "first": now, "last_ub": now})
        ids.append({"id": "B", "first": now, "last_ub": now, "ttl": 3600})
    return {"now": now, "domain": name, "policies": policies, "ids": ids,
            "current_policy": ("P2" if second else "P1") if policy else None, "current_id": ("B" if second else "A") if record else None,
            "policy_host_not_after": stamp(timedelta(days=60)), "mx": mx}


def simulated(world_file, holds="A/P1"):
    """Whom the holder of that reaches first, by the simulation."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(world_file, file)
        file.flush()
        done = subprocess.run([PROGRAM, "simulate", "--world", file.name, "--json"], capture_output=True, text=True, timeout=60)
    rows = {row["holds"]: row for row in json.loads(done.stdout)["senders"]}
    row = rows.get(holds) or rows["current"]
    return row["hosts"][0] if row["outcome"] in ("deliver", "degraded", "deliver-unprotected") else None


def expected(world_file):
    """A new id is seen when the sender's own cache and its resolver's let go, and the policy that has followed with it;
    until then the first one is applied."""
    if world_file["current_id"] in ("A", None):
        return {simulated(world_file)}
    first, still = world_file["policies"][0], {"last_ub": world_file["now"]}
    ids = [{**world_file["ids"][0], **still}]
    return {simulated(world_file, "current"), simulated({**world_file, "policies": [{**first, **still}], "ids": ids, "current_policy": "P1", "current_id": "A"})}


def follow(lab, name, mode, *patterns):
    lab.set_policy(name, model.policy(*patterns, mode=mode))
    lab.set_txt(name, "_mta-sts", ["v=STSv1; id=2;"])


def distrust(lab, name):
    """So that whoever holds no policy goes to the first host, and whoever enforces does not."""
    lab.set_certificate(f"mx.{name}", issuer="self")
    return [host(f"mx.{name}", 10, trusted=False), host(GOOD, 20)]


def unlisted(lab, name):
    follow(lab, name, "enforce", GOOD)
    return world(name, [host(f"mx.{name}", 10), host(GOOD, 20)], second=("enforce", (GOOD,)))


def all_unlisted(lab, name):
    follow(lab, name, "enforce", model.MX1)
    lab.set_mx(name, [(10, model.MX1)])
    return world(name, [host(model.MX1, 10)], second=("enforce", (model.MX1,)))


def record_gone(lab, name):
    lab.set_txt(name, "_mta-sts", [])
    return world(name, distrust(lab, name), record=False)


def file_gone(lab, name):
    lab.set_policy(name, serve="return 404;")
    return world(name, distrust(lab, name), policy=False)


def host_down(lab, name):
    lab.stop_mail_host(f"mx.{name}")
    return world(name, [host(f"mx.{name}", 10, reachable=False), host(GOOD, 20)])


def certificate(lab, name):
    lab.set_certificate(f"mx.{name}", left=model.hours(-1), age=model.days(90))
    return world(name, [host(f"mx.{name}", 10, not_after=stamp(timedelta(hours=-1))), host(GOOD, 20)])


def to_none(lab, name):
    follow(lab, name, "none", f"mx.{name}", GOOD)
    return world(name, distrust(lab, name), second=("none", (f"mx.{name}", GOOD)))


CHANGES_MADE = {"change-unlisted": unlisted, "change-all-unlisted": all_unlisted, "change-record-gone": record_gone,
                "change-file-gone": file_gone, "change-host-down": host_down, "change-certificate": certificate,
                "change-to-none": to_none}
assert set(CHANGES_MADE) == set(CHANGES)

if __name__ == "__main__":
    unittest.main(verbosity=2)
