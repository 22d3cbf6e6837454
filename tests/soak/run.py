#!/usr/bin/python3
"""The service for long, under load and in bad weather. Run in a lab that is up:

    unshare -n tests/lab/lab exec -- tests/soak/run.py --binary build/stswatch --timelapse build/tests/timelapse

Stop: SIGTERM amid over 60 looks that hang in DNS, connect, TLS and SMTP ends within 5 s with exit code 0.
Reload: every domain of the lab is looked at while the configuration is reloaded 50 times and everything is scraped;
with --binary of the tsan preset, that is a hunt for data races (name it alone: `Reload`; it takes minutes).
SixHours: on a leaping clock, an outage of the resolver, of port 25 and of the whole network: nothing opens or closes
but the agent's own, and the metrics show what was known last.
ThirtyHours: on a leaping clock, resolver outages, 421s and slow peers open no finding but the agent's own, close
none, and leave no descriptor, thread or memory behind.
Month: after thirty days hardly more is held than after the first week.
"""
import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "lab"), str(HERE.parent / "timelapse")]
sys.dont_write_bytecode = True
import live  # noqa: E402
import model  # noqa: E402
import weather  # noqa: E402
import world  # noqa: E402
from model import BLACK_HOLE  # noqa: E402
from timelapse import Timelapse, busy, statuses, theirs  # noqa: E402

LAB = Path(os.environ.get("STSWATCH_LAB_DIR", "/tmp/stswatch-lab"))
PROGRAMS = argparse.Namespace(binary="build/stswatch", timelapse="build/tests/timelapse")
SECONDS = 60                # far more than a step takes, also under a sanitizer


def configuration(domains, port=0, network="", schedule="", more=""):
    tables = "".join(f'[[domain]]\nname = "{name}"\n' for name in domains)
    return (f'[agent]\nlisten = "127.0.0.1:{port}"\nstate = ":memory:"\n'
            f'[dns]\nservers = ["{weather.DNS[0]}:{weather.DNS[1]}"]\n{more}'
            f'[network]\nca_file = "{LAB}/ca.pem"\nallow_private = true\n{network}[schedule]\n{schedule}{tables}')


def all_domains():
    return [domain.name for domain in world.DOMAINS if "." in domain.name]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.weather = self.enterContext(weather.Weather())

    def configure(self, text):
        (self.folder / "new.toml").write_text(text)
        (self.folder / "new.toml").rename(self.folder / "c.toml")
        return self.folder / "c.toml"


class Service:
    def __init__(self, config, port, log):
        self.port, self.log = port, log
        with open(log, "wb") as errors:
            self.process = subprocess.Popen([PROGRAMS.binary, "run", "--config", config], stdin=subprocess.DEVNULL,
                                            stderr=errors, env={**os.environ, "TSAN_OPTIONS": "exitcode=66"})

    def __enter__(self):
        until(lambda: self.process.poll() is not None or self.get("/-/ready", quiet=True) == "stswatch is ready\n", self.said)
        if self.process.poll() is not None:
            raise AssertionError(f"ended with {self.process.returncode}: {self.said()}")
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def said(self):
        return Path(self.log).read_text(errors="replace")[-4000:]

    def get(self, path, data=None, quiet=False):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", data, timeout=SECONDS) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            return f"{error.code} {error.read().decode()}"
        except OSError:
            if quiet:
                return ""
            raise

    def metric(self, series):
        return next((float(line.rpartition(" ")[2]) for line in self.get("/metrics").splitlines()
                     if line.startswith(series + " ")), None)

    def stop(self):
        """(exit code, seconds)"""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS), time.monotonic() - began


def until(condition, said):
    end = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {SECONDS} s: {said()}")
        time.sleep(0.05)


@contextmanager
def black_hole(address, port):
    """Nobody answers there: the queue of the listener is full."""
    with socket.socket() as hole:
        hole.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)      # the weather listens on every address
        hole.bind((address, port))
        hole.listen(0)
        with socket.create_connection((address, port), timeout=1):
            yield


