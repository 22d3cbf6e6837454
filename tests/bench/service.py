#!/usr/bin/python3
"""A whole service over real servers: what thousands of domains cost at a steady pace, a scrape, a page, a start, a reload; and
what hosts that swallow packets or dawdle do to the looks at all others.

    STSWATCH_LAB_FAMILIES=bench unshare -n tests/lab/lab exec -- tests/bench/service.py --domains 1000 10000

STSWATCH names the program, else build/stswatch. Prints Markdown. More: README.md.
"""
import argparse
import contextlib
import datetime
import json
import os
import re
import signal
import statistics
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import service_world
from service_world import FOLDER, is_well, name, running

import world

BINARY = Path(os.environ.get("STSWATCH", "build/stswatch")).resolve()
PORT, SAMPLE = 19461, 400
SETTLING = 420                                       # until what is ill, each look at which takes a minute, has been confirmed as such
KINDS = ("domain", "policy", "mx")
DNS, POLICY = 300, 3600                              # the default cadence, in seconds
FULL_RATE = 600                                      # seconds that it is measured for at most: an hour's looks may not be due in them
CONFIG = """domains_files = ["names.txt"]
agent = {{listen = "127.0.0.1:{port}", state = "state.db"}}
schedule = {{dns = "{dns}s", policy = "{policy}s", mx = "{policy}s"}}
dns = {{servers = ["{resolver}"]}}
network = {{ca_file = "roots.pem", allow_private = true}}
metrics = {{per_domain = "{per_domain}"}}
"""


def get(path, data=None):
    return urllib.request.urlopen(f"http://127.0.0.1:{PORT}{path}", data, timeout=300).read()


def configure(faster, per_domain="none"):
    """The default cadence, by so much; 0: everything once an hour."""
    (FOLDER / "c.toml").write_text(CONFIG.format(
        port=PORT, dns=DNS // faster if faster else POLICY, policy=POLICY // (faster or 1), per_domain=per_domain,
        resolver=f"{world.RESOLVER[0]}:{world.RESOLVER[1]}"))


