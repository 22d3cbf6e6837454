#!/usr/bin/python3
"""Receivers that fail, disks that are full, and processes that die while they tell: nothing owed is lost, and what comes
twice comes under one key. Needs root for the full disk, and a loopback interface that is up; no lab.

STSWATCH names the program."""
import email
import email.policy
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cli"))
from harness import BINARY, Case, environment, free_port                       # noqa: E402
from name_server import A, MX, TXT, NameServer, mx, txt                         # noqa: E402
from receivers import HttpListener, HttpSession, SmtpServer, make_certificate   # noqa: E402

DOMAINS = [f"d{number}.kept.example" for number in range(8)]       # each is broken once: a domain that flaps is told less
PATIENCE_SECONDS = 90
CALM_SECONDS = 4                          # three times what a decision and a sending take here
CONFIG = f"""[agent]
listen = "127.0.0.1:{{port}}"
state = "{{state}}"
[schedule]
dns = "1s"
confirm_after = "1s"
confirmations = 1
[dns]
servers = ["{{resolver}}"]
[network]
allow_private = true
smtp_port = {{nobody}}
{{ca}}
[alerts]
group_wait = "1s"
""" + "".join(f'[[domain]]\nname = "{name}"\n' for name in DOMAINS)


def webhook(name, url):
    return f'[[alerts.webhook]]\nname = "{name}"\nurl = "{url}"\n'


class Fault(Case):
    """Domains with one fault, which is there or not as the test says."""

    def setUp(self):
        super().setUp()
        self.table = {("example.net", MX): [mx(10, "mx.example.net")]}    # takes the reports
        for name in DOMAINS:
            self.table |= {(name, MX): [mx(10, f"mx.{name}")], (f"mx.{name}", A): [bytes([127, 0, 0, 1])],
                           (f"_smtp._tls.{name}", TXT): [txt("v=TLSRPTv1; rua=mailto:r@example.net")]}
            self.heals(name)
        self.resolver = self.enterContext(NameServer(self.table))
        self.process = None
        self.addCleanup(self.kill)
        (self.folder / "stderr").touch()

    def breaks(self, name=DOMAINS[0]):
        self.table[f"_mta-sts.{name}", TXT] = [txt("v=STSv1; id=1;"), txt("v=STSv1; id=2;")]

    def heals(self, name=DOMAINS[0]):
        self.table[f"_mta-sts.{name}", TXT] = []

    def configure(self, receivers, state=None, ca=""):
        return self.file("c.toml", CONFIG.format(
            port=free_port(), state=state or self.folder / "state.db", resolver=self.resolver.address, nobody=free_port(),
            ca=f'ca_file = "{ca}"' if ca else "") + receivers)

    def start(self):
        with open(self.folder / "stderr", "ab") as log:
            self.process = subprocess.Popen([BINARY, "run", "--config", str(self.folder / "c.toml")],
                                            env=environment(), stdin=subprocess.DEVNULL, stderr=log, cwd=self.folder)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()

    def said(self):
        return (self.folder / "stderr").read_text()[-4000:]

    def until(self, what, is_so, seconds=PATIENCE_SECONDS):
        end = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > end:
                self.fail(f"waited {seconds} s for {what}\n{self.said()}")
            time.sleep(0.01)


def notices(listener):
    return [json.loads(body) for _, _, body in listener.requests]


def statuses(listener):
    return [notice["status"] for notice in notices(listener)]


