"""Bad arguments: exit code 64, or 78 where a file is at fault, and a sentence that names the thing. And --help."""
import unittest

from harness import CONFIG, NOBODY, USAGE, Case

CHECK = ("check", "--resolver", NOBODY, "--timeout", "1")
COMMANDS = ("check", "lint", "run", "health", "generate", "explain", "config", "config check")
LONG = "a" * 63 + "." + ".".join(["b" * 59] * 4)          # 303 octets, every label short enough


class Help(Case):
    def test_on_every_level(self):
        for command in ("", *COMMANDS):
            with self.subTest(command):
                done = self.run_it(*command.split(), "--help")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn("--help", done.stdout)

    def test_names_every_command(self):
        text = self.run_it("--help").stdout
        for command in COMMANDS:
            self.assertIn(command.split()[0], text)

    def test_version(self):
        done = self.run_it("--version")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^stswatch \d+\.\d+\.\d+ \([\w.+~-]+\)\n$")


class Arguments(Case):
    def test_refused(self):
        self.each_refused({
            "no command": ((),),
            "unknown command": (("chekc", "example.com"), "chekc"),
            "unknown option": (("check", "--jsno", "example.com"), "--jsno"),
            "unknown word for an option": (("check", "--format", "xml", "example.com"), "xml", "text", "json", "nagios"),
            "number for a word": (("check", "--format", "2", "example.com"), "--format", "nagios"),
            "option without its value": (("check", "example.com", "--resolver"), "--resolver"),
            "number that is none": (("check", "--jobs", "many", "example.com"), "--jobs", "many"),
            "number out of range": (("check", "--jobs", "0", "example.com"), "--jobs", "0"),
            "no port": (("check", "--https-port", "65536", "example.com"), "65536"),
            "port zero": (("check", "--smtp-port", "0", "example.com"), "--smtp-port"),
            "negative port": (("check", "--smtp-port", "-1", "example.com"), "-1"),
            "command of config missing": (("config",), "subcommand"),
            "unknown command of config": (("config", "chekc"), "chekc"),
            "config check without a file": (("config", "check"), "FILE"),
            "lint without a kind": (("lint",), "KIND"),
            "lint of an unknown kind": (("lint", "mx-record"), "mx-record"),
            "unknown log format": (("run", "--log-format", "xml", "example.com"), "xml"),
            "explain what nobody knows": (("explain", "no-such-finding"), "no-such-finding"),
            "mode that is none": (("generate", "example.com", "--mode", "enforced"), "enforced"),
        }, USAGE)

    def test_resolver(self):
        for bad in ("ns1.example.com", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:port", "[::1", "[127.0.0.1]:53",
                    "999.0.0.1", "fe80::1%lo"):
            with self.subTest(bad):
                self.refused(("check", "--resolver", bad, "example.com"), USAGE, bad)

    def test_empty_resolver(self):
        self.refused(("check", "--resolver", "", "example.com"), USAGE, "resolver")

    def test_timeout(self):
        for bad in ("0", "0s", "-1", "1.5", "1w", "soon", "5 s", "99999999999999999999s"):
            with self.subTest(bad):
                self.refused(("check", f"--timeout={bad}", "example.com"), USAGE, "--timeout", bad)

    def test_empty_timeout(self):
        self.refused(("check", "--timeout=", "example.com"), USAGE, "--timeout")

    def test_domains_and_config_together(self):
        config = self.file("c.toml", '[[domain]]\nname = "example.com"\n')
        self.refused(("run", "--config", config, "example.org"), USAGE, "--config")


class Names(Case):
    def test_no_names(self):
        bad = {
            "empty": "", "a space": " ", "one label": "localhost", "the root": ".", "an empty label": "a..example.com",
            "a leading dot": ".example.com", "a label of 64": "a" * 64 + ".example.com", "303 octets": LONG,
            "300 octets in one label": "a" * 300, "a mail address": "me@example.com", "a URL": "https://example.com/",
            "a path": "/etc/passwd", "a port": "example.com:25", "IPv4": "192.0.2.1", "IPv6": "2001:db8::1",
            "a bracketed address": "[192.0.2.1]", "a wildcard": "*.example.com", "an underscore": "_mta-sts.example.com",
            "a space within": "exa mple.com", "a hyphen first": "-a.example.com", "a hyphen last": "a-.example.com", "a number last": "example.123", "a new line": "example.com\nexample.org",
            "a terminal's escape": "exam\x1b[31mple.com", "not allowed by IDNA2008": "☕.example.com", "an option's end": "--.com",
        }
        for why, name in bad.items():
            with self.subTest(why):
                message = self.refused((*CHECK, "--", name), USAGE)
                if name.isascii() and name.isprintable():
                    self.assertIn(name.strip(" []")[:40], message)

    def test_bad_octets(self):
        for name in (b"ex\xffample.com", b"\xc3.example.com"):
            with self.subTest(name):
                self.refused((*CHECK, name.decode(errors="surrogateescape")), USAGE)

    def test_one_bad_name_among_good_ones_stops_before_the_first_look(self):
        self.refused((*CHECK, "example.com", "no name", "example.org"), USAGE, "no name")

    def test_the_service_refuses_them_too(self):
        self.refused(("run", "example.com", "no name"), USAGE, "no name")

    def test_generate_refuses_them_too(self):
        self.refused(("generate", "no name"), USAGE, "no name")

    def test_list(self):
        bad = self.file("bad.txt", "# mine\nexample.com\n\nhttp://example.org\n")
        self.refused((*CHECK, "--domains-file", bad), USAGE, f"{bad}:4")

    def test_list_that_is_empty(self):
        empty = self.file("empty.txt", "# nothing yet\n\n")
        self.refused((*CHECK, "--domains-file", empty), USAGE, empty)

    def test_list_that_is_not_there(self):
        self.refused((*CHECK, "--domains-file", str(self.folder / "gone.txt")), (USAGE, CONFIG), "gone.txt")

    def test_list_that_is_a_folder(self):
        self.refused((*CHECK, "--domains-file", str(self.folder)), (USAGE, CONFIG), str(self.folder))

    def test_no_name_at_all(self):
        self.refused(CHECK, USAGE, "domain")
        self.refused(("run",), CONFIG, "domain")


class TrustStore(Case):
    def files(self):
        return {
            "missing": str(self.folder / "gone.pem"),
            "a folder": str(self.folder),
            "empty": self.file("empty.pem", ""),
            "not PEM": self.file("text.pem", "this is no certificate\n"),
            "binary": self.file("binary.pem", bytes(range(256)) * 16),
            "damaged": self.file("damaged.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "cut short": self.file("short.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n"),
        }

    def test_by_flag(self):
        for why, path in self.files().items():
            with self.subTest(why):
                self.refused((*CHECK, "--ca-file", path, "example.com"), (USAGE, CONFIG), path)

    def test_by_config(self):
        for why, path in self.files().items():
            config = self.file("c.toml", f'[network]\nca_file = "{path}"\n[[domain]]\nname = "example.com"\n')
            for command in (("run",), CHECK):
                with self.subTest(why, command=command[0]):
                    self.refused((*command, "--config", config), CONFIG, path)


if __name__ == "__main__":
    unittest.main()
