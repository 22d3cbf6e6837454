"""A configuration that is no good: every command that reads it says where, what, and what would be right."""
import os
import pwd
import socket
import unittest

from harness import CONFIG, NOBODY, Case, free_port

CHECK = ("check", "--resolver", NOBODY, "--timeout", "1")
DOMAIN = '[[domain]]\nname = "example.com"\n'
# why -> (the file, its line, the key it must name, a word of the remedy)
BAD = {
    "syntax": ("[agent\n", 1, "", ""),
    "no TOML at all": ("<html></html>\n", 1, "", ""),
    "unknown table": ("[agnet]\n" + DOMAIN, 1, "agnet", "agent"),
    "unknown key": ("[network]\nhttp_port = 443\n" + DOMAIN, 2, "network.http_port", "https_port"),
    "unknown key of a domain": ('[[domain]]\nname = "example.com"\nexpects = "enforce"\n', 3, "domain.expects", "expect"),
    "key twice": ("[agent]\nworkers = 1\nworkers = 2\n" + DOMAIN, 3, "workers", ""),
    "table twice": ("[agent]\n[agent]\n" + DOMAIN, 2, "agent", ""),
    "domain twice": (DOMAIN + DOMAIN, 3, "domain.name", "twice"),
    "domain twice, written otherwise": (DOMAIN + '[[domain]]\nname = "EXAMPLE.com."\n', 3, "domain.name", "twice"),
    "string for an integer": ('[agent]\nworkers = "8"\n' + DOMAIN, 2, "agent.workers", "integer"),
    "integer for a string": ("[agent]\nlisten = 9461\n" + DOMAIN, 2, "agent.listen", "string"),
    "integer for a duration": ("[schedule]\ndns = 300\n" + DOMAIN, 2, "schedule.dns", "string"),
    "string for a boolean": ('[network]\nallow_private = "yes"\n' + DOMAIN, 2, "network.allow_private", "true or false"),
    "string for an array": ('[dns]\nservers = "192.0.2.53"\n' + DOMAIN, 2, "dns.servers", "array"),
    "table for an array of tables": ('[domain]\nname = "example.com"\n', 1, "domain", "[[domain]]"),
    "value for a table": ("agent = 1\n" + DOMAIN, 1, "agent", "[agent]"),
    "word for a boolean": ('[agent]\nconfine = "on"\n' + DOMAIN, 2, "agent.confine", "true or false"),
    "out of range": ("[agent]\nworkers = 1025\n" + DOMAIN, 2, "agent.workers", "1024"),
    "beyond 64 bits": ("[agent]\nworkers = 99999999999999999999\n" + DOMAIN, 2, "", ""),
    "port out of range": ("[network]\nsmtp_port = 0\n" + DOMAIN, 2, "network.smtp_port", "1 to 65535"),
    "duration without a unit": ('[schedule]\nmx = "60"\n' + DOMAIN, 2, "schedule.mx", '"90s"'),
    "word that is none": ('[[domain]]\nname = "example.com"\nexpect = "enforced"\n', 3, "domain.expect", "enforce"),
    "name that is none": ('[[domain]]\nname = "https://example.com"\n', 2, "domain.name", "example.com"),
    "name of 300 characters": (f'[[domain]]\nname = "{"a" * 300}"\n', 2, "domain.name", "63"),
    "name that is missing": ('[[domain]]\nexpect = "none"\n', 1, "domain.name", "missing"),
    "resolver by name": ('[dns]\nservers = ["ns1.example.com"]\n' + DOMAIN, 2, "dns.servers", "192.0.2.53"),
    "resolver at port 0": ('[dns]\nservers = ["192.0.2.53:0"]\n' + DOMAIN, 2, "dns.servers", "192.0.2.53"),
    "listening nowhere": ('[agent]\nlisten = "localhost"\n' + DOMAIN, 2, "agent.listen", "127.0.0.1:9461"),
    "smarthost as a URL": ('[[alerts.email]]\nname = "m"\nsmarthost = "smtp://127.0.0.1:25"\nfrom = "a@example.net"\n'
                           'to = ["b@example.net"]\n' + DOMAIN, 3, "alerts.email.smarthost", "smtp.example.com:587"),
    "mail address with two @": ('[[alerts.email]]\nname = "m"\nsmarthost = "127.0.0.1:25"\nfrom = "a@example.net"\n'
                                'to = ["b@@example.net"]\n' + DOMAIN, 5, "alerts.email.to", "postmaster@example.com"),
    "URL without a host": ('[[alerts.alertmanager]]\nname = "a"\nurl = "http://"\n' + DOMAIN, 3, "alerts.alertmanager.url", "HOST"),
    "URL with a port that is none": ('[[alerts.heartbeat]]\nname = "h"\nurl = "http://127.0.0.1:99999/"\n' + DOMAIN, 3,
                                     "alerts.heartbeat.url", "1 to 65535"),
    "state nowhere": ('[agent]\nstate = ""\n' + DOMAIN, 2, "agent.state", ":memory:"),
    "badge for what is no domain": ('[badge]\nallow = ["a b"]\n' + DOMAIN, 2, "badge.allow", "*.example.com"),
    "label that alerts have": ('[[domain]]\nname = "example.com"\nlabels = {severity = "x"}\n', 3, "domain.labels", "our_severity"),
    "key of the top in a table": ('[agent]\nworkers = 1\ndomains_files = ["l.txt"]\n' + DOMAIN, 3, "agent.domains_files", "before the first"),
    "word that is near no other": ('[metrics]\nper_domain = "some"\n' + DOMAIN, 2, "metrics.per_domain", 'use one of "all", "failing", "none"'),
    "slip in a word": ('[metrics]\nper_domain = "Failin"\n' + DOMAIN, 2, "metrics.per_domain", 'use "failing"'),
    "too many targets": ('[probe]\nallow = ["*.test"]\n' + DOMAIN, 2, "probe.allow", "two labels"),
    "comma too many in a template": ('[[alerts.webhook]]\nname = "w"\nurl = "https://example.net/"\n'
                                     'body = \'{"a":"{{ title }}",}\'\n' + DOMAIN, 4, "alerts.webhook.body", "one too many"),
    "not UTF-8": (b'[agent]\nvantage = "\xff"\n' + DOMAIN.encode(), 2, "", ""),
}


