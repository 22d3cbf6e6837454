"""Bad luck of the machine: streams that are closed, full or stuck, a clock that is set, a disk that is full, no
descriptors, no resolv.conf. The looks go on, nothing owed is lost, no domain is accused, and the agent says what ails
it and when that is over."""
import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import unittest

from harness import BINARY, OWN_MOUNTS, SECONDS, Case, Service, environment, free_port, get
from name_server import A, MX, TXT, NameServer, mx, txt
from receivers import HttpListener

SHIM = os.environ.get("CLOCK_SHIM_LIBRARY", "")
DAY = 86400
NAME = "example.com"
ZONE = {(NAME, MX): [mx(0, ".")], (f"_mta-sts.{NAME}", TXT): [], (f"_smtp._tls.{NAME}", TXT): [], (f"mta-sts.{NAME}", TXT): []}


class Counting(NameServer):
    """Knows when it was asked for the record."""
    asked = 0

    def answer(self, packet):
        self.asked += b"\x08_mta-sts" in packet
        return super().answer(packet)


class Unlucky(Service):
    """The service with another view of its streams and limits: `before` runs in the child."""

    def __init__(self, *arguments, port, folder, env=None, before=None, stderr=None, within=()):
        self.port = port
        self.ready = lambda: get(port, "/-/ready")[0] == 200
        self.errors = open(folder / "stderr", "a+")
        self.process = subprocess.Popen([*within, BINARY, "run", *arguments], env=environment(env), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=stderr or self.errors, cwd=folder, preexec_fn=before)


class LuckCase(Case):
    def setUp(self):
        super().setUp()
        self.names = self.enterContext(Counting(dict(ZONE)))
        self.hook = self.enterContext(HttpListener())
        self.state = self.folder / "s.db"

    def config(self, more="", network=""):
        self.port = free_port()
        return self.file("c.toml", f'[agent]\nlisten = "127.0.0.1:{self.port}"\nstate = "{self.state}"\n'
                                   f'[schedule]\ndns = "1s"\npolicy = "1s"\nmx = "1s"\nconfirm_after = "1s"\nconfirmations = 2\n'
                                   f'[dns]\nservers = ["{self.names.address}"]\ntimeout = "1s"\ntries = 1\n[network]\nallow_private = true\n{network}'
                                   f'[[domain]]\nname = "{NAME}"\n'
                                   f'[alerts]\ngroup_wait = "1s"\n[[alerts.webhook]]\nname = "hook"\nmin_severity = "critical"\n'
                                   f'url = "http://127.0.0.1:{self.hook.port}/"\n{more}')

    def service(self, **how):
        config = self.config(*(how.pop(key, "") for key in ("more", "network")))
        return self.enterContext(Unlucky("--config", config, port=self.port, folder=self.folder, **how))

    def until(self, what, condition):
        end = time.monotonic() + SECONDS
        while not (answer := condition()):
            if time.monotonic() > end:
                self.fail(f"never: {what}; {self.log()[-1500:]}")
            time.sleep(0.05)
        return answer

    def log(self):
        return (self.folder / "stderr").read_text(errors="replace")

    def looks_go_on(self):
        before = self.names.asked
        self.until("two more looks", lambda: self.names.asked >= before + 2)

    def is_ok(self, service):
        self.until("ok", lambda: f'stswatch_domain_status{{domain="{NAME}",status="ok"}} 1' in get(service.port, "/metrics")[1])

    def told(self, kind, code):
        return [n for n in self.notices() if n["kind"] == kind and any(f["code"] == code for f in n["findings"])]

    def notices(self):
        return [json.loads(body) for _, _, body in list(self.hook.requests)]

    def ails(self, service, code):
        """Says so everywhere, to a receiver of the critical too, and accuses no domain."""
        self.until(f"{code} in health", lambda: code in get(service.port, "/-/healthy")[1])
        self.assertEqual(get(service.port, "/-/healthy")[0], 200)
        self.assertIn(code, get(service.port, "/-/ready")[1])
        for page in ("/", f"/domain/{NAME}"):
            self.assertIn(code, get(service.port, page)[1])
        notice = self.until(f"a notice of {code}", lambda: self.told("new", code))[0]
        self.assertEqual(notice["domains"], [])
        self.assertTrue(notice["fix"])
        self.assertIn(f"[{code}]", self.log())

    def is_well(self, service, code):
        self.until(f"{code} over", lambda: code not in get(service.port, "/-/healthy")[1])
        self.assertNotIn(code, get(service.port, "/")[1])
        self.until("its end told", lambda: self.told("resolved", code))
        self.assertIn("over after ", self.log())

    def nobody_is_accused(self):
        self.assertEqual([n["title"] for n in self.notices() if n["domains"]], [])


