#!/usr/bin/python3
"""The demo as a stranger uses it: reads the terminal, copies its commands, asks service and Prometheus, presses Ctrl-C.
Needs root and a network without a lab; brings up its own."""
import json
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 90                                         # for each thing waited for; all of it takes about 30


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def get(url):
    with urllib.request.urlopen(url, timeout=SECONDS) as answer:
        return answer.read().decode()


class DemoTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.folder.chmod(0o755)                     # Postfix reads its files below it as another user
        subprocess.run(["ip", "link", "set", "lo", "up"], check=False)
        self.service, self.prometheus = free_address(), free_address()
        with open(self.folder / "screen", "w") as screen:
            self.demo = subprocess.Popen(
                [ROOT / "contrib/demo", "--dir", self.folder / "demo", "--listen", self.service, "--prometheus",
                 self.prometheus, "--break-after", "2", "--heal-after", "2"], stdout=screen, stderr=screen, cwd=ROOT)
        self.addCleanup(self.stop)

    def stop(self):
        """The demo's exit code."""
        self.demo.send_signal(signal.SIGINT)
        try:
            return self.demo.wait(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self.demo.kill()
            raise

    def screen(self):
        return (self.folder / "screen").read_text()

    def wait_for(self, what, is_so):
        def answered():
            try:
                return is_so()
            except OSError:
                return False

        end = time.monotonic() + SECONDS
        while not answered():
            self.assertIsNone(self.demo.poll(), f"the demo ended:\n{self.screen()}")
            self.assertLess(time.monotonic(), end, f"waited {SECONDS} s for: {what}\n{self.screen()}")
            time.sleep(0.1)

    def codes(self, domain):
        findings = json.loads(get(f"http://{self.service}/api/v1/findings"))
        return {finding["code"] for finding in findings if finding["domain"] == domain}

    def in_prometheus(self, query):
        found = get(f"http://{self.prometheus}/api/v1/query?query={urllib.parse.quote(query)}")
        return json.loads(found)["data"]["result"]

    def commands(self, kind):
        """Those that the introduction shows."""
        shown = [line.strip() for line in self.screen().splitlines() if line.startswith("  ") and f" {kind} " in line]
        self.assertTrue(shown, f"no {kind}:\n{self.screen()}")
        return shown

    def answers(self, command, code, text):
        done = subprocess.run(command.split(), cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
        self.assertEqual(done.returncode, code, f"{command}\n{done.stdout}{done.stderr}")
        self.assertIn(text, done.stdout, command)

    def test_a_domain_breaks_and_another_heals(self):
        self.wait_for("the introduction", lambda: "Ctrl-C stops everything." in self.screen())
        for line in ("sound.test         OK", "breaks.test        OK", "heals.test         CRITICAL"):
            self.assertIn(line, self.screen())

        self.assertEqual(len(self.commands("check")), 3, self.screen())
        for command in self.commands("check"):
            self.answers(command, 2, "    Fix   ")
        for command in self.commands("simulate"):
            self.answers(command, 2, "mx-none-in-policy")

        self.wait_for("a finding at breaks.test", lambda: "mx-none-in-policy" in self.codes("breaks.test"))
        for command in self.commands("history"):
            self.answers(command, 0, "mx-none-in-policy")
        self.wait_for("no finding at heals.test", lambda: not self.codes("heals.test") & {
            "certificate-expired", "enforce-breakage-now"})
        self.wait_for("the metric", lambda: 'stswatch_domain_status{domain="heals.test",status="ok"} 1' in get(
            f"http://{self.service}/metrics"))
        self.wait_for("the finding in Prometheus", lambda: self.in_prometheus(
            'stswatch_finding{domain="breaks.test",code="mx-none-in-policy"} == 1'))
        self.wait_for("the end of the play", lambda: "That was all." in self.screen())
        self.assertIn("Add an \"mx:\" line for every MX host of breaks.test", self.screen())

        self.assertEqual(self.stop(), 0, self.screen())
        self.assertTrue(self.screen().endswith("Everything is stopped.\n"), self.screen())
        self.assertFalse((self.folder / "demo/lab/pids.json").exists())
        for address in (self.service, self.prometheus):
            with self.assertRaises(urllib.error.URLError):
                get(f"http://{address}/")


if __name__ == "__main__":
    unittest.main()
