#!/usr/bin/python3
"""The scenarios of memory_scenarios.py and memory_servers.py, on a clock that leaps and with real DNS, HTTPS and SMTP between the steps.

    STSWATCH_LAB_FAMILIES=memory unshare -n tests/lab/lab exec -- tests/lab/memory_test.py

One service watches all domains of a clock at once, so that the nine days pass once. In between it ends and starts
again from its store, which may neither open, close nor forget anything. TIMELAPSE names the program, CLOCKS="servers" only
the scenarios of these clocks.
"""
import os
import re
import sys
import threading
import time
import unittest
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "timelapse"))
import live  # noqa: E402
import world  # noqa: E402
import memory_servers  # noqa: E402
from memory_scenarios import ORDER_UNKNOWN, Do  # noqa: E402
from timelapse import Timelapse, busy, theirs  # noqa: E402

LAB = Path(os.environ.get("STSWATCH_LAB_DIR", "/tmp/stswatch-lab")).resolve()
PROGRAM = os.environ.get("TIMELAPSE", "build/tests/timelapse")
SCENARIOS = [one for one in memory_servers.SCENARIOS if one.clock in os.environ.get("CLOCKS", one.clock).split()]
# Seconds that a leap may be too long: in the first hours and in the hour after a change, and otherwise. A leap of ten
# minutes is a lost look, and rightly told as one, where the order of two changes is in question.
FINE_HOURS, FINE, COARSE = 10, 60, 600
RESTART_HOUR = 50
AWAY = {"down": (2, 5)}                      # by clock: from one hour to the other nobody looks
# A date the agent cannot know better than to its own looks: the policy is fetched every half hour, spread by a tenth.
EARLY, LATE = 1 / 60, 0.75                   # hours
CONFIG = """
[agent]
state = "{state}"
[schedule]
dns = "10m"
policy = "30m"
mx = "1h"
[dns]
servers = ["{resolver}"]
[network]
ca_file = "{ca}"
allow_private = true
"""


