"""What is said of the program elsewhere is what it says itself: the findings' page, completion, explain, lint."""
import json
import re
import shutil
import subprocess
import unittest
from pathlib import Path

from harness import BINARY, OUTPUT, USAGE, Case, environment

CONTRIB = Path(__file__).resolve().parents[2] / "contrib"
POLICY = "version: STSv1\nmode: enforce\nmx: mx1.example.com\nmax_age: 604800\n"


class Explain(Case):
    def codes(self):
        return [line.split()[0] for line in self.run_it("explain").stdout.splitlines()]

    def test_all_of_them_as_one_page(self):
        done = self.run_it("explain", "--markdown")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(re.findall(r"^### (\S+)$", done.stdout, re.MULTILINE), self.codes())

    def test_every_code_has_a_page(self):
        codes = self.codes()
        self.assertGreater(len(codes), 150)
        for code in codes[::10]:
            with self.subTest(code):
                page = self.run_it("explain", code).stdout
                self.assertTrue(page.startswith(code + "\n"), page)
                for word in ("Mail:", "Fix:", "Severity:", "Route:"):
                    self.assertIn(word, page)
                self.assertNotRegex(page, r"[{}]")

    def test_a_page_names_the_senders_that_stumble(self):
        self.assertIn("chasquid, Stalwart", self.run_it("explain", "sts-none-without-mx").stdout)
        self.assertNotIn("Senders:", self.run_it("explain", "starttls-not-supported").stdout)

    def test_a_folder_of_pages_holds_what_one_by_one_is_printed(self):
        for kind in ("markdown", "html"):
            folder = self.folder / "deep" / kind
            for _ in range(2):                      # what is there is written anew
                done = self.run_it("explain", "--all", f"--{kind}", str(folder))
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
            for name in ("mx-null", "MtaStsDegraded"):
                page = next(folder.glob(f"{name}.*")).read_text()
                self.assertEqual(self.run_it("explain", f"--{kind}", name).stdout, page)
        self.refused(("explain", "no-such-name"), USAGE, "no-such-name")

    def test_a_code_that_is_nearly_one_is_suggested(self):
        self.refused(("explain", "sts-txt-mising"), USAGE, "did you mean sts-txt-missing?")
        self.refused(("explain", "expiring"), USAGE, "certificate-expiring", "sts-webpki-cert-expiring")

    def test_where_no_page_can_be_written(self):
        self.refused(("explain", "--all", "--html"), USAGE, "DIR")
        self.refused(("explain", "--all", str(self.folder)), USAGE, "--html")
        file = self.file("file", "")
        for place in (file, file + "/below"):
            self.refused(("explain", "--all", "--html", place), USAGE, place)
        (self.folder / "index.html").mkdir()
        self.refused(("explain", "--all", "--html", str(self.folder)), OUTPUT, "index.html")
        self.assertEqual(self.run_it("explain", "--all", "--html", "--markdown", "x").returncode, USAGE)
        self.assertEqual(self.run_it("explain", "--table").returncode, USAGE)


class Lint(Case):
    def lint(self, *arguments, body=POLICY):
        return self.run_it("lint", "policy", self.file("mta-sts.txt", body), *arguments)

    def test_a_pipeline_can_trust_the_exit_code(self):
        self.assertEqual(self.lint().returncode, 0)
        self.assertEqual(self.lint("--mx", "mx1.example.com").returncode, 0)
        self.assertEqual(self.lint("--mx", "MX1.example.com.").returncode, 0)
        self.assertEqual(self.lint("--mx", "mx1.example.com", "--mx", "mx2.example.com").returncode, 1)
        self.assertEqual(self.lint("--mx", "mx2.example.com").returncode, 1)
        self.assertEqual(self.lint(body=POLICY + "\n").returncode, 2)
        self.assertEqual(self.lint(body="").returncode, 2)

    def test_a_host_that_is_not_listed_is_named(self):
        done = self.lint("--json", "--mx", "mx1.example.com", "--mx", "mx2.example.com")
        (finding,) = [f for f in json.loads(done.stdout)["findings"] if f["code"] == "mx-not-in-policy"]
        self.assertIn("mx2.example.com", finding["subject"] + finding["detail"])
        self.assertEqual(finding["severity"], "critical")

    def test_which_senders_refuse_it(self):
        done = self.lint("--json", body=POLICY.replace("mode", "\nmode"))
        (finding,) = json.loads(done.stdout)["findings"]
        self.assertEqual(finding["refused_by"], ["mox", "go-mtasts"])
        done = self.run_it("lint", "sts-record", "--json", "v=STSv1; id=2026-11-01")
        (finding,) = json.loads(done.stdout)["findings"]
        self.assertEqual(finding["refused_by"], ["mox"])

    def test_no_file(self):
        self.refused(("lint", "policy", str(self.folder / "gone.txt")), USAGE, "gone.txt")
        self.refused(("lint", "policy"), USAGE, "lint")


class Help(Case):
    """The help's own lists, so that what is new cannot be forgotten elsewhere."""

    def listed(self, *command):
        """(subcommands, flags) of --help"""
        text = self.run_it(*command, "--help").stdout
        below = text.partition("\nSubcommands:\n")[2]
        return re.findall(r"^  (\S+) ", below, re.MULTILINE), set(re.findall(r"^ +(?:-\w,)?(--[-a-z0-9]+)", text, re.MULTILINE))

    def levels(self, *command):
        subcommands, flags = self.listed(*command)
        yield command, subcommands, flags
        for name in subcommands:
            yield from self.levels(*command, name)


@unittest.skipUnless(shutil.which("bash"), "bash is not installed")
class Completion(Help):
    def complete(self, *words):
        script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _stswatch; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "-c", script, "bash", str(CONTRIB / "completion" / "stswatch.bash"), BINARY, *words],
                              capture_output=True, text=True, env=environment(), cwd=self.folder)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.split()

    def test_every_command_and_every_flag(self):
        seen = 0
        for command, subcommands, flags in self.levels():
            with self.subTest(command):
                self.assertEqual(set(self.complete(*command, "--")), flags)
                if subcommands:
                    self.assertEqual(set(self.complete(*command, "")), set(subcommands))
                seen += 1
        self.assertGreater(seen, 6)

    def test_values(self):
        self.assertEqual(self.complete("check", "--format", "n"), ["nagios"])
        self.assertEqual(self.complete("generate", "--mode", "e"), ["enforce"])
        self.assertEqual(self.complete("lint", "tls"), ["tlsrpt-record", "tlsrpt-report", "tlsa"])
        self.assertEqual(self.complete("explain", "mx-nu"), ["mx-null"])

    def test_files(self):
        self.file("kept.json", "")
        self.assertEqual(self.complete("check", "--replay", "ke"), ["kept.json"])
        self.assertEqual(self.complete("lint", "policy", "ke"), ["kept.json"])


if __name__ == "__main__":
    unittest.main()
