"""Runs the program under test: the one that STSWATCH names."""
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

BINARY = str(Path(os.environ.get("STSWATCH", "build/stswatch")).resolve())
USAGE, OUTPUT, CONFIG = 64, 74, 78
if not os.access(BINARY, os.X_OK):
    sys.exit(f"{BINARY} is not there: set STSWATCH to the program to test")
SECONDS = 30                              # far more than anything here takes, also under a sanitizer
NOBODY = "127.0.53.99:53"                 # nothing answers here
MESSAGE = re.compile(r"stswatch: \S.*: \S.*", re.DOTALL)       # what is wrong: how to mend it
ESCAPE = "\x1b"
KEPT = ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "TMPDIR")


def own_mounts():
    """What gives a command mounts of its own, which nobody else sees. A root that is no mount itself (chroot) cannot be told so, and
    need not be where nothing is shared."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    alone = not any(line.split()[4] == "/" or " shared:" in line for line in mounts)
    return "unshare", "--mount", "--propagation", "unchanged" if alone else "private"


OWN_MOUNTS = own_mounts()


def environment(more=None):
    """Not the caller's: neither his SSL_CERT_FILE nor his STSWATCH_CONFIG may change a test."""
    return {**{name: os.environ[name] for name in KEPT if name in os.environ}, "LC_ALL": "C.UTF-8", **(more or {})}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(port, path, data=None, headers=None):
    """(status, body); a refused connection is an OSError."""
    try:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=data, headers=headers or {})
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def post(port, path):
    return get(port, path, data=b"")


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def file(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(0o640)  # it may be a secret
        return str(path)

    def run_it(self, *arguments, env=None, before=()):
        return subprocess.run([*before, BINARY, *arguments], env=environment(env), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=SECONDS, cwd=self.folder)

    def refused(self, arguments, code, *named, **how):
        """Ends with `code` (or one of several), says on stderr what is wrong and how to mend it, and names the thing."""
        done = self.run_it(*arguments, **how)
        said = f"{' '.join(arguments)[:200]}\nexit code {done.returncode}, stdout: {done.stdout[:500]}\nstderr: {done.stderr}"
        self.assertIn(done.returncode, code if isinstance(code, tuple) else (code,), said)
        self.assertEqual(done.stdout, "", said)
        self.assertRegex(done.stderr, MESSAGE, said)
        self.assertEqual(done.stderr.count("stswatch: "), 1, said)
        self.assertNotIn(ESCAPE, done.stderr, said)
        self.assertLess(len(done.stderr), 2000, said)
        for name in named:
            self.assertIn(name, done.stderr, said)
        return done.stderr

    def each_refused(self, table, code, *before):
        for why, (arguments, *named) in table.items():
            with self.subTest(why):
                self.refused((*before, *arguments), code, *named)


class Service:
    """`stswatch run` in the background; leaving the block ends it if the test has not. `ready`: how it shows that it is."""

    def __init__(self, *arguments, port, folder, env=None, ready=None):
        self.port = port
        self.ready = ready or (lambda: get(port, "/-/ready")[0] == 200)
        self.errors = open(Path(folder, "stderr"), "w+")
        self.process = subprocess.Popen([BINARY, "run", *arguments], env=environment(env), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=self.errors, text=True, cwd=folder)

    def __enter__(self):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if self.ready():
                    return self
            except OSError:
                pass
            time.sleep(0.05)
        said = self.said()
        self.__exit__()
        raise AssertionError(f"never ready, exit code {self.process.poll()}: {said}")

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self.errors.close()

    def metrics_with(self, wanted):
        """The metrics, as soon as this is in them."""
        end = time.monotonic() + SECONDS
        while wanted not in (metrics := get(self.port, "/metrics")[1]):
            if time.monotonic() > end:
                raise AssertionError(f"no {wanted} in {SECONDS} s: {self.said()}")
            time.sleep(0.05)
        return metrics

    def stop(self, signal):
        """(exit code, stdout, seconds)"""
        began = time.monotonic()
        self.process.send_signal(signal)
        out, _ = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, out, time.monotonic() - began

    def said(self):
        self.errors.seek(0)
        return self.errors.read()


def need(program):
    return unittest.skipUnless(shutil.which(program), f"{program} is not installed")
