#!/usr/bin/env python3
"""The unit: systemd accepts it, scores its confinement, and it says what the program and the package rely on."""
import os
import re
import shlex
import subprocess
import tempfile
import tomllib
import unittest
from pathlib import Path

from programs import CONTRIB, ROOT, run

BINARY = Path(os.environ.get("STSWATCH", "build/stswatch")).resolve()
SYSTEMD = CONTRIB / "systemd"
UNIT = SYSTEMD / "stswatch.service"


def settings(path=UNIT):
    """[(name, value)] in order; continued lines are joined."""
    text = re.sub(r"\\\n\s*", " ", path.read_text())
    return re.findall(r"^(\w+)=(.*)$", text, re.M)


class Unit(unittest.TestCase):
    def verify(self, *dropins):
        """What systemd-analyze says of the unit where it is installed, with what it starts there."""
        with tempfile.TemporaryDirectory() as folder:
            unit = Path(folder, UNIT.name)
            # The program need not be installed here, nor its manual.
            unit.write_text(re.sub(r"^Documentation=.*$", "", UNIT.read_text(), flags=re.M)
                            .replace("=/usr/bin/stswatch", f"={BINARY}"))
            for dropin in dropins:
                Path(folder, UNIT.name + ".d").mkdir(exist_ok=True)
                Path(folder, UNIT.name + ".d", dropin.name).write_text(dropin.read_text())
            return run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit)

    def test_systemd_takes_every_line(self):
        done = self.verify()
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
        done = self.verify(SYSTEMD / "credentials.conf", SYSTEMD / "reports.conf")
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_confinement(self):
        done = run("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=14", UNIT)
        self.assertEqual(done.returncode, 0, done.stdout[-400:])
        score = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)[1]
        print(f"systemd-analyze security: {score}")
        self.assertLess(float(score), 1.5)

    def test_it_has_no_capability_and_writes_its_memory_alone(self):
        unit = dict(settings())
        self.assertEqual((unit["CapabilityBoundingSet"], unit["AmbientCapabilities"]), ("", ""))
        self.assertEqual((unit["User"], unit["ProtectSystem"], unit["StateDirectory"]), ("stswatch", "strict", "stswatch"))
        self.assertNotIn("ReadWritePaths", unit)
        state = tomllib.loads((ROOT / "config" / "example.toml").read_text())["agent"]["state"]
        self.assertTrue(state.startswith("/var/lib/" + unit["StateDirectory"] + "/"), state)

    def test_the_program_speaks_what_the_unit_expects(self):
        unit = dict(settings())
        self.assertEqual(unit["Type"], "notify")
        self.assertIn("WatchdogSec", unit)
        self.assertEqual(set(unit["RestartPreventExitStatus"].split()), {"64", "78"})
        options = shlex.split(unit["ExecStart"])[1:]
        self.assertEqual(options[0], "run")
        for option in (o for o in options if o.startswith("--")):
            self.assertIn(option, run(BINARY, "run", "--help").stdout)

    def test_it_is_started_once_a_domain_is_named(self):
        program, flag, script = shlex.split(dict(settings())["ExecCondition"].removeprefix("+").replace("$$", "$"))
        with tempfile.TemporaryDirectory() as folder:
            config = Path(folder, "stswatch.toml")
            script = script.replace("/usr/bin/stswatch", str(BINARY)).replace("/etc/stswatch/stswatch.toml", str(config))

            def condition(text):
                config.write_text(text)
                return subprocess.run([program, flag, script], capture_output=True, text=True, timeout=60)

            fresh = condition((CONTRIB / "packaging" / "stswatch.toml").read_text())
            self.assertEqual(fresh.returncode, 1)
            self.assertIn("names no domain", fresh.stderr)
            self.assertEqual(condition('[[domain]]\nname = "example.com"\n').returncode, 0)
            self.assertEqual(condition('[probe]\nallow = ["*"]\n').returncode, 0)
            # Whoever named a list meant to watch something: the service fails where it has become empty.
            Path(folder, "list.txt").write_text("# none\n")
            self.assertEqual(condition('domains_files = ["list.txt"]\n').returncode, 0)
            self.assertEqual(condition('[[domains]]\nfile = "list.txt"\n').returncode, 0)
            # A mistake is no reason to be silent: the service is started, fails, and says where.
            self.assertEqual(condition("[[domian]]\n").returncode, 0)

    def test_the_user_is_made(self):
        done = run("systemd-sysusers", "--dry-run", SYSTEMD / "stswatch.sysusers")
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