class Stop(Case):
    HANGING = {"workers": 60, "https": 10, "smtp": 10, "connect": 1}        # at least; the rest hangs in DNS

    def hanging(self, service):
        """Busy workers, and what the connections of the service's looks wait for."""
        lines = Path(f"/proc/{service.process.pid}/net/tcp").read_text().splitlines()[1:]
        states = [(line.split()[2].rpartition(":")[2], line.split()[3]) for line in lines]
        ports = {"https": f"{weather.HTTPS_PORT:04X}", "smtp": f"{weather.SMTP_PORT:04X}"}
        counts = {name: sum(1 for to, state in states if to == port and state == "01") for name, port in ports.items()}
        return {"workers": service.metric('stswatch_workers{state="busy"}') or 0, **counts,
                "connect": sum(1 for to, state in states if to in ports.values() and state == "02")}

    def hangs_enough(self, service):
        counts = self.hanging(service)
        return all(counts[what] >= least for what, least in self.HANGING.items())

    def test_amid_hanging_looks(self):
        domains = all_domains()
        deaf = {name for name in domains[::4] if "black-hole" not in name}       # those are to hang in connect()
        self.weather.deaf = lambda name: any(name.endswith(domain) for domain in deaf)
        self.weather.https = self.weather.smtp = "hang"
        for port in (weather.HTTPS_PORT, weather.SMTP_PORT):
            self.enterContext(black_hole(BLACK_HOLE, port))
        port = free_port()
        config = self.configure(configuration(
            domains, port, network=f'https_port = {weather.HTTPS_PORT}\nsmtp_port = {weather.SMTP_PORT}\n',
            more='timeout = "30s"\ntries = 1\n'))
        with Service(config, port, self.folder / "log") as service:
            until(lambda: self.hangs_enough(service), lambda: f"{self.hanging(service)} {service.said()}")
            counts = self.hanging(service)
            code, seconds = service.stop()
            print(f"\n  hanging: {counts}; stopped in {seconds:.2f} s")
            self.assertEqual(code, 0, service.said())
            self.assertLess(seconds, 5)


class Reload(Case):
    TIMES = 50
    PAGES = ("/metrics", "/api/v1/domains", "/api/v1/findings", "/api/v1/domains/s01-base.test", "/-/healthy",
             "/probe?target=s01-base.test")

    def scrape(self, service, stop, path, failures):
        while not stop.is_set():
            answer = service.get(path)
            if answer[:3] in ("500", "503"):
                failures.append(f"{path}: {answer[:200]}")
                return

    def test_looked_at_reloaded_and_scraped(self):
        domains = all_domains()
        port = free_port()
        ports = f"https_port = {weather.HTTPS_PORT}\nsmtp_port = {weather.SMTP_PORT}\nlook_timeout = \"5s\"\n"
        schedule = 'dns = "3s"\npolicy = "6s"\nmx = "6s"\n'
        half = configuration([name for name in domains if name != "s02-nothing.test"][::2], port, ports, schedule)
        whole = configuration(domains, port, ports + 'port25_canary = ["mx1.s01-base.test"]\n', schedule)
        with Service(self.configure(whole), port, self.folder / "log") as service:
            stop, failures = threading.Event(), []
            scrapers = [threading.Thread(target=self.scrape, args=(service, stop, path, failures)) for path in self.PAGES]
            for scraper in scrapers:
                scraper.start()
            try:
                for number in range(self.TIMES):
                    self.configure((whole, half)[number % 2])
                    if number % 5 == 0:
                        service.process.send_signal(signal.SIGHUP)
                    self.assertEqual(service.get("/-/reload", data=b""), "reloaded\n")
                    if number % 2:
                        self.assertNotIn("s02-nothing.test", service.get("/metrics"))
                    time.sleep(0.2)          # between two reloads there are looks
            finally:
                stop.set()
                for scraper in scrapers:
                    scraper.join()
            looks = sum(service.metric(f'stswatch_looks_total{{kind="{kind}",outcome="{outcome}"}}') or 0
                        for kind in ("domain", "policy", "mx") for outcome in ("ok", "failed", "unknown"))
            code, _ = service.stop()
        said = (self.folder / "log").read_text(errors="replace")
        print(f"\n  {looks:.0f} looks, {said.count('reloaded:')} reloads")
        self.assertEqual(failures, [])
        self.assertNotIn("WARNING: ThreadSanitizer", said, said[said.find("WARNING: ThreadSanitizer"):][:8000])
        self.assertEqual(code, 0, said[-4000:])
        self.assertGreater(looks, len(domains))


