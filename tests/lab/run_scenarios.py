#!/usr/bin/python3
"""Runs `BINARY check` on the domains of the lab, which must be up, and compares with tests/scenarios/*.json.

An expectation holds when the status (one of several, if a list), the exit code, `mode`, `enforce_usable_mx` and
`within`, the seconds that the look may take (each if stated), agree; every code in `findings` is there ("a|b": one of
these); and no warning or critical finding is there besides these and `also_allowed`. Info findings need not be listed.
A misbehaving peer must moreover cost neither more time than the look has, nor more memory than a healthy one.
The time that a loaded machine let the program wait for a processor is not counted; where it is long, a fetch may be slow.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

SCENARIOS = Path(__file__).resolve().parent.parent / "scenarios"
RESOLVER = "127.0.53.2:53"
EXIT_CODES = {"ok": 0, "warning": 1, "critical": 2, "unknown": 3}
HEALTHY = "s01-base.test"
LOOK_SECONDS, MISBEHAVING_SECONDS = 20, 15
GRACE_SECONDS, SANITIZER_SECONDS = 2, 3
STARVED_SECONDS, SLOWNESS = 1, ("sts-policy-fetch-slow",)
MEMORY_ALLOWANCE_KIB = 16 * 1024


@dataclass
class Scenario:
    name: str
    domain: str
    expected: dict
    seconds: int
    misbehaving: bool

    def command(self, binary, ca_file):
        resolvers = self.expected.get("resolvers", [RESOLVER])
        options = ["--allow-private", *(word for resolver in resolvers for word in ("--resolver", resolver)),
                   "--ca-file", str(ca_file), "--timeout", f"{self.seconds}s", *self.expected.get("arguments", [])]
        unwanted = self.expected.get("without", [])
        return [binary, "check", "--json", *(word for word in options if word not in unwanted), self.domain]


@dataclass
class Run:
    exit_code: int
    output: str
    errors: str
    seconds: float                                   # without those that it waited
    peak_kib: int
    waited: float                                    # with work, for a processor


def load():
    scenarios = []
    for path in sorted(SCENARIOS.glob("*.json")):
        content = json.loads(path.read_text())
        if path.stem == "special":
            scenarios += [Scenario(entry["name"], entry["domain"], entry, LOOK_SECONDS, False) for entry in content]
            continue
        bad = path.stem == "misbehaving"
        scenarios += [Scenario(domain, domain, expected, MISBEHAVING_SECONDS if bad else LOOK_SECONDS, bad)
                      for domain, expected in content.items()]
    return scenarios


def peak_memory(pid):
    """VmHWM in KiB. (A child's ru_maxrss would count the memory of this very process before exec.)"""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def waited_for_processor(pid):
    """Seconds of the thread that waited longest, by the scheduler: a loaded machine's doing. A program that hangs waits for none."""
    longest = 0
    for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            longest = max(longest, int(file.read_text().split()[1]) / 1e9)
        except (OSError, LookupError):
            pass                                     # it has ended meanwhile
    return longest


def execute(command, limit):
    began, peak, waited = time.monotonic(), 0, 0
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        while process.poll() is None:
            peak = max(peak, peak_memory(process.pid))
            waited = max(waited, waited_for_processor(process.pid))
            if time.monotonic() - began - waited > limit:
                process.kill()
            time.sleep(0.04)
        seconds = time.monotonic() - began
        out.seek(0), err.seek(0)
        return Run(process.returncode, out.read(), err.read(), seconds - waited, peak, waited)


def missing_and_surplus(expected, findings):
    got = {finding["code"] for finding in findings}
    wanted = [set(item.split("|")) for item in expected["findings"]]
    allowed = set().union(expected.get("also_allowed", []), *wanted)
    missing = ["|".join(sorted(choice)) for choice in wanted if not choice & got]
    surplus = sorted({finding["code"] for finding in findings if finding["severity"] != "info"} - allowed)
    return missing, surplus


def faults(scenario, run, healthy_peak, slack):
    """What differs from the expectation, one sentence each."""
    expected = scenario.expected
    bound = expected.get("within", scenario.seconds + GRACE_SECONDS) + slack
    if run.seconds > bound:
        yield f"took {run.seconds:.1f} s, more than {bound} s"
    try:
        (result,) = json.loads(run.output)
    except ValueError:
        yield f"exit code {run.exit_code}, no JSON of one domain; stderr: {run.errors.strip()[-500:]}"
        return
    if scenario.misbehaving and healthy_peak and run.peak_kib > healthy_peak + MEMORY_ALLOWANCE_KIB:
        yield f"peak memory {run.peak_kib} KiB, a healthy domain takes {healthy_peak} KiB"
    statuses = expected["status"] if isinstance(expected["status"], list) else [expected["status"]]
    if result["status"] not in statuses:
        yield f"status: expected {' or '.join(statuses)}, got {result['status']}"
    if run.exit_code != EXIT_CODES.get(result["status"]):
        yield f"exit code {run.exit_code} with status {result['status']}"
    missing, surplus = missing_and_surplus(expected, result["findings"])
    if missing:
        yield f"missing: {' '.join(missing)}"
    if run.waited > STARVED_SECONDS:                 # and so did the servers
        surplus = [code for code in surplus if code not in SLOWNESS]
    if surplus:
        yield f"not expected: {' '.join(surplus)}"
    for key in ("mode", "enforce_usable_mx"):
        if key in expected and result[key] != expected[key]:
            yield f"{key}: expected {expected[key]}, got {result[key]}"


def describe(scenario, run, problems):
    print(f"\n{scenario.name}: {scenario.expected['why']}")
    for problem in problems:
        print(f"    {problem}")
    try:
        for finding in json.loads(run.output)[0]["findings"]:
            print(f"        {finding['severity']:<9}{finding['code']} [{finding['subject']}] {finding['detail']}")
    except (ValueError, LookupError):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="scenarios whose name contains one of these")
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--dir", default=os.environ.get("STSWATCH_LAB_DIR", "/tmp/stswatch-lab"), help="of the lab")
    asked = parser.parse_args()

    ca_file = Path(asked.dir, "ca.pem")
    chosen = [scenario for scenario in load() if not asked.only or any(part in scenario.name for part in asked.only)]

    def run(scenario):
        return execute(scenario.command(asked.binary, ca_file), scenario.seconds + 10)

    healthy = next(scenario for scenario in load() if scenario.name == HEALTHY)
    healthy_peak = max(run(healthy).peak_kib for _ in range(3))
    slack = SANITIZER_SECONDS * (b"__asan_init" in Path(asked.binary).read_bytes())
    failed = 0
    with ThreadPoolExecutor(max_workers=asked.jobs) as pool:
        for scenario, outcome in zip(chosen, pool.map(run, chosen)):
            problems = list(faults(scenario, outcome, healthy_peak, slack))
            if problems:
                failed += 1
                describe(scenario, outcome, problems)
    print(f"\n{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
