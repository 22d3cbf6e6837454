"""Without a network nothing is known, and nothing is accused. And what the output is made of."""
import json
import os
import pty
import subprocess
import unittest

from harness import BINARY, ESCAPE, NOBODY, SECONDS, Case, environment

UNKNOWN = 3
# A network of its own in which not even loopback is up; --map-root-user lets anyone make one.
CLOSED = ("unshare", "--net") if os.geteuid() == 0 else ("unshare", "--map-root-user", "--net")
CHECK = ("check", "--resolver", NOBODY, "--timeout", "2")


def can_be_closed():
    try:
        return subprocess.run([*CLOSED, "true"], capture_output=True).returncode == 0
    except OSError:
        return False


class Offline(Case):
    def is_unknown(self, result, domain):
        self.assertEqual((result["domain"], result["status"], result["mode"]), (domain, "unknown", None))
        self.assertEqual(result["record"]["outcome"], "unknown")
        self.assertEqual({finding["severity"] for finding in result["findings"]} - {"info"}, set(), result["findings"])
        self.assertIn("observation-unknown", {finding["code"] for finding in result["findings"]})

    @unittest.skipUnless(can_be_closed(), "no network namespace can be made here")
    def test_closed_network(self):
        done = self.run_it("check", "--json", "--timeout", "10", "example.com", before=CLOSED)
        self.assertEqual(done.returncode, UNKNOWN, done.stderr)
        (result,) = json.loads(done.stdout)
        self.is_unknown(result, "example.com")

    def test_dead_resolver(self):
        done = self.run_it(*CHECK, "--json", "example.com")
        self.assertEqual(done.returncode, UNKNOWN, done.stderr)
        (result,) = json.loads(done.stdout)
        self.is_unknown(result, "example.com")

    def test_text_says_so(self):
        done = self.run_it(*CHECK, "example.com")
        self.assertEqual(done.returncode, UNKNOWN)
        self.assertIn("UNKNOWN", done.stdout)


class Output(Case):
    def test_json_is_one_document_in_the_order_asked_for(self):
        names = ["b.example", "a.example", "b.example", "bücher.example", "EXAMPLE.com."]
        done = self.run_it(*CHECK, "--json", *names)
        wanted = ["b.example", "a.example", "b.example", "xn--bcher-kva.example", "example.com"]
        self.assertEqual([result["domain"] for result in json.loads(done.stdout)], wanted)

    def test_nothing_but_json_on_stdout_and_nothing_on_stderr(self):
        done = self.run_it(*CHECK, "--json", "--explain", "example.com")
        self.assertEqual(done.stderr, "")
        self.assertEqual(json.loads(done.stdout)[0]["domain"], "example.com")

    def test_pipe_gets_no_escapes(self):
        for more in ((), ("--explain",), ("--json",), ("--format", "nagios")):
            done = self.run_it(*CHECK, *more, "example.com")
            self.assertNotIn(ESCAPE, done.stdout + done.stderr)

    def test_list_of_names(self):
        listed = self.file("list.txt", "# mine\r\nexample.com  # the first\r\n\r\n  BÜCHER.example \n")
        done = self.run_it(*CHECK, "--json", "--domains-file", listed)
        self.assertEqual([result["domain"] for result in json.loads(done.stdout)],
                         ["example.com", "xn--bcher-kva.example"])

    def on_terminal(self, env):
        """What a terminal shows; stdin too is the terminal, as for a person."""
        ours, its = pty.openpty()
        try:
            with subprocess.Popen([BINARY, *CHECK, "example.com"], stdin=its, stdout=its, stderr=its,
                                  env=environment(env)) as process:
                os.close(its)
                its, shown = None, b""
                try:
                    while block := os.read(ours, 4096):
                        shown += block
                except OSError:               # the far end of a terminal was closed
                    pass
                process.wait(SECONDS)
                return shown.decode()
        finally:
            os.close(ours)
            if its is not None:
                os.close(its)

    def test_terminal_gets_colours(self):
        self.assertIn(ESCAPE, self.on_terminal({"TERM": "xterm"}))

    def test_no_color_is_honoured(self):
        shown = self.on_terminal({"TERM": "xterm", "NO_COLOR": "1"})
        self.assertIn("example.com", shown)
        self.assertNotIn(ESCAPE + "[3", shown)
        self.assertNotIn(ESCAPE + "[1", shown)


if __name__ == "__main__":
    unittest.main()