class Service:
    """Of `count` domains, a quarter of them ill or none."""

    def __init__(self, process, count, ill):
        self.process, self.count = process, count
        self.well = [n for n in range(count) if not ill or is_well(n)]

    def _of(self, file, key):
        return int(re.search(rf"^{key}:\s+(\d+)", Path(f"/proc/{self.process.pid}/{file}").read_text(), re.M)[1])

    def cpu(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def written(self):
        return self._of("io", "write_bytes")

    def resident(self):
        return self._of("status", "VmRSS") / 1024

    def reload(self, faster, per_domain="none"):
        configure(faster, per_domain)
        began = time.monotonic()
        get("/-/reload", b"")
        return time.monotonic() - began

    @staticmethod
    def metric(named, label):
        """By the words of a label, summed over the others."""
        sums = {}
        for labels, value in re.findall(rf"^{named}{{(.*)}} (\S+)$", get("/metrics").decode(), re.M):
            word = re.search(rf'{label}="(\w+)"', labels)[1]
            sums[word] = sums.get(word, 0) + float(value)
        return sums

    def looks(self):
        """How many so far by kind, and of these the good ones."""
        text = get("/metrics").decode()
        made = re.findall(r'^stswatch_looks_total\{kind="(\w+)",outcome="(\w+)"\} (\d+)', text, re.M)
        return [{kind: sum(int(n) for one, how, n in made if one == kind and how in wanted) for kind in KINDS}
                for wanted in (("ok", "failed", "unknown"), ("ok",))]

    def wait_for(self, wanted, patience, at_rest):
        """Until so many are ok, or slow (a warning, on a busy machine); asked the more seldom, the more there are."""
        end = time.monotonic() + patience
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError):
                status = self.metric("stswatch_domains", "status")
                late = self.metric("stswatch_schedule_late_seconds", "kind")
                if status["ok"] + status["warning"] >= wanted and (late["mx"] == 0 or not at_rest):
                    return
            time.sleep(max(0.1, self.count / 20000))
        sys.exit(f"bench: not {wanted} domains are ok after {patience} s: see {FOLDER}/log")

    def overdue(self):
        """Of a sample of domains that are well: by how many seconds each look's age exceeds its interval, sorted."""
        spans = self.metric("stswatch_interval_seconds", "kind")
        late = {"domain": [], "policy": []}
        for number in self.well[::max(1, len(self.well) // SAMPLE)]:
            seen = json.loads(get(f"/api/v1/domains/{name(number)}"))["looks"]
            for kind, what in (("domain", "mx"), ("policy", "policy")):
                at = datetime.datetime.fromisoformat(seen[what]["last_look"].replace("Z", "+00:00")).timestamp()
                late[kind].append(time.time() - at - spans[kind])
        return {kind: sorted(ages) for kind, ages in late.items()}

    def steadily(self, seconds):
        """A second of this time: CPU, octets written, looks, and good ones; and how late the latest was whenever asked."""
        before, made_before, worst = (self.cpu(), self.written(), time.monotonic()), self.looks(), {}
        while time.monotonic() < before[2] + seconds:
            time.sleep(5)
            late = self.metric("stswatch_schedule_late_seconds", "kind")
            worst = {kind: max(worst.get(kind, 0), age) for kind, age in late.items()}
        cpu, written, span = (now - then for now, then in zip((self.cpu(), self.written(), time.monotonic()), before))
        rates = [{kind: (now[kind] - then[kind]) / span for kind in KINDS} for now, then in zip(self.looks(), made_before)]
        return cpu / span, written / span, *rates, worst

    def reloads(self, faster):
        """The longest of five, and the longest pauses between questions to the resolver: beside them, and without them."""
        spans = []
        with ThreadPoolExecutor() as pool:
            beside = pool.submit(longest_pause, 15)
            for _ in range(5):
                spans.append(self.reload(faster))
                time.sleep(2)
        return max(spans), beside.result(), longest_pause(15)

    def scrape(self, faster, idle):
        self.reload(faster, "all")
        used, began, times = self.cpu(), time.monotonic(), 3 if self.count <= 10000 else 1
        wall, _, size = asked(times, "/metrics")
        cpu = (self.cpu() - used - idle * (time.monotonic() - began)) / times
        self.reload(faster)
        return wall, cpu * 1000, size / 2**20


def asked(times, path):
    """The median and the longest time in ms, and how many octets came."""
    spans = []
    for _ in range(times):
        began = time.monotonic()
        size = len(get(path))
        spans.append((time.monotonic() - began) * 1000)
    return statistics.median(spans), max(spans), size


def longest_pause(seconds):
    """In which nobody asked the resolver anything."""
    begin = last = time.monotonic()
    longest, before = 0, None
    while last < begin + seconds and time.monotonic() < begin + 2 * seconds:
        asked_for = re.search(r"total.num.queries=(\d+)", service_world.control("stats_noreset"))[1]
        now = time.monotonic()
        if asked_for != before:
            longest, before, last = max(longest, now - last), asked_for, now
        time.sleep(0.02)
    return longest


@contextlib.contextmanager
def started(count, ill, patience, at_rest):
    """The service, when it knows of all that are well (and is late with no host), and after how many seconds."""
    configure(0)
    with running(BINARY, "run", "--config", "c.toml") as process:
        began, service = time.monotonic(), Service(process, count, ill)
        service.wait_for(len(service.well), patience, at_rest)
        yield service, time.monotonic() - began


def measured(count, ill):
    faster, seen = min(20, max(1, 150_000 // count)), {}
    for old in FOLDER.glob("state.db*"):
        old.unlink()
    with started(count, ill, 60 + count / 10, not ill) as (service, seconds):  # what is ill waits for its share of the workers
        seen["first round, until all that are well have been seen: s"] = seconds
        seen["of it CPU, s"] = service.cpu()
        seen["of it looks at names, policies, MX hosts"] = "{domain:,}, {policy:,}, {mx:,}".format(**service.looks()[0])
        service.reload(faster)
        time.sleep(SETTLING if ill else max(20, 1.5 * DNS / faster))
        cpu, written, made, good, late = service.steadily(min(FULL_RATE, POLICY / faster))
        overdue = service.overdue()
        seen["steady: faster than the default cadence by"] = faster
        seen["looks a second at names, policies, MX hosts"] = "{domain:.1f}, {policy:.1f}, {mx:.2f}".format(**made)
        seen["good looks a second at policies of domains that are well, and at MX hosts"] = "{policy:.1f}, {mx:.2f}".format(**good)
        seen["the latest look at names or policies, MX hosts, s late"] = "{domain:.0f}, {mx:.0f}".format(**late)
        for kind, what in (("domain", "names"), ("policy", "policy")):
            ages = overdue[kind]
            seen[f"domains that are well, {what}: age beyond the interval, 95th of 100 and most, s"] = \
                f"{ages[len(ages) * 95 // 100]:.1f}, {ages[-1]:.1f}"
        seen["workers busy of 256"] = service.metric("stswatch_workers", "state")["busy"]
        seen["CPU, cores"] = cpu
        seen["CPU a domain and hour of the default cadence, ms"] = cpu * POLICY / faster / count * 1000
        seen["cores at the default cadence, had it 100,000 domains of the kind"] = cpu / faster * 100_000 / count
        seen["written a day at the default cadence, MiB for 10,000"] = written / faster * 86400 / count * 10_000 / 2**20
        seen["resident, MiB"] = service.resident()
        if ill:
            return seen
        seen["reload, the longest of five, s"], *pauses = service.reloads(faster)
        seen["longest pause between questions to the resolver beside reloads, without, s"] = "{:.2f}, {:.2f}".format(*pauses)
        seen["scrape of all series: ms, CPU ms, MiB"] = "{:,.0f}, {:,.0f}, {:.1f}".format(*service.scrape(faster, cpu))
        seen["resident after it, MiB"] = service.resident()
        for what, path in (("`/`", "/"), ("of a domain", f"/domain/{name(count // 2)}")):
            seen[f"page {what}, median and longest of 30, ms"] = "{:.1f}, {:.1f}".format(*asked(30, path)[:2])
    seen["store, MiB"] = sum(file.stat().st_size for file in FOLDER.glob("state.db*")) / 2**20
    with started(count, ill, 300, False) as (service, seconds):
        seen["start with what is remembered: s"], seen["of that CPU, s"] = seconds, service.cpu()
        get("/-/healthy")                            # raises if it is not
    return seen


def shown(value):
    return value if isinstance(value, str) else f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--domains", type=int, nargs="+", default=[1000, 10000])
    options.add_argument("--addresses", type=int, default=1000, help="of the policy hosts that are well, a multiple of 40")
    given = options.parse_args()
    lab = service_world.World(given.addresses)
    lab.prepare(max(given.domains))
    now = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
    print(f"{now}, {os.cpu_count()} cores, policy hosts at {given.addresses} addresses.\n")
    columns = {}
    for count in given.domains:
        (FOLDER / "names.txt").write_text("".join(name(n) + "\n" for n in range(count)))
        for ill in (False, True):
            load = os.getloadavg()[0]
            with lab.served(count, ill):
                seen = measured(count, ill)
            seen["load at first, in the end"] = f"{load:.1f}, {os.getloadavg()[0]:.1f}"
            columns[f"{count:,}" + ", a quarter ill" * ill] = seen
            print(columns, file=sys.stderr, flush=True)
    rows = list(dict.fromkeys(row for column in columns.values() for row in column))
    print("| | " + " | ".join(columns) + " |\n|---|" + "---:|" * len(columns))
    for row in rows:
        print(f"| {row} | " + " | ".join(shown(column.get(row, "")) for column in columns.values()) + " |")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()
