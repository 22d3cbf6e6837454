"""What `stswatch run` gives up at its start (agent.confine): each of its threads, and by deeds that the kernel refuses."""
import errno
import os
import re
import signal
import sys
import time
import unittest
from pathlib import Path

from harness import NOBODY, SECONDS, Case, Service, free_port, get, post

SHIM = os.environ.get("CONFINEMENT_SHIM_LIBRARY", "")
BY_LANDLOCK = ("create", "write", "folder", "link", "remove")
BY_SECCOMP = ("execute", "namespace", "memory", "ptrace", "x32")
LACK = re.compile(r"not confined by (Landlock|seccomp): .*")


class Confined(Case):
    def setUp(self):
        super().setUp()
        self.state, self.outside = self.folder / "state", self.folder / "outside"
        self.outside.mkdir()
        (self.outside / "there").write_text("text")
        self.says = self.state / "says"
        self.port = free_port()

    def write(self, agent="", top="", more="", names=("example.com",)):
        domains = "".join(f'[[domain]]\nname = "{name}"\n' for name in names)
        return self.file("c.toml", f'{top}[agent]\nlisten = "127.0.0.1:{self.port}"\nstate = "state/s.db"\n{agent}'
                                   f'[dns]\nservers = ["{NOBODY}"]\ntimeout = "1s"\ntries = 1\n{more}{domains}')

    def start(self, preload=False, **how):
        env = {"LD_PRELOAD": SHIM, "CONFINEMENT_SHIM_SAYS": str(self.says), "CONFINEMENT_SHIM_OUTSIDE": str(self.outside)}
        return self.enterContext(Service("--config", self.write(**how), port=self.port, folder=self.folder, env=env if preload else None))

    def in_force(self, service):
        """Of Landlock and seccomp; says loudly what was not tried."""
        lacking = {found[1]: found[0] for found in LACK.finditer(service.said())}
        for each, line in lacking.items():
            print(f"\nNOT TRIED, this kernel lacks it: {each} ({line})", file=sys.stderr)
        return "Landlock" not in lacking, "seccomp" not in lacking

    def deeds(self, service):
        service.process.send_signal(signal.SIGUSR2)
        end = time.monotonic() + SECONDS
        while not self.says.exists():
            self.assertLess(time.monotonic(), end, service.said())
            time.sleep(0.02)
        return {what: int(ended) for what, ended in map(str.split, self.says.read_text().splitlines())}

    def threads(self, service):
        """(NoNewPrivs, Seccomp) of each."""
        for task in Path(f"/proc/{service.process.pid}/task").iterdir():
            fields = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
            yield int(fields["NoNewPrivs"]), int(fields["Seccomp"])

    def refused(self, service, *words):
        status, body = post(self.port, "/-/reload")
        self.assertNotEqual(status, 200)
        for word in (*words, "restart the service"):
            self.assertIn(word, body)

    def silenced(self):
        """Something that only the store keeps."""
        end = time.monotonic() + SECONDS
        while get(self.port, "/api/v1/domains/example.com")[0] != 200:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)
        form = b"code=*&subject=*&for=1h&comment=moving"
        self.assertEqual(get(self.port, "/domain/example.com/silence", data=form)[0], 200)

    def reloaded(self, service, domain):
        self.assertEqual(post(self.port, "/-/reload")[0], 200)
        service.metrics_with(f'domain="{domain}"')