class FailingReceivers(Fault):
    """Each fails in its own way at first. All get the notice once; only who broke off after it had everything gets it
    twice, under one key."""
    BUSY = "4"                                           # seconds

    def script(self, listener, *answers):
        """What it answers to one request after the other, the last one for ever; remembers when each came."""
        listener.times, answers = [], list(answers)

        def answer(body):
            listener.times.append(time.monotonic())
            return (answers.pop(0) if len(answers) > 1 else answers[0])()
        listener.answer = answer
        return self.enterContext(listener)

    def test_all_are_told_in_the_end(self):
        pair, elsewhere = make_certificate(self.folder), make_certificate(self.folder, "elsewhere")
        release = threading.Event()
        self.addCleanup(release.set)

        def ok():
            return 200, {}

        def slow():
            time.sleep(3)
            return 200, {}

        def hang():
            release.wait(PATIENCE_SECONDS)
            return 200, {}
        listeners = {
            "good": self.script(HttpListener(), ok),
            "slow": self.script(HttpListener(), slow),
            "hangs": self.script(HttpListener(), hang, ok),
            "busy": self.script(HttpListener(), lambda: (429, {"Retry-After": self.BUSY}), lambda: (429, {"Retry-After": self.BUSY}), ok),
            "ill": self.script(HttpListener(), lambda: (500, {}), lambda: (503, {}), ok),
        }
        urls = {name: listener.url for name, listener in listeners.items()}
        down, strange = free_port(), HttpListener(elsewhere)
        urls["down"], urls["strange"] = f"http://127.0.0.1:{down}", strange.url
        with strange:
            self.configure("".join(webhook(name, f"{url}/{name}") for name, url in urls.items()), ca=pair[0])
            self.start()
            self.breaks()
            self.until("failures", lambda: all(f"{name}: new " in self.said() for name in ("busy", "ill", "down", "strange")))
        self.assertEqual(strange.requests, [], "over a connection that was not verified")
        listeners["strange"] = self.script(HttpListener(pair, port=strange.port), ok)
        listeners["down"] = self.script(HttpListener(port=down), ok)
        wanted = {"good": 1, "slow": 1, "down": 1, "strange": 1, "hangs": 2, "busy": 3, "ill": 3}

        def came():
            return {name: len(listener.times) for name, listener in listeners.items()}
        self.until(f"{wanted}", lambda: all(came()[name] >= n for name, n in wanted.items()))
        time.sleep(CALM_SECONDS)
        self.assertEqual(came(), wanted, self.said())
        for name, listener in listeners.items():
            with self.subTest(name):
                self.assertEqual(len({notice["key"] for notice in notices(listener)}), 1)
                self.assertEqual(set(statuses(listener)), {"firing"})
        for first, second in zip(listeners["busy"].times, listeners["busy"].times[1:]):
            self.assertGreaterEqual(second - first, int(self.BUSY) - 1)      # the agent's clock has whole seconds
        self.assertLess(listeners["good"].times[0] - min(min(one.times) for one in listeners.values()), 1, "it waited for others")
        self.heals()
        self.until("the resolves", lambda: all(statuses(listener)[-1] == "resolved" for listener in listeners.values()))
        time.sleep(CALM_SECONDS)
        self.assertEqual(came(), {name: n + 1 for name, n in wanted.items()}, self.said())
        print(f"\nattempts until each receiver had both messages: {came()}")


class FullDisk(Fault):
    """The state is on a disk of its own, which this test fills."""
    SIZE = "4m"

    def mount(self):
        self.disk().mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.SIZE}", "none", self.disk()], check=True)
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.disk()], check=True)

    def disk(self, name=""):
        return self.folder / "disk" / name

    def fill(self):
        with open(self.disk("filler"), "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(4096))
            except OSError:
                pass

    def test_a_full_disk_costs_no_notice(self):
        self.mount()
        hook = self.enterContext(HttpListener())
        self.configure(webhook("hook", hook.url) + "own = false\n", state=self.disk("state.db"))
        self.start()
        self.until("the service", lambda: "listens on" in self.said())
        self.fill()
        for number, name in enumerate(DOMAINS[:3]):
            self.breaks(name)
            self.until("the notice", lambda: len(hook.requests) == 2 * number + 1)
            self.heals(name)
            self.until("the resolve", lambda: len(hook.requests) == 2 * number + 2)
        self.assertIn("until then memory is in RAM only", self.said())
        self.disk("filler").unlink()
        self.until("the disk to be used again", lambda: "takes what is remembered again" in self.said())
        self.breaks(DOMAINS[3])
        self.until("the notice", lambda: len(hook.requests) == 7)
        time.sleep(CALM_SECONDS)
        self.assertEqual(statuses(hook), ["firing", "resolved"] * 3 + ["firing"])
        self.assertEqual(len({notice["key"] for notice in notices(hook)}), 7)
        # What was told is on the disk now: who takes over does not tell it again.
        state = self.folder / "state.db"
        for suffix in ("", "-wal"):
            state.with_name(state.name + suffix).write_bytes(self.disk("state.db" + suffix).read_bytes())
        self.kill()
        self.configure(webhook("hook", hook.url))
        self.start()
        time.sleep(CALM_SECONDS)
        self.assertEqual(len(hook.requests), 7, self.said())
        self.heals(DOMAINS[3])
        self.until("the resolve", lambda: len(hook.requests) == 8)
        self.assertEqual(statuses(hook)[-1], "resolved")
        print("\n8 messages while the disk was full, free again, and taken over: each once")


class Acknowledgement(Fault):
    REST_SECONDS = 10                                    # reminders may be so much late

    def refused(self, url):
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10).close()
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    def test_who_is_at_it_is_not_reminded(self):
        hook = self.enterContext(HttpListener())
        config = Path(self.configure(webhook("hook", hook.url)))
        text = config.read_text().replace("[alerts]\n", '[alerts]\nrepeat_ticket = "1s"\n')
        config.write_text(text)
        address = re.search('^listen = "(.*)"', text, re.MULTILINE)[1]
        page = f"http://{address}/domain/{DOMAINS[0]}"
        self.breaks()
        self.start()
        self.until("a reminder", lambda: [n["kind"] for n in notices(hook)][1:] == ["reminder"])
        with urllib.request.urlopen(urllib.request.Request(page + "/acknowledge", method="POST"), timeout=10) as answer:
            self.assertEqual(answer.url, page)
            self.assertIn("Acknowledged", answer.read().decode())
        time.sleep(self.REST_SECONDS + CALM_SECONDS)     # the next one would be due two seconds after the first
        self.assertEqual([n["kind"] for n in notices(hook)], ["new", "reminder"])
        self.heals()
        self.until("the resolve", lambda: statuses(hook)[-1] == "resolved")
        self.until("nothing to acknowledge", lambda: self.refused(page + "/acknowledge") == 404)


