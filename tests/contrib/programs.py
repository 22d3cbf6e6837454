"""Runs what reads the files of contrib/: Prometheus, its tools, Alertmanager. Loopback only; every wait ends."""
import json
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONTRIB = ROOT / "contrib"
RULES = CONTRIB / "prometheus" / "stswatch.rules.yml"
SECONDS = 240                             # far more than a start takes, also on a busy machine


def program(name):
    """A test that cannot run fails: contrib/test installs what is missing."""
    path = shutil.which(name)
    if path is None:
        raise AssertionError(f"{name} is not installed: see contrib/packages/test.txt")
    return path


def with_own_files(text, folder):
    """The configuration with an own secret or folder for each that it names by an absolute path of its readers' machine."""
    secret, maildir = Path(folder, "secret"), Path(folder, "Maildir")
    secret.write_text("https://hooks.example.com/secret\n")
    secret.chmod(0o600)
    for part in ("new", "cur", "tmp"):
        (maildir / part).mkdir(parents=True, exist_ok=True)
    text = re.sub(r'(_file = )"/[^"]*"', rf'\1"{secret}"', text)
    return re.sub(r'(maildir = )"/[^"]*"', rf'\1"{maildir}"', text)


def run(name, *arguments):
    return subprocess.run([program(name), *map(str, arguments)], capture_output=True, text=True, timeout=SECONDS,
                          stdin=subprocess.DEVNULL)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, ask):
    """The first answer of ask() that is true; an OSError is an answer that is not there yet."""
    end = time.monotonic() + SECONDS
    last = None
    while time.monotonic() < end:
        try:
            if last := ask():
                return last
        except OSError as error:
            last = error
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {SECONDS} s, last answer {last!r}")


class Daemon:
    """A server on a free port of 127.0.0.1, for one block; its log is shown when it never gets ready."""

    def __init__(self, folder, name, *arguments, ready="/-/ready"):
        self.port = free_port()
        self.log = Path(folder, f"{name}.log")
        self.ready = ready
        self.arguments = [program(name), *(str(a).replace("PORT", str(self.port)) for a in arguments)]

    def __enter__(self):
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.log.parent)
        try:
            until(f"{self.arguments[0]} is ready", self.is_ready)
        except AssertionError as error:
            self.__exit__()
            raise AssertionError(f"{error}\n{self.log.read_text()[-4000:]}") from None
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"ended with exit code {self.process.returncode}")
        try:
            self.ask(self.ready)
            return True
        except urllib.error.HTTPError:
            return False

    def ask(self, path, body=None):
        """The answer's text; `body` makes it a POST of JSON."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}",
                                         None if body is None else json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return answer.read().decode()