class ThirtyHours(Case):
    HEALTHY = ("s01-base.test", "s03-testing.test", "s23-45-day.test", "s27-port25-closed.test", "s41-m365-classic.test",
               "s15-comment.test", "mx-wildcard.test", "mx-rsa.test")
    BROKEN = ("s02-nothing.test", "s05-id-dashes.test", "s11-policy-host-expired.test", "s18-mx2-not-in-policy.test",
              "s20-mx1-expired.test", "s25-mx2-no-starttls.test", "s49-mx-cname.test", "mx-self-signed.test")
    # (hours, quantum in seconds, the weather). A silent server costs real time, so it is silent for less of it.
    PERIODS = ((1, 60, {"dns": "servfail"}), (2, 60, {}), (0.5, 150, {"dns": "silent"}), (2, 60, {}),
               (3, 60, {"smtp": "421"}), (1, 60, {}), (2, 60, {"dns": "refused", "smtp": "451"}), (1, 60, {}),
               (0.5, 120, {"dns": "flaky"}), (1, 60, {}), (1, 120, {"dns": "late", "smtp": "slow", "https": "slow"}),
               (2, 60, {}), (1, 600, {"smtp": "hang"}), (2, 60, {}), (2, 60, {"smtp": "cut"}), (2, 60, {}),
               (1, 60, {"dns": "servfail", "smtp": "421"}), (5, 60, {}))
    WARM_UP_HOURS = 3
    # Beyond what was held after the warm-up: the sockets and threads of looks that have just begun, and room for the
    # allocator. What is left behind at each of some 5,000 looks would be far beyond.
    ALLOWANCES = {"descriptors": 24, "threads": 24, "resident_kib": 8 * 1024}

    def test_bad_weather_accuses_nobody(self):
        config = self.configure(configuration(
            self.HEALTHY + self.BROKEN, network=f"https_port = {weather.HTTPS_PORT}\nsmtp_port = {weather.SMTP_PORT}\n"
            'look_timeout = "3s"\nport25_canary = ["mx1.s01-base.test"]\n', schedule='dns = "10m"\n', more='timeout = "1s"\ntries = 2\n'))
        self.assertEqual(self.WARM_UP_HOURS + sum(hours for hours, _, _ in self.PERIODS), 33)
        with Timelapse(PROGRAMS.timelapse, config, self.folder / "log") as service:
            fair = service.passes(self.WARM_UP_HOURS, 60)
            self.assertEqual({name for name in self.HEALTHY if statuses(fair).get(name) not in ("ok", "warning")}, set())
            self.assertEqual({name for name in self.BROKEN if name not in {row[0] for row in theirs(fair)}}, set())
            for hours, quantum, now in self.PERIODS:
                for part in ("dns", "https", "smtp"):
                    setattr(self.weather, part, now.get(part, "fair"))
                began = time.monotonic()
                state = service.passes(hours, quantum)
                print(f"\n  {hours:>4} h of {now or 'fair weather'}: {time.monotonic() - began:.1f} s, {state['descriptors']} descriptors, "
                      f"{state['threads']} threads, {state['resident_kib'] // 1024} MiB", end="")
                with self.subTest(weather=now, at=state["now"]):
                    self.assertEqual((theirs(state) - theirs(fair), theirs(fair) - theirs(state)), (set(), set()))
                    if not now:
                        self.assertEqual(statuses(state), statuses(fair))
                    for held, allowance in self.ALLOWANCES.items():
                        self.assertLessEqual(state[held], fair[held] + allowance, held)
            print()


class Month(Case):
    """In a week nearly all is there that is kept of a history; a look that left a kibibyte behind would leave more than is allowed."""
    DOMAINS = ("s01-base.test", "s20-mx1-expired.test", "s11-policy-host-expired.test", "mx-wildcard.test")
    WEEK = 7 * 24
    ALLOWANCES = {"descriptors": 8, "threads": 16, "resident_kib": 5 * 1024, "stored_kib": 512}

    def stored_kib(self):
        return sum(file.stat().st_size for file in self.folder.glob("s.db*")) // 1024

    def test_nothing_grows(self):
        config = self.configure(configuration(
            self.DOMAINS, network=f"https_port = {weather.HTTPS_PORT}\nsmtp_port = {weather.SMTP_PORT}\n",
            schedule='dns = "1h"\n').replace('":memory:"', f'"{self.folder}/s.db"'))
        began, weeks = time.monotonic(), []
        with Timelapse(PROGRAMS.timelapse, config, self.folder / "log") as service:
            for hours in (*[self.WEEK] * 4, 2 * 24):
                state = service.passes(hours, 3600)
                weeks.append({**state, "stored_kib": self.stored_kib()})
        held = {what: [week[what] for week in weeks] for what in self.ALLOWANCES}
        print(f"\n  thirty days in {time.monotonic() - began:.1f} s: {held}")
        for what, allowance in self.ALLOWANCES.items():
            self.assertLessEqual(held[what][-1], held[what][0] + allowance, what)


