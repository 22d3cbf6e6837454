#!/usr/bin/python3
"""What is the resolver's fault is no domain's: the lab's resolver falls silent, fails, and recovers, while the zones' own
servers answer. And a mail server that accepts connections and says nothing is told, while another speaks. The lab must be up; STSWATCH names the program."""
import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest
from dataclasses import replace
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cli"))
import live  # noqa: E402
import model  # noqa: E402
import world  # noqa: E402
from harness import BINARY, SECONDS, Case, Service, free_port, get  # noqa: E402

CA_FILE = Path(os.environ.get("STSWATCH_LAB_DIR", "/tmp/stswatch-lab"), "ca.pem").resolve()
SERVFAIL = next(address for address, behaviour in world.BAD_RESOLVERS.items() if behaviour == "servfail")
GOOD = ("s01-base.test", "signed.test", "record-split.test", "record-extension.test")
REFUSED = "refused.test"
SPEAKS = "smtp-quit-hang.test"         # its second host is no Postfix
SHIM = str(Path(BINARY).resolve().parent / "tests" / "cli" / "libclock_shim.so")
CLOCKS = {"vantage-clock-skew", "vantage-clock-stepped"}
DAY = 86400
CONFIG = """
[agent]
state = "{state}"
[schedule]
dns = "3s"
policy = "4s"
mx = "{mx}"
confirm_after = "1s"
confirmations = 2
[dns]
servers = ["{resolver}"]
timeout = "1s"
tries = 2
[network]
ca_file = "{ca}"
allow_private = true
look_timeout = "4s"
"""


def alone():
    """In a network of our own."""
    links = subprocess.run(["ip", "-o", "link", "show", "up"], capture_output=True, text=True, check=True).stdout
    return links.count("\n") == 1


