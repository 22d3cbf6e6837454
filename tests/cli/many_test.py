"""check of many names: each answered in the order asked, within bounded memory, and how far it has come."""
import json
import os
import pty
import subprocess
import unittest
from pathlib import Path

from harness import BINARY, NOBODY, OUTPUT, SECONDS, USAGE, Case, environment
from offline_test import CLOSED, can_be_closed

CHECK = ("check", "--resolver", NOBODY, "--timeout", "2")


@unittest.skipUnless(can_be_closed(), "no network namespace can be made here")
class Many(Case):
    def looked_at(self, names):
        """(the domains answered for, peak KiB)"""
        listed = self.file("list.txt", "\n".join(names))
        with open(self.folder / "out.json", "w+") as out:
            process = subprocess.Popen([*CLOSED, BINARY, *CHECK, "--json", "--domains-file", listed], stdout=out,
                                       stderr=subprocess.PIPE, env=environment(), cwd=self.folder)
            with process.stderr as errors:
                said = errors.read()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.assertEqual((process.returncode, said), (3, b""))
            out.seek(0)
            return [verdict["domain"] for verdict in json.load(out)], used.ru_maxrss

    def test_each_name_is_answered_as_often_and_in_the_order_asked(self):
        names = [f"d{number}.example" for number in range(1000)]
        names = names + names[::-1] + names[:10] * 3
        self.assertEqual(self.looked_at(names)[0], names)

    @unittest.skipIf(b"__asan_init" in Path(BINARY).read_bytes() or b"__tsan_init" in Path(BINARY).read_bytes(),
                     "a sanitizer keeps what was freed")
    def test_ten_times_the_names_take_no_more_memory(self):
        few, many = ([f"d{number}.example" for number in range(count)] for count in (1000, 10_000))
        self.assertLess(self.looked_at(many)[1] - self.looked_at(few)[1], 8 << 10)


class Output(Case):
    def test_what_cannot_be_written_is_an_error(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([BINARY, "check", "--json", "--resolver", NOBODY, "--timeout", "1", "example.com"], stdout=full, text=True,
                                  stderr=subprocess.PIPE, env=environment(), cwd=self.folder)
        self.assertEqual(done.returncode, OUTPUT)
        self.assertIn("standard output", done.stderr)


@unittest.skipUnless(can_be_closed(), "no network namespace can be made here")
class Progress(Case):
    def shown(self, count):
        """What a terminal on stderr shows while stdout goes to a file."""
        listed = self.file("list.txt", "\n".join(f"d{number}.example" for number in range(count)))
        ours, its = pty.openpty()
        with open(self.folder / "out.json", "w+") as out:
            process = subprocess.Popen([*CLOSED, BINARY, *CHECK, "--json", "--domains-file", listed], stdout=out,
                                       stdin=subprocess.DEVNULL, stderr=its, env=environment(), cwd=self.folder)
            os.close(its)
            shown = b""
            try:
                while block := os.read(ours, 4096):
                    shown += block
            except OSError:                   # the far end of a terminal was closed
                pass
            os.close(ours)
            process.wait(SECONDS)
            out.seek(0)
            self.assertEqual(len(json.load(out)), count)
        return shown.decode()

    def test_a_long_check_says_how_far_it_is_and_wipes_it_off(self):
        shown = self.shown(45)
        self.assertIn("\r10 of 45 looked at", shown)
        self.assertIn("\r45 of 45 looked at", shown)
        self.assertTrue(shown.endswith("\r\x1b[K"), shown)

    def test_a_short_one_does_not(self):
        self.assertEqual(self.shown(5), "")


class Names(Case):
    def test_a_bad_name_is_told_with_its_line_before_the_first_look(self):
        listed = self.file("list.txt", "".join(f"d{number}.example\n" for number in range(10_000)) + "no name\n")
        self.refused((*CHECK, "--domains-file", listed), USAGE, f"{listed}:10001", "no name")


if __name__ == "__main__":
    unittest.main()
