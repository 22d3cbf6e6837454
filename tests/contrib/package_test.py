#!/usr/bin/env python3
"""The Debian package: made of the build, reproducible, without errors by lintian; and its life in a root that is thrown
away: installed, run, upgraded with its memory, removed, purged."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from programs import CONTRIB, ROOT, SECONDS, program, run

BINARY = Path(os.environ.get("STSWATCH", "build/stswatch")).resolve()
BUILD = BINARY.parent
EPOCH = "1800000000"
VERSION = re.search(r"project\(stswatch VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]


def packed(folder, **variables):
    """What CPack makes: with quick compression, since nobody downloads it."""
    variables["CPACK_DEBIAN_COMPRESSION_TYPE"] = "gzip"
    done = subprocess.run([program("cpack"), "-G", "DEB", "--config", BUILD / "CPackConfig.cmake", "-B", folder,
                           *(word for name, value in variables.items() for word in ("-D", f"{name}={value}"))], capture_output=True, text=True,
                          env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH}, stdin=subprocess.DEVNULL, timeout=SECONDS)
    packages = list(Path(folder).glob("*.deb"))
    assert done.returncode == 0 and len(packages) == 1, done.stdout + done.stderr
    return packages[0]


def as_next(package, folder):
    """The same as the build that follows would be."""
    again = folder / "tree"
    assert run("dpkg-deb", "--raw-extract", package, again).returncode == 0
    control = again / "DEBIAN" / "control"
    control.write_text(control.read_text().replace(f"Version: {VERSION}-1", f"Version: {VERSION}+next-1"))
    done = run("dpkg-deb", "--build", "--root-owner-group", "-Znone", again, folder / "next.deb")
    assert done.returncode == 0, done.stderr
    return folder / "next.deb"


PACKAGES = {}


def setUpModule():
    program("lowdown")                             # without it there are no manual pages
    folder = Path(unittest.enterModuleContext(tempfile.TemporaryDirectory()))
    PACKAGES["first"] = packed(folder / "first")
    # Looking up whose the libraries are takes most of the time: once is enough.
    PACKAGES["again"] = packed(folder / "again", CPACK_DEBIAN_PACKAGE_SHLIBDEPS="OFF", CPACK_DEBIAN_PACKAGE_DEPENDS=run(
        "dpkg-deb", "--field", PACKAGES["first"], "Depends").stdout.strip())
    PACKAGES["second"] = as_next(PACKAGES["first"], folder)


class Package(unittest.TestCase):
    def test_one_source_gives_one_package(self):
        self.assertEqual(PACKAGES["first"].read_bytes(), PACKAGES["again"].read_bytes())

    def test_lintian_finds_no_error(self):
        done = subprocess.run([program("lintian"), "--allow-root", "--fail-on", "error", PACKAGES["first"]], capture_output=True,
                              text=True, timeout=SECONDS)
        print(done.stdout, end="")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_what_is_in_it(self):
        names = set(re.findall(r"(?<= \.)/\S*[^/\s]$", run("dpkg-deb", "--contents", PACKAGES["first"]).stdout, re.M))
        doc = "/usr/share/doc/stswatch/"
        wanted = {"/usr/bin/stswatch", "/lib/systemd/system/stswatch.service", "/usr/lib/sysusers.d/stswatch.conf",
                  "/etc/stswatch/stswatch.toml", "/usr/share/man/man1/stswatch.1.gz", "/usr/share/man/man5/stswatch.toml.5.gz",
                  "/usr/share/bash-completion/completions/stswatch", doc + "copyright", doc + "changelog.gz",
                  doc + "examples/prometheus/stswatch.rules.yml", doc + "examples/grafana/stswatch.json",
                  doc + "examples/alertmanager/alertmanager.yml", doc + "examples/credentials.conf"}
        self.assertEqual(wanted - names, set())
        self.assertEqual({n for n in names if n.startswith(("/tmp", "/root", "/home", "/usr/local"))}, set())
        control = run("dpkg-deb", "--field", PACKAGES["first"]).stdout
        for word in ("Version: " + VERSION + "-1", "systemd", "ca-certificates", "libssl3"):
            self.assertIn(word, control)

    def test_what_it_is_made_of(self):
        """CycloneDX: each library that the package depends on, in the version that is here; and some that are headers alone."""
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["dpkg-deb", "-x", PACKAGES["first"], folder], check=True, timeout=SECONDS)
            bill = json.loads(Path(folder, "usr/share/doc/stswatch/sbom.cdx.json").read_text())
        self.assertEqual((bill["bomFormat"], bill["metadata"]["component"]["version"]), ("CycloneDX", VERSION))
        of = {component["name"]: component["version"] for component in bill["components"]}
        self.assertEqual(of["libssl3"], run("dpkg-query", "-W", "-f=${Version}", "libssl3").stdout)
        depends = run("dpkg-deb", "--field", PACKAGES["first"], "Depends").stdout
        libraries = set(re.findall(r"\blib[\w.+-]+", depends))
        self.assertGreater(len(libraries), 10)
        provided = set(re.findall(r"\blib[\w.+-]+", run("dpkg-query", "-W", "-f=${Provides}\n", *of).stdout))
        self.assertEqual(libraries - set(of) - provided, set())
        self.assertIn("libtomlplusplus-dev", of)


def in_throwaway_root(script, *arguments):
    """Where a root can be made and thrown away, else nowhere. (what it said, what it left in "out/log")"""
    become_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if become_root and (shutil.which("sudo") is None or subprocess.run([*become_root, "true"]).returncode != 0):
        raise unittest.SkipTest("a root to throw away needs root")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [*become_root, "unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child",
                   "--propagation", "unchanged", Path(__file__).with_name(script), folder, *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:                  # what it began has ended with it
            done = subprocess.CompletedProcess(command, 124, "", f"not within {SECONDS} s")
        log = Path(folder, "out", "log")
        left = log.read_text() if log.exists() else ""
    if refused := re.search(r"^(mount|unshare): .*", done.stderr, re.M):
        raise unittest.SkipTest("no root can be made here to throw away: " + refused[0])
    return done, left


def sections(text):
    return dict(re.findall(r"^== (\w+)\n(.*?)(?=^== |\Z)", text, re.M | re.S))


class Life(unittest.TestCase):
    """All of it in one go; each test reads its part."""
    @classmethod
    def setUpClass(cls):
        done, _ = in_throwaway_root("package_life.sh", PACKAGES["first"], PACKAGES["second"])
        cls.said = sections(done.stdout)
        assert done.returncode == 0, done.stdout + done.stderr

    def test_installed(self):
        said = self.said["install"]
        self.assertIn(f"ii  {VERSION}-1\n", said)
        self.assertRegex(said, r"(?m)^stswatch:x:\d+:\d+:.*:/var/lib/stswatch:/usr/sbin/nologin$")
        self.assertIn("\nenabled\n", said)
        self.assertIn("stswatch: name your domains in /etc/stswatch/stswatch.toml, then: systemctl start stswatch\n", said)
        self.assertIn("valid, but it names no domain to watch", said)
        self.assertIn("stswatch(1)", said.replace("STSWATCH", "stswatch"))

    def test_without_a_domain_it_says_so(self):
        self.assertIn("no domain to watch", self.said["fresh"])
        self.assertIn("exit 78", self.said["fresh"])

    def test_it_runs_as_its_user(self):
        self.assertIn("stswatch is ready", self.said["run"])
        self.assertIn("ended with 0", self.said["run"])

    def test_an_upgrade_keeps_configuration_and_memory(self):
        said = self.said["upgrade"]
        self.assertIn(f"ii  {VERSION}+next-1\n", said)
        self.assertIn('name = "example.com"', said)
        self.assertIn("remember me", said)
        self.assertIn("\nenabled\n", said)
        self.assertNotIn("name your domains", said)
        self.assertIn("stswatch is ready", said)
        self.assertIn("ended with 0", said)

    def test_an_upgrade_keeps_what_the_administrator_disabled(self):
        self.assertEqual(self.said["disabled"].split()[-1], "disabled")

    def test_removed_it_keeps_configuration_and_memory(self):
        self.assertIn("stswatch.toml", self.said["remove"])
        self.assertIn("stswatch.db", self.said["remove"])

    def test_purged_nothing_is_left(self):
        left = [line for line in self.said["purge"].splitlines() if line.startswith("/") and "/var/lib/dpkg/" not in line]
        self.assertEqual(left, [])
        self.assertEqual(self.said["purge"].count("No such file or directory"), 3)


class Boot(unittest.TestCase):
    """The unit as systemd runs it."""
    @classmethod
    def setUpClass(cls):
        done, log = in_throwaway_root("package_boot.sh", PACKAGES["first"])
        if "== given" not in log:
            raise unittest.SkipTest("systemd cannot be process 1 of a namespace here: " + done.stdout + done.stderr)
        cls.said = sections(log)
        print(cls.said["given"], end="")

    def shown(self, section):
        return dict(re.findall(r"^(\w+)=(.*)$", self.said[section], re.M))

    def test_without_a_domain_it_is_not_started_and_has_not_failed(self):
        self.assertIn("started: 0", self.said["fresh"])
        shown = self.shown("fresh")
        self.assertEqual((shown["ActiveState"], shown["Result"]), ("inactive", "exec-condition"))

    def test_it_runs_confined(self):
        said, shown = self.said["running"], self.shown("running")
        self.assertEqual((shown["SubState"], shown["StatusText"], shown["NRestarts"]), ("running", "watching 1 domain", "0"), said)
        for name in ("CapBnd", "CapEff"):
            self.assertRegex(said, rf"{name}:\s+0+\n")
        self.assertRegex(said, r"NoNewPrivs:\s+1\n")
        self.assertRegex(said, r"Seccomp:\s+2\n")
        self.assertIn("stswatch 750 /var/lib/stswatch\n", said)
        self.assertIn("stswatch 600 /var/lib/stswatch/stswatch.db\n", said)
        self.assertIn("HTTP 200: stswatch is healthy", said)

    def test_it_is_reloaded(self):
        self.assertIn("reloaded: 0", self.said["reload"])
        self.assertEqual(self.shown("reload")["SubState"], "running")

    def test_a_stuck_one_is_started_anew(self):
        shown = self.shown("stuck")
        self.assertEqual((shown["SubState"], shown["NRestarts"]), ("running", "1"), self.said["stuck"])

    def test_a_broken_configuration_fails_once_and_says_where(self):
        said, shown = self.said["broken"], self.shown("broken")
        self.assertEqual((shown["ActiveState"], shown["ExecMainStatus"], shown["NRestarts"]), ("failed", "78", "0"), said)
        self.assertIn("stswatch.toml:", said)


if __name__ == "__main__":
    unittest.main()