class Sight(Case):
    def start(self, *domains, resolver="127.0.53.2:53", mx="3s", env=None):
        text = CONFIG.format(mx=mx, state=self.folder / "s.db", ca=CA_FILE, resolver=resolver)
        config = self.file("c.toml", text + "".join(f'[[domain]]\nname = "{domain}"\n' for domain in domains))
        port = free_port()
        self.service = self.enterContext(Service("--config", config, "--listen", f"127.0.0.1:{port}", port=port,
                                                 folder=self.folder, env=env))

    def dns_ok(self):
        return self.vantage("dns") == 1

    def vantage(self, what):
        """None before anything was tried."""
        return next((float(line.split()[-1]) for line in get(self.service.port, "/metrics")[1].splitlines()
                     if line.startswith(f"stswatch_vantage_{what}_ok ")), None)

    def domain(self, name):
        status, body = get(self.service.port, f"/api/v1/domains/{name}")
        return json.loads(body) if status == 200 else {"status": None, "findings": []}

    def page(self, name):
        return get(self.service.port, f"/domain/{name}")[1].lower()

    def codes(self, *names):
        """What is open that is no remark, and what the agent says of itself."""
        return {f["code"] for name in names for f in self.domain(name)["findings"]
                if f["severity"] != "info" or f["code"].startswith("vantage-")}

    def wait_until(self, what, is_so, watch=lambda: None):
        end = time.monotonic() + 2 * SECONDS
        while not is_so():
            watch()
            self.assertLess(time.monotonic(), end, f"{what}: {self.codes(*GOOD)}\n{self.service.said()}")
            time.sleep(0.2)

    def no_domain_is_blamed(self):
        self.assertLessEqual(self.codes(*GOOD), {"vantage-resolver-blind"})

    def all_well(self):
        return self.dns_ok() and all(self.domain(name)["status"] == "ok" for name in GOOD) and not self.codes(*GOOD)

    def test_a_resolver_that_falls_silent_is_the_agents_trouble_until_it_answers_again(self):
        with live.Live() as lab:
            self.start(*GOOD)
            self.wait_until("healthy", self.all_well)
            with lab.paused("unbound"):
                self.wait_until("blind", lambda: not self.dns_ok() and "vantage-resolver-blind" in self.codes(*GOOD),
                                self.no_domain_is_blamed)
                self.no_domain_is_blamed()
            self.wait_until("over", self.all_well, self.no_domain_is_blamed)

    def test_a_resolver_that_fails_from_the_start(self):
        self.start(*GOOD, resolver=f"{SERVFAIL}:53")
        self.wait_until("blind", lambda: not self.dns_ok() and "vantage-resolver-blind" in self.codes(*GOOD),
                        self.no_domain_is_blamed)

    def test_a_zone_whose_servers_refuse_is_at_fault_from_the_start(self):
        self.start(REFUSED, "silent-zone.test", *GOOD)
        self.wait_until("refused", lambda: "mx-dns-error" in self.codes(REFUSED))
        self.assertEqual(self.domain(REFUSED)["status"], "critical")
        self.assertTrue(self.dns_ok())
        self.assertEqual(self.codes("silent-zone.test"), set())

    def both_well(self, name):
        return all(self.domain(one)["status"] == "ok" for one in (name, SPEAKS)) and "mail flows" in self.page(name)

    def test_another_policy_and_the_hosts_are_looked_at_again(self):
        name = GOOD[0]
        with live.Live() as lab:
            self.start(name, mx="1h")
            self.wait_until("healthy", lambda: self.domain(name)["status"] == "ok")
            seen = self.hosts_seen(name)
            lab.set_policy(name, model.policy(*(f"mx{i}.{name}" for i in (1, 2)), max_age=700000))
            self.wait_until("another policy", lambda: self.domain(name)["policy"]["max_age"] == 700000)
            self.wait_until("looked at again", lambda: all(now > then for now, then in zip(self.hosts_seen(name), seen)))
            seen = self.hosts_seen(name)
            lab.set_txt(name, "_mta-sts", ["v=STSv1; id=B"])
            self.wait_until("looked at again", lambda: all(now > then for now, then in zip(self.hosts_seen(name), seen)))

    def hosts_seen(self, name):
        return [address["seen_at"] for host in self.domain(name)["mx"] for address in host["addresses"]]

    def test_starttls_that_every_host_loses_at_once_is_lost_on_the_way(self):
        watched = (GOOD[0], "mx-rsa.test")                   # mx-rsa.test has a host of its own, and one of mailhost.test
        with live.Live() as lab:
            self.start(*watched)
            self.wait_until("healthy", lambda: all(self.domain(name)["status"] == "ok" for name in watched))
            lab.change_together({owner: {"hosts": {
                host: tuple(replace(mail, options=("smtpd_tls_security_level=none",)) for mail in mails)
                for host, mails in world.domain_of(owner).hosts.items()}} for owner in (*watched, "mailhost.test")})
            self.wait_until("stripped", lambda: self.vantage("starttls") == 0)
            seen = self.looks_at_hosts()                     # each of four hosts is looked at as often as would confirm it
            self.wait_until("looked at again", lambda: self.looks_at_hosts() >= seen + 16,
                            lambda: self.assertEqual([self.open_criticals(name) for name in watched], [[], []]))
            lab.restore()
            self.wait_until("over", lambda: self.vantage("starttls") == 1
                            and all(self.domain(name)["status"] == "ok" for name in watched))

    def looks_at_hosts(self):
        return sum(float(line.split()[-1]) for line in get(self.service.port, "/metrics")[1].splitlines()
                   if line.startswith('stswatch_looks_total{kind="mx"'))

    def open_criticals(self, name):
        return [f["code"] for f in self.domain(name)["findings"] if f["severity"] == "critical"]

    def test_a_clock_that_is_wrong_from_the_start_and_set_right_later(self):
        """Every certificate is bad by it; what the policy hosts say the time is, tells whose fault that is."""
        self.assertTrue(Path(SHIM).exists(), "cmake --build --preset release --target clock_shim")
        shift = self.folder / "shift"
        for by in (400 * DAY, -400 * DAY):
            with self.subTest(by):
                shift.write_text(str(by))
                self.start(*GOOD, env={"LD_PRELOAD": SHIM, "CLOCK_SHIM": str(shift)})
                blamed = lambda: self.assertLessEqual(self.codes(*GOOD), CLOCKS, self.service.said())
                self.wait_until("said", lambda: "vantage-clock-skew" in self.codes(*GOOD) and self.vantage("clock") == 0, blamed)
                looks = self.looks_at_hosts()
                self.wait_until("looked at again", lambda: self.looks_at_hosts() >= looks + 24, blamed)
                self.assertNotIn("ok", {self.domain(name)["status"] for name in GOOD})
                (self.folder / "right").write_text("0")
                (self.folder / "right").rename(shift)
                self.wait_until("over", self.all_well, blamed)
                self.service.stop(signal.SIGTERM)
                (self.folder / "s.db").unlink()

    def test_a_mail_server_that_accepts_and_never_greets(self):
        name = GOOD[0]
        with live.Live() as lab:
            self.start(name, SPEAKS)
            self.wait_until("healthy", lambda: self.both_well(name))
            with lab.paused("postfix"):
                self.wait_until("silent", lambda: "mx-all-down" in self.codes(name))
                self.assertEqual(self.domain(name)["status"], "critical")
                self.assertEqual(self.domain(name)["enforce_usable_mx"]["max"], 0)
                self.assertNotIn("mail flows", self.page(name))
                self.wait_until("one host of two", lambda: "smtp-silent" in self.codes(SPEAKS))
                self.assertNotIn("mx-all-down", self.codes(SPEAKS))
            self.wait_until("over", lambda: self.both_well(name))

    @unittest.skipUnless(alone(), "not in a network of its own")
    def test_the_interface_goes_down(self):
        """No way to anybody: the agent says what ails it, nobody is accused, and all is well when it is up again."""
        Path("/proc/sys/net/ipv6/conf/lo/keep_addr_on_down").write_text("1")
        self.start(*GOOD)
        self.wait_until("healthy", self.all_well)
        subprocess.run(["ip", "link", "set", "lo", "down"], check=True)
        try:
            self.wait_until_said("[vantage-")
        finally:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        self.wait_until("healthy again", self.all_well, lambda: self.assertEqual(
            [code for code in self.codes(*GOOD) if not code.startswith("vantage-")], []))
        accused = [line for line in self.service.said().splitlines() if re.search(r"opened (critical|warning) (?!vantage-)", line)]
        self.assertEqual(accused, [])

    def wait_until_said(self, words):
        """Where no question can reach it."""
        end = time.monotonic() + 2 * SECONDS
        while words not in self.service.said():
            self.assertLess(time.monotonic(), end, self.service.said())
            time.sleep(0.2)


if __name__ == "__main__":
    if not CA_FILE.exists():
        sys.exit(f"{CA_FILE} is not there: run this by tests/lab/lab exec")
    unittest.main()