class BadConfig(Case):
    def refused_by_config_check(self, path, *named):
        done = self.run_it("config", "check", path)
        said = f"{path}: exit code {done.returncode}, stdout {done.stdout}, stderr: {done.stderr}"
        self.assertEqual(done.returncode, 1, said)
        self.assertEqual(done.stdout, "", said)
        for name in named:
            self.assertIn(name, done.stderr, said)
        return done.stderr

    def test_each(self):
        for number, (why, (text, line, *named)) in enumerate(BAD.items()):
            path = self.file(f"{number}.toml", text)
            with self.subTest(why):
                self.refused_by_config_check(path, f"{path}:{line}:", *named)
                command = CHECK if number % 2 else ("run",)           # in turn: they read it alike
                self.refused((*command, "--config", path), CONFIG, f"{path}:{line}:", *named)

    def test_all_errors_at_once_each_on_its_line(self):
        path = self.file("c.toml", '[agent]\nworkers = 0\nlisten = 1\n[dns]\ntris = 2\n[[domain]]\nname = "x"\n')
        errors = self.refused_by_config_check(path).splitlines()
        self.assertEqual([error.split(":")[1] for error in errors], ["2", "3", "5", "7"])
        self.assertTrue(all(error.startswith(path) for error in errors), errors)

    def test_good(self):
        path = self.file("c.toml", DOMAIN)
        done = self.run_it("config", "check", path)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(path, done.stdout)