class Held(Confined):
    def test_every_thread_is_confined_and_works(self):
        service = self.start()
        landlock, seccomp = self.in_force(service)
        said = service.said()
        if landlock:
            self.assertIn(f"confined: writes only beneath {self.state.resolve()}; starts no programs", said)
        if seccomp:
            self.assertRegex(said, "confined: .*seccomp")
        threads = list(self.threads(service))
        self.assertGreater(len(threads), 5)
        self.assertEqual(set(threads), {(1, 2 if seccomp else 0)})
        self.write(names=("example.com", "example.net"))
        self.reloaded(service, "example.net")
        self.silenced()
        self.assertEqual(service.stop(signal.SIGTERM)[0], 0)
        self.assertIn("moving", self.run_it("silence", "list", "--state", str(self.state / "s.db")).stdout)
        self.assertNotIn(" error ", service.said())

    def test_reports_are_moved(self):
        box = self.folder / "box"
        for name in ("new", "cur", "tmp"):
            (box / name).mkdir(parents=True)
        service = self.start(more=f'[tlsrpt]\nmaildir = "{box}"\n')
        (box / "new" / "1.mail").write_text("Subject: no report\n\ntext\n")
        end = time.monotonic() + SECONDS
        while not list((box / "cur").iterdir()):
            self.assertLess(time.monotonic(), end, service.said())
            time.sleep(0.1)
        if self.in_force(service)[0]:
            self.assertIn(f"{box.resolve()}/new, {box.resolve()}/cur; ", service.said())

    def test_what_is_not_there_cannot_be_allowed(self):
        service = self.start(more='[tlsrpt]\nmaildir = "box"\n')
        self.assertRegex(service.said(), r"not confined by Landlock: \S*/box/new: No such file|this kernel has none")

    def test_a_reload_that_needs_more_is_refused(self):
        service = self.start()
        landlock, seccomp = self.in_force(service)
        if not landlock and not seccomp:
            self.skipTest("nothing is in force")
        mark = self.outside / "ran"
        self.write(top=f'domains_command = ["touch", "{mark}"]\n')
        self.refused(service, "domains_command")
        self.write(more='[[alerts.email]]\nname = "m"\nsendmail = "/usr/sbin/sendmail"\nfrom = "a@example.com"\nto = ["b@example.com"]\n')
        self.refused(service, "alerts.email.sendmail")
        if landlock:
            self.write(more=f'[tlsrpt]\nmaildir = "{self.outside}"\n')
            self.refused(service, "tlsrpt.maildir", str(self.outside.resolve()))
        self.assertFalse(mark.exists())
        self.write(names=("example.org",), agent="confine = false\n")
        self.reloaded(service, "example.org")
        self.assertIn("agent.confine has changed: it is taken up at the next restart", service.said())

    def test_programs_that_are_named_go_on_working(self):
        mark = self.outside / "ran"
        service = self.start(top=f'domains_command = ["sh", "-c", "echo a.example; touch {mark}"]\n')
        self.assertIn("not confined: domains_command names a program", service.said())
        mark.unlink()
        self.reloaded(service, "a.example")
        self.assertTrue(mark.exists())
        self.assertEqual({privileges for privileges, _ in self.threads(service)}, {int(dict(
            line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())["NoNewPrivs"])})


@unittest.skipUnless(SHIM, "CONFINEMENT_SHIM_LIBRARY names no library: a sanitizer's build has none")
class Taken(Confined):
    """The same deeds, confined and not: what is refused by right of files is no proof."""

    def test_what_is_refused(self):
        service = self.start(preload=True)
        landlock, seccomp = self.in_force(service)
        ended = self.deeds(service)
        expected = {"inside": 0, "read": 0}
        if landlock:
            expected |= dict.fromkeys(BY_LANDLOCK, errno.EACCES)
            self.assertIn(ended["away"], (errno.EACCES, errno.EXDEV))
            self.assertEqual([each.name for each in self.outside.iterdir()], ["there"])
        if seccomp:
            expected |= {each: errno.EPERM for each in BY_SECCOMP if each in ended}
        elif landlock:
            expected["execute"] = errno.EACCES
        self.assertEqual({each: ended[each] for each in expected}, expected)
        if landlock and ended["truncate"] == 0:
            print("\nNOT TRIED, this kernel's Landlock is older than ABI 3: truncating", file=sys.stderr)
        elif landlock:
            self.assertEqual((ended["truncate"], (self.outside / "there").read_text()), (errno.EACCES, "text"))
        self.assertEqual(get(self.port, "/-/healthy")[0], 200)

    def test_what_would_be_done_otherwise(self):
        service = self.start(preload=True, agent="confine = false\n")
        self.assertIn("not confined: agent.confine is false", service.said())
        ended = self.deeds(service)
        done = ("inside", "read", *BY_LANDLOCK, "truncate", "away", "execute", "namespace", "memory")
        self.assertEqual({each: ended[each] for each in done}, dict.fromkeys(done, 0))
        self.assertEqual({ended[each] for each in ("ptrace", "x32") if each in ended} & {0, errno.EPERM}, set())
        self.assertEqual({each.name for each in self.outside.iterdir()}, {"new", "folder", "link", "away"})


if __name__ == "__main__":
    unittest.main()