class SixHours(Case):
    """Outages over domains with findings of every kind, those that only memory knows among them."""
    HEALTHY = ("s01-base.test", "s03-testing.test", "s41-m365-classic.test", "s26-mx1-451.test")
    BROKEN = ("s05-id-dashes.test", "s11-policy-host-expired.test", "s18-mx2-not-in-policy.test", "s21-both-expired.test",
              "s25-mx2-no-starttls.test")
    MOVED, VANISHED = "s23-45-day.test", "s17-max-age-300.test"
    # A silent peer costs real time: after the first three quarters of an hour the clock leaps further. Till then all was
    # seen lately, whenever the last look was: one interval (half an hour) and its spread before, and three are allowed.
    HOURS = ((0.75, 600), (5.25, 3600))
    MOVING = re.compile(r"stswatch_(finding|domains|last_look_timestamp|testing_clean|schedule_late|workers|vantage_port25_ok)")
    maxDiff = None

    def setUp(self):
        super().setUp()
        self.lab = self.enterContext(live.Live())
        self.domains = (*self.HEALTHY, *self.BROKEN, self.MOVED, self.VANISHED)
        config = self.configure(configuration(
            self.domains, network=f"https_port = {weather.HTTPS_PORT}\nsmtp_port = {weather.SMTP_PORT}\nlook_timeout = \"1s\"\n",
            schedule='dns = "30m"\n', more='timeout = "1s"\ntries = 1\n'))
        self.service = self.enterContext(Timelapse(PROGRAMS.timelapse, config, self.folder / "log"))
        self.service.passes(2, 300)
        third = f"mx3.{self.MOVED}"
        self.lab.set_policy(self.MOVED, model.policy(third))
        self.lab.set_mx(self.MOVED, [(10, third)], hosts={third: model.Mail()})
        self.lab.set_txt(self.VANISHED, "_mta-sts", [])
        self.fair = self.service.passes(6, 300)

    @contextmanager
    def outage(self, dns="fair", https=False, smtp=False):
        wanted = [world.domain_of(name) for name in self.domains]
        used = {host for domain in wanted for _, host in domain.mx}
        webs = {web.address for domain in wanted for web in domain.web} if https else ()
        mails = {mail.address for domain in world.DOMAINS for host, mails in domain.hosts.items() if host in used
                 for mail in mails} if smtp else ()
        with ExitStack() as holes:
            for addresses, port in ((webs, weather.HTTPS_PORT), (mails, weather.SMTP_PORT)):
                for address in addresses:
                    holes.enter_context(black_hole(address, port))
            self.weather.dns = dns
            yield
        self.weather.dns = "fair"

    def metrics(self, state):
        """What a scrape shows of the domains. What is so already is dated now, and a success may be newer than before."""
        now = datetime.fromisoformat(state["now"]).timestamp()
        shown = {}
        for line in state["metrics"].splitlines():
            series, _, value = line.rpartition(" ")
            if line.startswith("#") or self.MOVING.match(series):
                continue
            if re.match(r"stswatch_(earliest_)?(breakage|degradation|caches_consistent)_", series) and float(value) <= now:
                value = "already"
            shown[series] = "there" if "_last_success_" in series else value
        return shown

    @staticmethod
    def stale(fair):
        """After hours in which nothing was seen: what was bad is so still, and nothing is called ok."""
        ok = [series for series, value in fair.items() if series.startswith("stswatch_domain_status{") and 'status="ok"' in series
              and value == "1"]
        return {**fair, **dict.fromkeys(ok, "0"), **{series.replace('"ok"', '"unknown"'): "1" for series in ok}}

    def accused(self, state):
        return [row for row in state["told"] if not row["of_the_agent"] and not busy(row)]

    def test_nobody_is_accused_and_nothing_vanishes(self):
        self.assertEqual({name for name in self.domains if name not in {row[0] for row in theirs(self.fair)}},
                         {"s01-base.test", "s26-mx1-451.test"})
        self.assertLessEqual({"sts-policy-changed-id-unchanged", "cached-policy-excludes-all-mx", "mx-added", "sts-txt-missing"},
                             {row[1] for row in theirs(self.fair)})
        for what, how in (("the resolver", {"dns": "servfail"}), ("port 25", {"smtp": True}),
                          ("the network", {"dns": "silent", "https": True, "smtp": True}),
                          ("the network but for what the resolver has cached", {"https": True, "smtp": True})):
            began = time.monotonic()
            with self.subTest(f"no answer from {what}"):
                with self.outage(**how):
                    passed = [self.service.passes(*hours) for hours in self.HOURS]
                fair = self.metrics(self.fair)
                self.assertNotEqual(fair, self.stale(fair))
                for state, shown in zip((*passed, self.service.passes(2, 300)), (fair, self.stale(fair), fair), strict=True):
                    self.assertEqual(self.accused(state), [])
                    self.assertEqual(theirs(state), theirs(self.fair))
                    self.assertEqual(statuses(state), statuses(self.fair))
                    self.assertEqual(self.metrics(state), shown)
                self.assertIn("check-stale", {row["code"] for row in passed[-1]["told"]})
            print(f"\n  no answer from {what}: {time.monotonic() - began:.1f} s", end="")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=PROGRAMS.binary)
    parser.add_argument("--timelapse", default=PROGRAMS.timelapse)
    parser.parse_known_args(namespace=PROGRAMS)
    _, rest = parser.parse_known_args()
    result = unittest.main(argv=[sys.argv[0], *rest], exit=False, verbosity=2).result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - min(failed, result.testsRun)} passed, {failed} failed")
    return 1 if failed or not result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main())