class NamedFiles(Case):
    """config check opens each file that is named, and says what in the configuration does nothing."""

    def test_what_cannot_be_read_is_said_with_its_line(self):
        gone = str(self.folder / "gone")
        secrets = {"alerts.email.password_file": '[[alerts.email]]\nname = "m"\nsmarthost = "127.0.0.1:25"\nusername = "u"\n'
                   f'password_file = "{gone}"\nfrom = "a@example.net"\nto = ["b@example.net"]\n',
                   "alerts.slack.api_url_file": f'[[alerts.slack]]\nname = "s"\napi_url_file = "{gone}"\n',
                   "alerts.webhook.hmac_secret_file": '[[alerts.webhook]]\nname = "w"\nurl = "https://example.net/"\n'
                   f'hmac_secret_file = "{gone}"\n',
                   "network.ca_file": f'[network]\nca_file = "{gone}"\n',
                   "network.elder_ca_file": f'[network]\nelder_ca_file = "{gone}"\n',
                   "tlsrpt.token_file": f'[tlsrpt]\nhttp = true\ntoken_file = "{gone}"\n',
                   "tlsrpt.maildir": f'[tlsrpt]\nmaildir = "{gone}"\n'}
        for key, text in secrets.items():
            with self.subTest(key):
                path = self.file("c.toml", DOMAIN + text)
                done = self.run_it("config", "check", path)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                named = next(l for l in text.splitlines() if gone in l)
                line, column = 1 + (DOMAIN + text).splitlines().index(named), 1 + named.index(f'"{gone}"')
                self.assertTrue(done.stderr.startswith(f"{path}:{line}:{column}: {key}: "), done.stderr)
                self.assertIn(gone, done.stderr)

    def test_a_secret_that_has_to_be_a_url_is_one(self):
        head = DOMAIN + '[[alerts.slack]]\nname = "s"\napi_url_file = "url"\n'
        webhook = DOMAIN + '[[alerts.webhook]]\nname = "w"\nurl_file = "url"\n'
        for text, key in ((head, "alerts.slack.api_url_file"), (webhook, "alerts.webhook.url_file")):
            path = self.file("c.toml", text)
            for wrong in ("xoxb-hush", "hush", "https:///hush", "http://127.0.0.1:99999/hush"):
                with self.subTest(key, wrong=wrong):
                    url = self.file("url", wrong + "\n")
                    done = self.run_it("config", "check", path)
                    self.assertEqual((done.returncode, done.stdout), (1, ""))
                    self.assertTrue(done.stderr.startswith(f"{path}:5:"), done.stderr)
                    self.assertIn(f": {key}: {url} holds what ", done.stderr)
                    self.assertNotIn("hush", done.stderr)
            self.file("url", "https://hooks.example.net/services/T/B/hush\n")
            self.assertEqual(self.run_it("config", "check", path).returncode, 0)

    def test_relative_files_are_beside_the_configuration_wherever_it_is_started(self):
        there = self.folder / "etc"
        there.mkdir()
        path = self.file("etc/c.toml", DOMAIN + '[agent]\nweb_config = "w.yml"\n[tlsrpt]\nhttp = true\ntoken_file = "token"\n')
        self.file("w.yml", "")                      # the folder that it is started in
        self.file("token", "s3cret\n")
        done = self.run_it("config", "check", "etc/c.toml")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn(f"etc/c.toml:4:14: agent.web_config: {there}/w.yml: cannot be read: No such file", done.stderr)
        self.assertIn(f"etc/c.toml:7:14: tlsrpt.token_file: {there}/token cannot be read: No such file", done.stderr)
        self.file("etc/w.yml", "http_server_config: {http2: false, headers: {X-Frame-Options: deny}}\n")
        self.file("etc/token", "s3cret\n")
        self.assertEqual(self.run_it("config", "check", path).returncode, 0)

    def test_a_state_that_is_no_store(self):
        state = self.file("s.db", "x" * 5000)
        path = self.file("c.toml", f'[agent]\nstate = "s.db"\n' + DOMAIN)
        done = self.run_it("config", "check", path)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn(f"{path}:2:9: agent.state: the store {state} is damaged or no store", done.stderr)
        self.refused(("run", "--listen", f"127.0.0.1:{free_port()}", "--config", path), CONFIG, state)

    def test_everything_that_is_wrong_is_said_in_one_run(self):
        gone = str(self.folder / "gone")
        text = (f'domains_files = ["{gone}.txt"]\n'                                # 1: a list
                '[agent]\nworkers = 0\n'                                          # 3: a value
                f'web_config = "{gone}.yml"\n'                                     # 4: a file of the service
                f'[network]\nca_file = "{gone}"\nhttp_port = 443\n'               # 6, 7: a file, an unknown key
                f'[tlsrpt]\nhttp = true\ntoken_file = "{gone}"\nmaildir = "{gone}"\n'  # 10, 11: the same name, two keys
                '[[domain]]\nname = "https://example.com"\n'                      # 13: a name
                '[[alerts.webhook]]\nname = "w"\nurl = "example.net"\n'           # 16: a URL
                f'hmac_secret_file = "{gone}"\n')                                  # 17: a secret
        path = self.file("c.toml", text)
        done = self.run_it("config", "check", path)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        said = done.stderr.splitlines()
        self.assertEqual([(line.split(":")[1], next(w for w in line.split(": ")[1:])) for line in said],
                         [("1", "domains_files"), ("3", "agent.workers"), ("4", "agent.web_config"), ("6", "network.ca_file"),
                          ("7", "network.http_port"), ("10", "tlsrpt.token_file"), ("11", "tlsrpt.maildir"), ("13", "domain.name"),
                          ("16", "alerts.webhook.url"), ("17", "alerts.webhook.hmac_secret_file")], done.stderr)
        self.assertTrue(all(line.startswith(path + ":") for line in said), done.stderr)

    def test_lists_are_opened(self):
        path = self.file("c.toml", '[[domains]]\nfile = "gone.txt"\n')
        done = self.run_it("config", "check", path)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn(f'{self.folder / "gone.txt"}: cannot be read: No such file', done.stderr)
        self.file("none.txt", "")
        done = self.run_it("config", "check", self.file("c.toml", DOMAIN + '[[domains]]\nfile = "none.txt"\n'))
        self.assertEqual(done.returncode, 0)
        self.assertIn("none.txt: names no domain", done.stderr)

    def test_of_body_and_body_file_one_is_blamed(self):
        path = self.file("c.toml", DOMAIN + '[[alerts.webhook]]\nname = "w"\nurl = "https://example.net/"\n'
                                            "body = \'{{ titel }}\'\nbody_file = \"gone\"\n")
        done = self.run_it("config", "check", path)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual([line.removeprefix(path).split(": ")[:2] for line in done.stderr.splitlines()],
                         [[":6:8", "alerts.webhook.body"], [":7:13", "alerts.webhook.body_file"]], done.stderr)

    def test_a_folder_is_no_maildir(self):
        path = self.file("c.toml", f'[tlsrpt]\nmaildir = "{self.folder}"\n' + DOMAIN)
        done = self.run_it("config", "check", path)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn(f"{path}:2:11: tlsrpt.maildir: {self.folder} is no Maildir", done.stderr)

    def test_addresses_are_told_as_they_are_typed(self):
        done = self.run_it("config", "check", self.file("c.toml", '[agent]\nlisten = "[::]:9461"\n' + DOMAIN))
        self.assertIn("listening on [::]:9461,", done.stdout)

    @unittest.skipUnless(os.geteuid() == 0, "only root may give files away")
    def test_root_hears_of_a_secret_that_the_service_cannot_read(self):
        secret = self.file("secret", "hush\n")
        state = self.folder / "state"
        state.mkdir()
        path = self.file("c.toml", f'[agent]\nstate = "{state}/s.db"\n' + DOMAIN +
                         f'[[alerts.webhook]]\nname = "w"\nurl = "https://example.net/"\nhmac_secret_file = "{secret}"\n')
        nobody = pwd.getpwnam("nobody")
        for owner, group, mode, warned in ((0, 0, 0o600, True), (0, 0, 0o640, True), (0, nobody.pw_gid, 0o640, False),
                                           (nobody.pw_uid, 0, 0o400, False)):
            with self.subTest(owner=owner, group=group, mode=oct(mode)):
                os.chown(state, nobody.pw_uid, nobody.pw_gid)
                os.chown(secret, owner, group)
                os.chmod(secret, mode)
                done = self.run_it("config", "check", path)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual("cannot be read by nobody" in done.stderr, warned, done.stderr)
                self.assertEqual(f"{path}:8:20: alerts.webhook.hmac_secret_file: " in done.stderr, warned, done.stderr)

    def test_a_command_is_run_when_that_is_asked_for(self):
        path = self.file("c.toml", 'domains_command = ["sh", "-c", "touch ran; echo a.example; echo b.example"]\n')
        done = self.run_it("config", "check", path)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("0 domains and those that domains_command prints", done.stdout)
        self.assertNotIn("names no domain", done.stdout)
        self.assertFalse((self.folder / "ran").exists())
        done = self.run_it("config", "check", "--run-command", path)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("valid: 2 domains, ", done.stdout)
        self.assertTrue((self.folder / "ran").exists())
        path = self.file("c.toml", 'domains_command = ["./gone"]\n')
        done = self.run_it("config", "check", path)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertTrue(done.stderr.startswith(f"{path}:1:20: domains_command: "), done.stderr)
        path = self.file("c.toml", 'domains_command = ["echo", "no name"]\n')
        done = self.run_it("config", "check", "--run-command", path)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("domains_command:1:1: ", done.stderr)

    def test_what_has_no_effect_is_a_warning(self):
        for text, words in {
                '[[silence]]\ndomain = "a.example"\nuntil = "2020-01-01T00:00:00Z"\n': "is over",
                "[expiry]\nwarn_days = 7\ncrit_days = 9\n": "c.toml:4:13: expiry.warn_days: warn_days = 7 has no effect",
                '[badge]\nallow = ["*.example.org"]\n': "badge.allow: no domain that is watched fits",
                '[[alerts.alertmanager]]\nname = "a"\nurl = "http://am:9093/api/v2/alerts"\n': 'end it before "/api"',
                "[badge]\npublic = true\n": 'badge.public: has no effect without "allow"',
                '[[alerts.email]]\nname = "m"\nsmarthost = "127.0.0.1:25"\nauth = "plain"\nfrom = "a@example.net"\n'
                'to = ["b@example.net"]\n': 'alerts.email.auth: has no effect without "username"',
                f'[agent]\nweb_config = "{self.file("w.yml", "")}"\n': "w.yml has no effect: it asks for no password",
                '[[silence]]\ncomment = "quiet"\n': "nobody is told anything, without an end",
                '[[silence]]\ncode = "certificate-expird"\n': 'no finding has this code; did you mean "certificate-expired"?',
                '[[silence]]\ndomain = "*.elsewhere.example"\n': "no domain that is watched fits",
                '[[planned]]\ndomain = "other.example"\nfrom = "2020-01-01T00:00:00Z"\nuntil = "2090-01-01T00:00:00Z"\n':
                    "is not watched"}.items():
            with self.subTest(words):
                done = self.run_it("config", "check", self.file("c.toml", DOMAIN + text))
                self.assertEqual(done.returncode, 0)
                self.assertIn("stswatch: warning: ", done.stderr)
                self.assertIn(words, done.stderr)

    def test_names_fit_in_every_spelling(self):
        names = '[badge]\nallow = ["münchen.de", "*.Example.COM."]\n' + "".join(f'[[domain]]\nname = "{n}"\n' for n in ("münchen.de", "s19.test"))
        for fits in ("münchen.de", "MÜNCHEN.de.", "xn--mnchen-3ya.de", "S19.test.", "*.test", "m?nchen.de"):
            with self.subTest(fits):
                text = names + f'[[silence]]\ndomain = "{fits}"\nuntil = "2090-01-01T00:00:00Z"\n'
                done = self.run_it("config", "check", self.file("c.toml", text))
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual("silence.domain: no domain that is watched fits" in done.stderr, fits == "m?nchen.de", done.stderr)
        text = names + '[[silence]]\ndomain = "*mün.de"\n'
        done = self.run_it("config", "check", self.file("c.toml", text))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"silence\.domain: .* is no glob of names")

    def test_routes_and_domains_of_a_receiver(self):
        head = DOMAIN + '[[alerts.webhook]]\nname = "w"\nurl = "https://example.net/"\n'
        good = self.file("c.toml", head + 'routes = ["page", "log"]\ndomains = ["*.example.com"]\n')
        self.assertEqual(self.run_it("config", "check", good).returncode, 0)
        for line, word in {'routes = ["pager"]': '"page"', "routes = []": "nothing", "domains = []": "nothing"}.items():
            with self.subTest(line):
                done = self.run_it("config", "check", self.file("c.toml", head + line + "\n"))
                self.assertEqual(done.returncode, 1)
                self.assertIn(word, done.stderr)


