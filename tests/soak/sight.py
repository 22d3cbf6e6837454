#!/usr/bin/python3
"""Many domains behind one resolver that stops, loses questions, or has much to do: the agent says what it does not see, and
no domain is blamed. Run in a lab that is up, by the release build:

    STSWATCH_LAB_FAMILIES=bench unshare -n tests/lab/lab exec -- tests/soak/sight.py [--long]

Stopped: 200 domains, unbound by SIGSTOP at random moments: a notice of the agent each time it lasts, none of a domain.
Lossy: each question that unbound asks is lost with a given chance, before caches that end with each round of looks.
Thousand: 1,000 domains, each looked at every 20 s: all are judged within two minutes, and nobody is told anything.
The real service in a hurry: 20 s stand for its five minutes. --long: ten stops of 100 s; an hour's rounds of loss.
"""
import json
import random
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from contextlib import contextmanager
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab"))
import domains_bench  # noqa: E402
import world  # noqa: E402
from alerting import DIRECTORY, HTTP_PORT, Receivers, Watch, ask, until  # noqa: E402
from live import Live  # noqa: E402

LONG = "--long" in sys.argv
SCHEDULE = 'dns = "20s"\npolicy = "20s"\nmx = "20s"\nconfirm_after = "4s"\nconfirmations = 2'
ROUND_SECONDS = 20
NAMES = [domains_bench.name(number) for number in range(domains_bench.COUNT)]
FEW = NAMES[:200]
LOSSY = ("127.0.53.40", 53)
LUCK = random.Random(20261128)


class Loss:
    """Between unbound and nsd: forwards each question, or loses it."""

    def __init__(self, chance):
        self.chance, self.asked, self.lost = chance, 0, 0
        self._over, self._over_told = socket.socketpair()
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._front.bind(LOSSY)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._over_told.close()
        self._thread.join()
        for made in (self._over, self._front):
            made.close()

    def _work(self):
        waiting, number = {}, 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nsd:
            nsd.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            nsd.connect(world.NSD)
            while self._over not in (ready := select.select([self._over, self._front, nsd], [], [])[0]):
                if nsd in ready:
                    answer = nsd.recv(65535)
                    if whose := waiting.pop(answer[:2], None):
                        self._front.sendto(whose[0] + answer[2:], whose[1])
                if self._front in ready:
                    query, sender = self._front.recvfrom(65535)
                    self.asked += 1
                    if LUCK.random() < self.chance:
                        self.lost += 1
                        continue
                    number = (number + 1) % 65536
                    waiting[number.to_bytes(2, "big")] = (query[:2], sender)
                    nsd.send(number.to_bytes(2, "big") + query[2:])


class Sight(unittest.TestCase):
    def setUp(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        self.lab = self.enterContext(Live(DIRECTORY))
        self.receivers = self.enterContext(Receivers(folder))

    def control(self, *words):
        subprocess.run(["unbound-control", "-c", DIRECTORY / "unbound.conf", *map(str, words)], check=True,
                       stdout=subprocess.DEVNULL)

    def start(self, names):
        self.names = names
        self.watch = self.enterContext(Watch(self.receivers, names, SCHEDULE, group_wait=2))

    def well(self):
        """How many domains are ok."""
        return self.watch.domains("ok")

    def all_well(self, seconds):
        until("all to be ok", lambda: self.well() == len(self.names), lambda: f"{self.well()} are\n{self.watch.said()}", seconds)

    def notices(self):
        """(status, title) of each notice, in order."""
        return [(notice["status"], notice["title"]) for _, _, body in self.receivers.hook.requests
                for notice in [json.loads(body)]]

    def count(self, status):
        return [each for each, _ in self.notices()].count(status)

    def of_domains(self):
        return [row for row in self.notices() if "resolver" not in row[1]]

    def nobody_is_blamed(self):
        self.assertEqual(self.of_domains(), [], self.watch.said())

    def passes(self, seconds):
        """Lets time pass with an eye on what is told."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.nobody_is_blamed()
            time.sleep(min(1, max(0, end - time.monotonic())))

    def test_stopped(self):
        stops, seconds = (10, 100) if LONG else (2, 0)
        self.start(FEW)
        self.all_well(60)
        for stop in range(1, stops + 1):
            self.passes(LUCK.uniform(0, ROUND_SECONDS))
            with self.lab.paused("unbound"):
                self.passes(seconds)
                until("the agent to be told of", lambda: self.count("firing") == stop, self.watch.said)
                self.nobody_is_blamed()
            until("the end to be told", lambda: self.count("resolved") == stop, self.watch.said)
            self.all_well(60)
        self.assertEqual(self.count("firing"), stops, self.watch.said())
        self.nobody_is_blamed()
        print(f"\n  {stops} stops: {self.notices()[:2]}, and {len(self.notices())} in all", end="", flush=True)

    @contextmanager
    def loses(self, chance):
        with Loss(chance) as loss:
            self.control("set_option", "cache-max-ttl:", ROUND_SECONDS)
            self.control("forward", f"{LOSSY[0]}@{LOSSY[1]}")
            self.control("flush_zone", ".")
            try:
                yield loss
            finally:
                self.control("forward", f"{world.NSD[0]}@{world.NSD[1]}")
                self.control("set_option", "cache-max-ttl:", 1000000)

    def test_lossy(self):
        rounds = 12 if LONG else 3
        self.start(FEW)
        self.all_well(60)
        for chance in (0.005, 0.05):
            with self.loses(chance) as loss:
                self.passes(rounds * ROUND_SECONDS)
            self.assertGreater(loss.lost, 0)
            print(f"\n  {loss.lost} of {loss.asked} questions lost: {self.notices()}", end="", flush=True)
            self.assertEqual(self.notices(), [])
        self.all_well(60)

    def test_thousand(self):
        self.start(NAMES)
        began = time.monotonic()
        self.all_well(120)
        print(f"\n  {len(NAMES)} domains are judged after {time.monotonic() - began:.0f} s", end="", flush=True)
        self.passes(6 * ROUND_SECONDS if LONG else 2 * ROUND_SECONDS)
        self.assertEqual(self.notices(), [])


if __name__ == "__main__":
    sys.argv = [argument for argument in sys.argv if argument != "--long"]
    unittest.main()