class Streams(LuckCase):
    def sound(self, service):
        self.is_ok(service)
        self.looks_go_on()
        self.assertEqual(service.stop(signal.SIGTERM)[0], 0)
        self.assertTrue(self.state.read_bytes().startswith(b"SQLite format 3\0"))
        with sqlite3.connect(self.state) as store:
            self.assertEqual(store.execute("PRAGMA integrity_check").fetchone(), ("ok",))

    def test_closed(self):
        for closed in ((1, 2), (0, 1, 2), (2,), (0,)):
            with self.subTest(closed):
                self.sound(self.service(before=lambda: [os.close(fd) for fd in closed]))

    def test_a_full_disk_behind_them(self):
        with open("/dev/full", "w") as full:
            self.sound(self.service(stderr=full))

    def test_a_reader_that_does_not_read(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        os.set_blocking(writer, False)
        try:
            while os.write(writer, b"x" * 4096):
                pass
        except BlockingIOError:
            os.set_blocking(writer, True)
        service = self.service(stderr=writer)
        os.close(writer)
        self.sound(service)

    def test_a_reader_that_goes_away(self):
        reader, writer = os.pipe()
        service = self.service(stderr=writer)
        os.close(writer)
        os.close(reader)
        self.sound(service)


@unittest.skipUnless(SHIM, "a sanitizer wants to be the first library")
class Clock(LuckCase):
    CODE = "vantage-clock-stepped"

    def set(self, seconds):
        new = self.folder / "shift.new"
        new.write_text(str(seconds))
        new.rename(self.folder / "shift")

    def shifted(self, seconds):
        self.set(seconds)
        return self.service(env={"LD_PRELOAD": SHIM, "CLOCK_SHIM": str(self.folder / "shift")})

    def test_it_is_set_while_the_service_runs_and_back_again(self):
        for by in (-3600, 3600, 400 * DAY, -400 * DAY):
            with self.subTest(by):
                service = self.shifted(0)
                self.is_ok(service)
                self.assertNotIn(self.CODE, get(service.port, "/")[1])
                self.hook.requests.clear()
                self.set(by)
                self.ails(service, self.CODE)
                self.looks_go_on()
                self.assertIn("stswatch_vantage_clock_ok 0", get(service.port, "/metrics")[1])
                self.set(0)
                self.is_well(service, self.CODE)
                self.looks_go_on()
                self.is_ok(service)
                self.nobody_is_accused()
                self.assertEqual(service.stop(signal.SIGTERM)[0], 0)

    def test_it_was_wrong_before_a_restart(self):
        for by in (400 * DAY, -400 * DAY):
            with self.subTest(by):
                service = self.shifted(by)
                self.is_ok(service)
                self.assertEqual(service.stop(signal.SIGTERM)[0], 0)
                self.hook.requests.clear()
                service = self.shifted(0)
                self.ails(service, self.CODE)
                self.looks_go_on()
                self.is_ok(service)
                self.nobody_is_accused()
                self.assertEqual(service.stop(signal.SIGTERM)[0], 0)
                self.state.unlink()


class Disk(LuckCase):
    CODE = "agent-store-failing"

    def test_a_file_that_must_not_grow(self):
        """As on a full disk: SQLite is refused its next page."""
        service = self.service()
        self.is_ok(service)
        size = max(path.stat().st_size for path in self.folder.glob("s.db*"))
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (size // 2, resource.RLIM_INFINITY))
        # Something to be written at once.
        self.names.table[("example.net", MX)] = [mx(10, "mx.example.net")]
        self.names.table[(f"_smtp._tls.{NAME}", TXT)] = [txt("v=TLSRPTv1; rua=mailto:reports@example.net")]
        self.ails(service, self.CODE)
        self.looks_go_on()
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.is_well(service, self.CODE)
        self.nobody_is_accused()
        self.assertEqual(service.stop(signal.SIGTERM)[0], 0)
        with sqlite3.connect(self.state) as store:
            self.assertEqual(store.execute("PRAGMA integrity_check").fetchone(), ("ok",))
            self.assertEqual(store.execute("SELECT count(*) FROM subjects").fetchone(), (1,))


    def test_pages_of_the_file_turn_to_rubbish(self):
        """The service has all of it in memory and goes on; who starts on that file is told what is wrong with it."""
        service = self.service()
        self.is_ok(service)
        self.until("written", self.is_written)                    # else what is spoiled would be written after it
        with open(self.state, "r+b") as store:
            size = os.fstat(store.fileno()).st_size
            for page in range(4096, size, 4096):
                store.seek(page)
                store.write(b"\xa5" * 4096)
        with open(f"{self.state}-wal", "r+b") as log:
            log.truncate(0)
        self.names.table[(f"_smtp._tls.{NAME}", TXT)] = [txt("v=TLSRPTv1; rua=mailto:reports@example.net")]
        self.looks_go_on()
        self.nobody_is_accused()
        self.assertEqual(service.stop(signal.SIGTERM)[0], 0)
        again = self.run_it("run", "--config", self.folder / "c.toml")
        self.assertNotEqual(again.returncode, 0)
        self.assertIn(str(self.state), again.stderr)
        self.assertRegex(again.stderr, "malformed|corrupt|not a database")


    def is_written(self):
        with sqlite3.connect(self.state) as store:
            return store.execute("SELECT count(*) FROM looks WHERE role = 'good'").fetchone()[0] >= 1


def loop_mounts():
    """Whether a file can be mounted here as a file system, in a mount namespace of one's own."""
    with tempfile.TemporaryDirectory() as folder:
        return os.geteuid() == 0 and subprocess.run([*OWN_MOUNTS, "sh", "-ec", IMAGE, "sh", folder], check=False,
                                                    stderr=subprocess.DEVNULL).returncode == 0


IMAGE = """cd "$1"; mkdir disk; truncate -s 16M image; mkfs.ext4 -q image; mount -o loop image disk"""


@unittest.skipUnless(loop_mounts(), "a file cannot be mounted as a file system here")
class Remount(LuckCase):
    CODE = "agent-store-failing"

    def test_the_kernel_turns_the_disk_read_only(self):
        """As it does after an error of the disk (ext4, errors=remount-ro)."""
        self.state = self.folder / "disk" / "s.db"
        service = self.service(within=(*OWN_MOUNTS, "sh", "-ec", f'{IMAGE}; shift; exec "$@"', "sh", self.folder))
        self.is_ok(service)
        disk = ("nsenter", "--mount", "--root", "--wd", "--target", str(service.process.pid))
        self.until("what is owed is written", lambda: "example" in subprocess.run(
            [*disk, "strings", f"{self.state}-wal"], check=True, capture_output=True, text=True).stdout)
        subprocess.run([*disk, "mount", "-o", "remount,abort", self.state.parent], check=True)
        self.names.table[(f"_smtp._tls.{NAME}", TXT)] = [txt("v=TLSRPTv1; rua=mailto:reports@example.net")]
        self.ails(service, self.CODE)
        self.looks_go_on()
        self.nobody_is_accused()
        self.assertEqual(service.stop(signal.SIGTERM)[0], 0)
        self.assertIn("what was seen last is lost", self.log())
        # The next boot: the journal is replayed, and what was written before is there.
        held = subprocess.run([*OWN_MOUNTS, "sh", "-ec", f"""cd {self.folder}; mount -o loop image disk
            "$1" check --config c.toml --json; "$1" history --config c.toml {NAME} --json""", "sh", BINARY],
            check=False, capture_output=True, text=True, timeout=SECONDS)
        self.assertIn(NAME, held.stdout)
        self.assertNotIn(str(self.state), held.stderr)


class Configuration(LuckCase):
    def test_a_reload_that_is_refused(self):
        service = self.service()
        self.is_ok(service)
        good = (self.folder / "c.toml").read_text()
        self.file("c.toml", good + "[agnet]\n")
        service.process.send_signal(signal.SIGHUP)
        self.ails(service, "agent-reload-failed")
        self.file("c.toml", good)
        service.process.send_signal(signal.SIGHUP)
        self.is_well(service, "agent-reload-failed")

    def test_who_declines_is_not_told(self):
        service = self.service(more="own = false\n")
        self.is_ok(service)
        self.file("c.toml", "[agnet]\n")
        service.process.send_signal(signal.SIGHUP)
        self.until("health", lambda: "agent-reload-failed" in get(service.port, "/-/healthy")[1])
        self.looks_go_on()
        self.assertEqual(self.notices(), [])


class Descriptors(LuckCase):
    CODE = "vantage-resources"

    def silent_hosts(self, count):
        """MX hosts that take a connection and say nothing; they need a look each for as long as it may last."""
        self.names.table[(NAME, MX)] = [mx(10, f"mx{i}.{NAME}") for i in range(count)]
        for i in range(count):
            self.names.table[(f"mx{i}.{NAME}", A)] = [socket.inet_aton(f"127.20.0.{i + 1}")]
        listener = self.enterContext(socket.create_server(("0.0.0.0", 0), backlog=512))
        return listener.getsockname()[1]

    def test_few_of_them(self):
        port = self.silent_hosts(50)
        service = self.service(before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
                               network=f"smtp_port = {port}\n")
        self.assertIn("64 descriptors suffice for 12 workers of 256", self.log())
        self.looks_go_on()
        self.assertNotRegex(get(service.port, "/metrics")[1], r'stswatch_finding{[^}]*code="(mx|sts|starttls)-[^}]*severity="(warning|critical)"')

    def test_none_left_and_some_again(self):
        service = self.service()
        self.is_ok(service)
        # Fewer than are open at any moment, so that no phase of a look leaves a number free.
        resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE, (3, 1 << 12))
        self.until("the log to tell", lambda: f"[{self.CODE}]" in self.log())
        resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE, (1 << 12, 1 << 12))
        self.ails(service, self.CODE)
        self.is_ok(service)
        self.nobody_is_accused()


@unittest.skipUnless(os.geteuid() == 0 and subprocess.run([*OWN_MOUNTS, "--net", "true"], check=False).returncode == 0,
                     "mounts and networks of one's own are not to be had")
class ResolvConf(Case):
    def test_empty_or_gone(self):
        """resolv.conf(5): the name server on this machine is asked; here nobody answers there, which it says."""
        etc = self.folder / "etc"
        subprocess.run(["cp", "-a", "/etc", etc], check=True)
        (etc / "resolv.conf").unlink(missing_ok=True)
        for what in ("mount --bind /dev/null /etc/resolv.conf", f"mount --bind {etc} /etc"):
            with self.subTest(what):
                done = self.run_it("check", "--timeout", "3", NAME,
                                   before=(*OWN_MOUNTS, "--net", "sh", "-ec", f'{what}; ip link set lo up; exec "$@"', "sh"))
                self.assertEqual((done.returncode, done.stderr), (3, ""))
                self.assertIn("127.0.0.1", done.stdout)


if __name__ == "__main__":
    unittest.main()