class UnreadableConfig(Case):
    def each(self, path, *named, **how):
        done = self.run_it("config", "check", path, **how)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(path, done.stderr)
        for command in (("run",), CHECK):
            self.refused((*command, "--config", path), CONFIG, path, *named, **how)

    def test_missing(self):
        self.each(str(self.folder / "gone.toml"), "No such file")

    def test_a_folder(self):
        self.each(str(self.folder), "folder")

    def test_below_a_file(self):
        self.each(self.file("c.toml", DOMAIN) + "/c.toml", "Not a directory")

    def test_a_socket(self):
        path = str(self.folder / "socket")
        with socket.socket(socket.AF_UNIX) as here:
            here.bind(path)
            self.each(path)

    def test_not_ours(self):
        path = self.file("c.toml", DOMAIN)
        os.chmod(path, 0)
        # Root may read everything, unless it gives that up.
        before = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
        self.each(path, "Permission denied", before=before)

    def test_empty_file_has_no_domain(self):
        path = self.file("c.toml", "")
        self.refused(("run", "--config", path), CONFIG, "domain")

    def test_lists_without_a_name(self):
        self.file("list.txt", "# none\n")
        path = self.file("c.toml", 'domains_files = ["list.txt"]\n')
        self.refused(("run", "--config", path), CONFIG, "domain")

    def test_list_that_is_missing(self):
        path = self.file("c.toml", 'domains_files = ["gone.txt"]\n')
        self.refused(("run", "--config", path), CONFIG, "gone.txt")

    def test_list_with_a_bad_name(self):
        bad = self.file("list.txt", "example.com\nno name\n")
        path = self.file("c.toml", 'domains_files = ["list.txt"]\n')
        self.refused(("run", "--config", path), CONFIG, f"{bad}:2:")

    def test_by_environment(self):
        self.refused(("run",), CONFIG, "gone.toml", env={"STSWATCH_CONFIG": str(self.folder / "gone.toml")})


if __name__ == "__main__":
    unittest.main()