class Passage:
    """All scenarios of one clock; `wrong` collects what was not as expected, by domain."""

    changing = threading.Lock()              # one at a time changes the lab

    def __init__(self, lab, folder, scenarios):
        self.lab, self.scenarios = lab, scenarios
        self.log, self.config = folder / "log", folder / "c.toml"
        self.config.write_text(CONFIG.format(state=folder / "s.db", resolver=":".join(map(str, world.RESOLVER)), ca=LAB / "ca.pem")
                               + "".join(f'[[domain]]\nname = "{one.domain.name}"\n{one.config}' for one in scenarios))
        self.start, self.hour, self.changed = int(time.time()), 0, 0
        self.service = None
        self.away = AWAY.get(scenarios[0].clock, ())
        self.wrong = {one.domain.name: [] for one in scenarios}
        self.swings = {one.domain.name: [] for one in scenarios}     # times that a severity rose or fell

    def run(self):
        steps = [(step.hour, isinstance(step, Do), one, step) for one in self.scenarios for step in one.steps]
        hours = sorted({hour for hour, *_ in steps})
        restart = [RESTART_HOUR] if hours[-1] > RESTART_HOUR else []
        self.change(steps, 0)
        self.begin()
        for hour in sorted({*hours, *restart, *self.away} - {0}):
            state = self.pass_to(hour)
            for at, is_change, one, step in steps:
                if at == hour and not is_change:
                    self.compare(one, step, state["domains"][one.domain.name])
            if hour in restart:
                self.restart(state)
            if hour in self.away[:1]:
                self.end()
            self.change(steps, hour)
            if hour in self.away[1:]:
                self.begin()
        self.end()

    def begin(self):
        self.service = Timelapse(PROGRAM, self.config, self.log, self.start + self.hour * 3600)

    def end(self):
        self.service.__exit__(None, None, None)
        self.service = None

    def restart(self, before):
        self.end()
        self.begin()
        after = self.service.passes(0, FINE)
        for name in self.wrong:
            for what in (lambda s: {row for row in theirs(s) if row[0] == name},
                         lambda s: [row for row in s["told"] if row["domain"] == name] if s is after else []):
                if what(before) != what(after):
                    self.wrong[name].append(f"after the restart: {what(before)} became {what(after)}")

    def pass_to(self, hour):
        if self.service is None:
            self.hour = hour
            return None
        while self.hour < hour:
            fine_until = max(FINE_HOURS, self.changed + 1)
            fine = self.hour < fine_until
            to = min(hour, fine_until) if fine else hour
            state = self.service.passes(to - self.hour, FINE if fine else COARSE)
            self.hour = to
            self.note_pages(state)
        return state

    def change(self, steps, hour):
        if any(at == hour and is_change for at, is_change, *_ in steps):
            self.changed = hour
        with self.changing:
            self.lab.now = datetime.fromtimestamp(self.start + hour * 3600, timezone.utc)
            for at, is_change, one, step in steps:
                if at == hour and is_change:
                    for change in step.changes:
                        change(self.lab, world.domain_of(one.domain.name))

    # What is compared

    def note_pages(self, state):
        for told in state["told"]:
            one = next(one for one in self.scenarios if one.domain.name == told["domain"])
            if told["kind"] in ("worse", "better"):
                self.swings[told["domain"]].append(f"{told['at']} {told['code']} {told['severity']}")
            if one.calm and told["route"] == "page" and told["kind"] != "closed":
                self.wrong[told["domain"]].append(f"{told['at']}: a page: {told['code']}")

    def compare(self, one, step, verdict):
        facts = dict(step.facts)
        # Whether it was told depends on how old the record in the resolver's cache is: said where it is the point.
        either = facts.pop("either", set())
        maybe = {facts.pop("maybe", None), ORDER_UNKNOWN} | either
        found = {f"{f['code']} {f['severity']} {f['route']}" for f in verdict["findings"]
                 if not f["of_the_agent"] and not busy(f)}
        expected = {"status": step.status or verdict["status"], "missing": set(), "unexpected": set(), "either": bool(either)}
        seen = {"status": verdict["status"], "missing": step.findings - found, "unexpected": found - step.findings - maybe,
                "either": len(either & found) == 1}
        if (most := facts.pop("swings", None)) is not None:
            expected["too many swings"], seen["too many swings"] = [], self.swings[one.domain.name][most:]
        for name, wanted in facts.items():
            expected[name], seen[name] = wanted, getattr(self, f"_{name}")(verdict, wanted)
        for name, wanted in expected.items():
            if seen[name] != wanted:
                self.wrong[one.domain.name].append(f"hour {step.hour:g}: {name}: expected {wanted or 'none'}, is {seen[name]}")

    @staticmethod
    def _mode(verdict, _):
        return verdict["mode"]

    @staticmethod
    def _live_mode(verdict, _):
        return verdict["live_mode"]

    @staticmethod
    def _usable(verdict, _):
        usable = verdict["enforce_usable_mx"]
        return usable and tuple(usable.values())

    def _lapse(self, verdict, wanted):
        lapse = verdict["forecast"]["lapse"]
        return self.about(lapse and lapse["at"], wanted)

    def _safe_after(self, verdict, wanted):
        return self.about(verdict["safe_after"], wanted)

    def _breakage(self, verdict, wanted):
        breakage = verdict["forecast"]["breakage"]
        return breakage and (self.about(breakage["at"], wanted[0]), breakage["reason"])

    def _dates(self, verdict, wanted):
        """Of the dates that each finding shows, the one that is expected, if it is there."""
        seen = {}
        for finding in verdict["findings"]:
            if (hour := wanted.get(finding["code"])) is not None:
                dates = re.findall(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", finding["effect"] + finding["fix"])
                seen[finding["code"]] = next((hour for date in dates if self.about(date, hour) == hour),
                                             [self.hour_of(date) for date in dates])
        return seen

    def about(self, date, wanted):
        """`wanted`, if that is what the date means."""
        hour = date and self.hour_of(date)
        return wanted if hour and wanted - EARLY <= hour <= wanted + LATE else hour

    def hour_of(self, date):
        return (datetime.fromisoformat(date).timestamp() - self.start) / 3600


class Memory(unittest.TestCase):
    def test_scenarios(self):
        folder = Path(self.enterContext(TemporaryDirectory()))
        lab = self.enterContext(live.Live())
        passages = []
        for clock in sorted({one.clock for one in SCENARIOS}):
            (folder / clock).mkdir()
            passages.append(Passage(lab, folder / clock, [one for one in SCENARIOS if one.clock == clock]))
        trouble = []
        threads = [threading.Thread(target=self.run_one, args=(passage, trouble)) for passage in passages]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(trouble, [], "\n".join(passage.log.read_text()[-4000:] for passage in passages))
        for passage in passages:
            for one in passage.scenarios:
                with self.subTest(one.why, domain=one.domain.name):
                    self.assertEqual(passage.wrong[one.domain.name], [], self.history(passage, one))

    @staticmethod
    def run_one(passage, trouble):
        try:
            passage.run()
        except Exception as error:
            trouble.append(repr(error))
            if passage.service:
                passage.service.process.kill()

    @staticmethod
    def history(passage, one):
        """What the log says of the domain."""
        lines = [line for line in passage.log.read_text().splitlines() if one.domain.name in line]
        return "\n" + "\n".join(lines[-40:])


if __name__ == "__main__":
    unittest.main()