class Kills(Fault):
    """kill -9 at the worst moments; a receiver that sees how far the sender came does it itself."""
    MESSAGES, KILLS = 10, 20                             # of each kind for each message

    class Session(HttpSession):
        def do_POST(self):
            if not self.server.test.dies("before"):      # it has connected, and nothing of the notice is taken
                super().do_POST()

    def dies(self, moment):
        with self.lock:
            if not self.plan or self.plan[-1] != moment:
                return False
            self.plan.pop()
            os.kill(self.process.pid, signal.SIGKILL)
            self.killed[moment] += 1
            return True

    def answer(self, body):
        if self.dies("between"):                         # the notice is taken, and nobody says so
            raise ConnectionAbortedError
        self.acknowledged.set()
        return 200, {}

    def keep_running(self, until):
        end = time.monotonic() + PATIENCE_SECONDS
        while not until():
            if time.monotonic() > end:
                self.fail(f"{self.plan}\n{self.said()}")
            with self.lock:
                if self.process is None or self.process.poll() is not None:
                    self.start()
            time.sleep(0.002)

    def test_nothing_is_lost_and_only_what_was_taken_comes_twice(self):
        chance = random.Random(1)
        self.lock, self.acknowledged, self.plan = threading.Lock(), threading.Event(), []
        self.killed = {"before": 0, "between": 0, "at any time": 0}
        hook = self.enterContext(HttpListener(session=self.Session))
        hook.test, hook.answer = self, self.answer
        pair = make_certificate(self.folder)
        mail = self.enterContext(SmtpServer(pair))       # is told the same, and dies with the other in mid-air
        self.configure(webhook("hook", hook.url) + f'[[alerts.email]]\nname = "mail"\nsmarthost = "localhost:{mail.port}"\n'
                       'from = "watch@example.net"\nto = ["ops@example.net"]\n', ca=pair[0])
        began, taken = time.monotonic(), []
        for number in range(self.MESSAGES):
            (self.heals if number % 2 else self.breaks)(DOMAINS[number // 2])
            self.acknowledged.clear()
            plan = ["before", "between"] * self.KILLS
            chance.shuffle(plan)
            with self.lock:
                self.plan = plan
            for _ in range(2):                           # while it sees, confirms, decides and stores
                moment = time.monotonic() + chance.uniform(0, 1)
                self.keep_running(lambda: time.monotonic() > moment)
                if len(plan) == 2 * self.KILLS:
                    self.process.kill()
                    self.killed["at any time"] += 1
            self.keep_running(self.acknowledged.is_set)
            self.keep_running(lambda: len(self.mail_ids(mail)) > number)     # what is over unsent is never told
            deliveries = notices(hook)[len(taken):]
            taken += deliveries
            self.assertEqual({d["status"] for d in deliveries}, {"resolved" if number % 2 else "firing"}, self.said())
            self.assertEqual(len({d["key"] for d in deliveries}), 1, self.said())
            self.assertEqual(len(deliveries), self.KILLS + 1, self.said())
        self.assertEqual(self.plan, [])
        self.assertEqual(len({d["key"] for d in taken}), self.MESSAGES)
        self.assertEqual(len(self.mail_ids(mail)), self.MESSAGES)
        time.sleep(CALM_SECONDS)
        self.assertEqual(len(hook.requests), len(taken), self.said())
        print(f"\n{sum(self.killed.values())} kills in {time.monotonic() - began:.0f} s: {self.killed}; {self.MESSAGES} messages, "
              f"{len(taken)} deliveries, each repeat under its key after a kill between the sending and the acknowledgement; "
              f"beside it {self.MESSAGES} mails, {len(mail.mails)} deliveries")

    @staticmethod
    def mail_ids(server):
        return {email.message_from_bytes(mail["body"], policy=email.policy.default)["Message-ID"] for mail in server.mails}


if __name__ == "__main__":
    unittest.main()
