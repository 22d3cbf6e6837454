#!/usr/bin/python3
"""Plans followed from the first step to the last, on a clock that leaps and with real DNS, HTTPS and SMTP: a move, a
retirement and a deployment in their order and time, and moves that are not. People are told what they would want to
know, and nothing else.

    STSWATCH_LAB_FAMILIES=plans unshare -n tests/lab/lab exec -- tests/lab/plans_test.py

The plan is made and asked for by the command, on the store of the running service. TIMELAPSE and STSWATCH name the
programs.
"""
import json
import os
import subprocess
import sys
import time
import unittest
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "timelapse"))
import live  # noqa: E402
import world  # noqa: E402
from memory_test import CONFIG  # noqa: E402
from memory_scenarios import N1, N2, file, mx, new_id, no_record, policy_host_says  # noqa: E402
from timelapse import Timelapse  # noqa: E402

LAB = Path(os.environ.get("STSWATCH_LAB_DIR", "/tmp/stswatch-lab")).resolve()
PROGRAM = os.environ.get("TIMELAPSE", "build/tests/timelapse")
STSWATCH = os.environ.get("STSWATCH", "build/stswatch")
FINE, COARSE = 60, 600      # seconds that a leap may be too long
NEWS = 1 / 3                # hours until a change has surely been seen
# Told of the two days in which the second step of those in order is left undone: that it waits, and that senders do not
# learn of a file without an id.
LATE = {("plan-step-overdue", "ticket")}
UNANNOUNCED = {name: {("sts-policy-changed-id-unchanged", "ticket")} for name in ("moves-right.test", "retires.test")}
DAYS = 40                   # far more than any of these plans takes
MOVE = ("--mx", N1, "--mx", N2)
GOALS = {
    "moves-right.test": MOVE, "moves-early.test": MOVE, "moves-first.test": MOVE,
    "retires.test": ("--retire",),
    "deploys.test": ("--mode", "enforce", "--max-age", "604800"),
}


class Plans(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(TemporaryDirectory()))
        self.lab = self.enterContext(live.Live())
        self.config = self.folder / "c.toml"
        self.config.write_text(CONFIG.format(state=self.folder / "s.db", resolver=":".join(map(str, world.RESOLVER)),
                                             ca=LAB / "ca.pem") + "".join(f'[[domain]]\nname = "{name}"\n' for name in GOALS))
        self.start = int(time.time())
        self.hour, self.told, self.verdicts = 0.0, {name: [] for name in GOALS}, {}
        self.service = self.enterContext(Timelapse(PROGRAM, self.config, self.folder / "log", self.start))
        self.pass_to(NEWS)

    def command(self, name, *words):
        done = subprocess.run([STSWATCH, "plan", name, "--config", self.config, "--json", *words], text=True,
                              capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, f"{name} {words}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def pass_to(self, hour):
        leap = hour - self.hour
        state = self.service.passes(leap, FINE if leap <= 1 else COARSE)
        self.hour, self.verdicts = hour, state["domains"]
        for row in state["told"]:
            if row["kind"] != "closed" and not row["of_the_agent"]:
                self.told[row["domain"]].append((row["code"], row["route"]))
        self.lab.now = datetime.fromtimestamp(self.start + hour * 3600, timezone.utc)

    def hour_of(self, date):
        return (datetime.fromisoformat(date).timestamp() - self.start) / 3600

    def carry_out(self, name, step):
        of = world.domain_of(name)
        if step["do"] == "serve-policy":
            policy = step["policy"]
            file(*policy["mx"], mode=policy["mode"], max_age=policy["max_age"])(self.lab, of)
        elif step["do"] == "publish-id":
            new_id(step["id"])(self.lab, of)
        elif step["do"] == "set-mx":
            mx(*(row["host"] for row in step["mx"]))(self.lab, of)
        elif step["do"] == "remove-record":
            no_record(self.lab, of)
        else:
            policy_host_says("return 404;")(self.lab, of)

    def undone(self, name):
        """The steps to do, each with the hour from which it is safe."""
        plan = self.command(name, "--show")
        return [(step, self.hour_of(step["safe_from"])) for step in plan["steps"] if step["done"] is None]

    def follow(self, names):
        """Does each step of each domain as soon as it is safe, and lets time pass, until all are done."""
        while self.hour < DAYS * 24:
            waiting = {name: self.undone(name) for name in names}
            if not any(waiting.values()):
                return
            ready = [(name, steps[0]) for name, steps in waiting.items() if steps and steps[0][1] <= self.hour]
            for name, (step, _) in ready:
                self.carry_out(name, step)
            next_at = min(steps[0][1] for steps in waiting.values() if steps)
            self.pass_to(self.hour + NEWS if ready else max(self.hour + NEWS, next_at + NEWS))
        self.fail(f"after {DAYS} days still to do: {waiting}")

    def codes(self, name):
        return {f["code"] for f in self.verdicts[name]["findings"]}

    def beyond_log(self, name):
        return {row for row in self.told[name] if row[1] != "log"}

    def test_plans_are_followed(self):
        plans = {}
        for name, goal in GOALS.items():
            plans[name] = self.command(name, *goal, "--follow")
            self.assertEqual(plans[name]["verdict"], "safe", plans[name]["why"])
            self.told[name].clear()
        self.pass_to(self.hour + NEWS)
        for name in GOALS:
            self.assertIn("plan-step-due", self.codes(name), "the first step may be done at once")

        # MX before the file: said at once.
        self.carry_out("moves-first.test", next(s for s in plans["moves-first.test"]["steps"] if s["do"] == "set-mx"))
        self.pass_to(self.hour + NEWS)
        self.assertIn("plan-step-out-of-order", self.codes("moves-first.test"))

        # In order, but the MX set two days after the id, while caches hold the old policy for five days more.
        for _ in range(2):
            self.carry_out("moves-early.test", self.undone("moves-early.test")[0][0])
            self.pass_to(self.hour + NEWS)
        step, safe_from = self.undone("moves-early.test")[0]
        self.assertEqual(step["do"], "set-mx")
        self.assertGreater(safe_from, self.hour + 6 * 24)
        calm = ("moves-right.test", "retires.test", "deploys.test")
        for name in calm:
            self.carry_out(name, self.undone(name)[0][0])
        self.pass_to(self.hour + 48)
        self.assertNotIn("plan-step-early", self.codes("moves-early.test"))
        self.carry_out("moves-early.test", step)
        self.pass_to(self.hour + NEWS)
        self.assertIn("plan-step-early", self.codes("moves-early.test"))
        early = next(f for f in self.verdicts["moves-early.test"]["findings"] if f["code"] == "plan-step-early")
        until = datetime.fromtimestamp(self.start + safe_from * 3600, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.assertIn(until, early["effect"])
        self.assertIn(("plan-step-early", "ticket"), self.told["moves-early.test"])

        self.follow(calm)
        self.pass_to(self.hour + 1)
        for name in calm:
            with self.subTest(name):
                self.assertIn("plan-complete", self.codes(name))
                self.assertEqual(self.beyond_log(name), LATE | UNANNOUNCED.get(name, set()))
                self.assertEqual(self.verdicts[name]["status"], "ok")
        self.assertNotIn("plan-step-early", self.codes("moves-early.test"), "no cache is left that it hurts")

        self.command_drops("moves-early.test")
        self.pass_to(self.hour + 1)
        self.assertFalse({c for c in self.codes("moves-early.test") if c.startswith("plan-")})

    def command_drops(self, name):
        done = subprocess.run([STSWATCH, "plan", name, "--config", self.config, "--drop"], text=True, capture_output=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
