"""generate: the texts to publish for the mail hosts as they are, and when there are none to print."""
import http.server
import json
import re
import socket
import threading
import unittest

from harness import USAGE, Case, free_port
from name_server import A, MX, TXT, NameServer, mx, txt
from receivers import make_certificate, server_context

WARNED, NOTHING, UNKNOWN = 1, 2, 3
LOOPBACK = socket.inet_aton("127.0.0.1")
TABLE = {
    ("two.example", MX): [mx(20, "mx2.two.example"), mx(10, "MX1.two.example"), mx(30, "mx2.two.example")],
    ("mx1.two.example", A): [LOOPBACK],
    ("mx2.two.example", A): [LOOPBACK],
    ("_smtp._tls.two.example", TXT): [txt("v=TLSRPTv1; rua=mailto:seen@two.example")],
    ("null.example", MX): [mx(0, ".")],
    ("bare.example", A): [LOOPBACK],
    ("bare.example", TXT): [txt("v=spf1 -all")],
    ("empty.example", TXT): [txt("v=spf1 -all")],
    ("odd.example", MX): [mx(10, "under_score.odd.example")],
    ("broken.example", MX): None,
}


class Generated(Case):
    def setUp(self):
        super().setUp()
        server = self.enterContext(NameServer(TABLE))
        ports = ("--smtp-port", str(free_port()), "--https-port", str(free_port()))
        self.options = ("--resolver", server.address, "--allow-private", "--timeout", "5s", *ports)

    def generate(self, *arguments):
        return self.run_it("generate", *arguments, *self.options)


class Generate(Generated):
    def made(self, *arguments):
        done = self.generate("--json", *arguments)
        self.assertEqual((done.returncode, done.stderr), (WARNED, ""))
        return json.loads(done.stdout)

    def test_the_policy_to_the_octet(self):
        made = self.made("two.example")
        self.assertEqual(made["policy"], "version: STSv1\nmode: testing\nmx: mx1.two.example\nmx: mx2.two.example\n"
                                         "max_age: 604800\n")
        self.assertEqual(made["policy_url"], "https://mta-sts.two.example/.well-known/mta-sts.txt")

    def test_what_it_prints_passes_lint(self):
        for mode in ("testing", "enforce", "none"):
            made = self.made("two.example", "--mode", mode)
            policy = self.file("mta-sts.txt", made["policy"])
            hosts = ("--mx", "mx1.two.example", "--mx", "mx2.two.example")
            self.assertEqual(self.run_it("lint", "policy", policy, *hosts).returncode, 0, made["policy"])
            texts = {record["name"]: record["text"] for record in made["records"]}
            self.assertEqual(self.run_it("lint", "sts-record", texts["_mta-sts.two.example"]).returncode, 0)
            self.assertEqual(self.run_it("lint", "tlsrpt-record", texts["_smtp._tls.two.example"]).returncode, 0)

    def test_the_id_is_the_time(self):
        made = self.made("two.example")
        self.assertRegex(made["id"], r"^20\d{6}T\d{6}Z$")
        self.assertEqual(made["records"][0]["text"], f"v=STSv1; id={made['id']};")

    def test_reports_go_where_they_go_now_or_where_told(self):
        self.assertEqual(self.made("two.example")["records"][1]["text"], "v=TLSRPTv1; rua=mailto:seen@two.example")
        self.assertEqual(self.made("two.example", "--rua", "mailto:me@example.com")["records"][1]["text"],
                         "v=TLSRPTv1; rua=mailto:me@example.com")
        self.assertEqual(self.made("bare.example")["records"][1]["text"], "v=TLSRPTv1; rua=mailto:tlsrpt@bare.example")
        for bad in ("me@example.com", "http://example.com/", "mailto:a@b.example,mailto:c@d.example"):
            self.refused(("generate", "two.example", f"--rua={bad}", *self.options), USAGE, "--rua")

    def test_numbers(self):
        self.assertIn("max_age: 86400\n", self.made("two.example", "--mode", "none")["policy"])
        self.assertIn("max_age: 1234\n", self.made("two.example", "--max-age", "1234")["policy"])
        self.refused(("generate", "two.example", "--max-age", "31557601", *self.options), USAGE, "31557601")

    def test_a_host_that_could_not_be_judged_is_a_warning(self):
        done = self.generate("two.example")
        self.assertEqual(done.returncode, WARNED)
        self.assertEqual(re.findall(r"^stswatch: warning: (\S+) could not be judged", done.stderr, re.MULTILINE),
                         ["mx1.two.example", "mx2.two.example"])
        self.assertIn("\nmx: mx1.two.example\n", done.stdout)
        self.assertIn('_mta-sts.two.example. 3600 IN TXT "v=STSv1; id=', done.stdout)

    def test_the_implicit_mx(self):
        self.assertIn("\nmx: bare.example\n", self.made("bare.example")["policy"])

    def test_nothing_to_publish(self):
        for domain, word in {"null.example": "null MX", "empty.example": "neither MX nor address",
                             "gone.example": "neither MX nor address", "odd.example": "under_score"}.items():
            with self.subTest(domain):
                self.refused(("generate", domain, *self.options), NOTHING, domain, word)

    def test_unknown_is_not_nothing(self):
        self.refused(("generate", "broken.example", *self.options), UNKNOWN, "broken.example", "again")


POLICY = "version: STSv1\r\nmode: enforce\r\nmx: *.two.example\r\nmax_age: 1209600\r\n"


class PolicyHost(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.server.policy.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Published(Case):
    """What is served and announced now stays, unless somebody asks for something else."""

    def setUp(self):
        super().setUp()
        pair = make_certificate(self.folder, "mta-sts.two.example")
        host = http.server.ThreadingHTTPServer(("127.0.0.1", 0), PolicyHost)
        host.socket = server_context(pair).wrap_socket(host.socket, server_side=True)
        host.daemon_threads, host.policy = True, POLICY
        threading.Thread(target=host.serve_forever, daemon=True).start()
        self.addCleanup(host.server_close)
        self.addCleanup(host.shutdown)
        self.host = host
        table = TABLE | {("_mta-sts.two.example", TXT): [txt("v=STSv1; id=20250101K;")],
                         ("mta-sts.two.example", A): [LOOPBACK]}
        server = self.enterContext(NameServer(table))
        self.options = ("--resolver", server.address, "--allow-private", "--timeout", "5s", "--ca-file", pair[0],
                        "--smtp-port", str(free_port()), "--https-port", str(host.server_address[1]))

    def made(self, *arguments):
        done = self.run_it("generate", "--json", "two.example", *arguments, *self.options)
        self.assertEqual((done.returncode, done.stderr), (WARNED, ""))
        return json.loads(done.stdout)

    def test_gen1_mode_max_age_and_id_are_kept(self):
        made = self.made()
        self.assertEqual(made["policy"], POLICY.replace("\r", ""))
        self.assertEqual(made["id"], "20250101K")
        self.assertEqual(made["records"][0]["text"], "v=STSv1; id=20250101K;")
        self.assertIn("nothing has to change", made["notes"][0])

    def test_what_changes_is_said_and_has_a_new_id(self):
        made = self.made("--mode", "testing", "--max-age", "86400")
        self.assertNotEqual(made["id"], "20250101K")
        self.assertIn("mode enforce -> testing; max_age 1209600 -> 86400", made["notes"][0])
        self.assertIn("mx: *.two.example\n", made["policy"])

    def test_a_policy_that_only_lenient_senders_read_keeps_its_mode(self):
        self.host.policy = POLICY.replace("mode:", "\r\nmode:").replace("*.two.example", "*.two.example\r\nmx: mx1.two.example")
        made = self.made()
        self.assertIn("mode: enforce\n", made["policy"])
        self.assertNotEqual(made["id"], "20250101K")
        self.assertIn("not every sender can read it so", made["notes"][0])

    def test_where_the_policy_cannot_be_read_the_mode_is_asked_for(self):
        unknown = (*self.options[:-1], str(free_port()))
        self.refused(("generate", "two.example", *unknown), NOTHING, "--mode", "could not be read")
        done = self.run_it("generate", "--json", "two.example", "--mode", "enforce", *unknown)
        self.assertIn("mode: enforce\n", json.loads(done.stdout)["policy"])

    def test_no_date_is_claimed_without_memory(self):
        made = self.made("--mode", "none")
        self.assertTrue(any("--retire" in note for note in made["notes"]), made["notes"])
        self.assertFalse(any("20" in note and "Z" in note for note in made["notes"] if "--retire" in note), made["notes"])

    def test_a_host_that_is_missing_joins_and_one_that_has_gone_leaves(self):
        self.host.policy = POLICY.replace("*.two.example", "mx1.two.example\r\nmx: old.two.example")
        made = self.made()
        self.assertIn("mode: enforce\nmx: mx1.two.example\nmx: mx2.two.example\n", made["policy"])
        self.assertIn("mx mx2.two.example added; mx old.two.example removed", made["notes"][0])


class Formats(Generated):
    def pasted(self, form):
        done = self.generate("two.example", "--format", form)
        self.assertEqual(done.returncode, WARNED)
        return done.stdout

    def test_zone_file(self):
        zone = self.pasted("zone")
        rows = [line for line in zone.splitlines() if not line.startswith(";")]
        self.assertRegex(rows[0], r'^_mta-sts\.two\.example\. 3600 IN TXT "v=STSv1; id=\w+;"$')
        self.assertEqual(rows[1:], ['_smtp._tls.two.example. 3600 IN TXT "v=TLSRPTv1; rua=mailto:seen@two.example"'])
        self.assertIn("; mx: mx1.two.example\n", zone)

    def test_dnscontrol(self):
        self.assertRegex(self.pasted("dnscontrol"), r'\nTXT\("_mta-sts", "v=STSv1; id=\w+;", TTL\(3600\)\),\n')

    def test_nginx(self):
        server = self.pasted("nginx")
        self.assertIn("server_name mta-sts.two.example;", server)
        self.assertIn('return 200 "version: STSv1\\nmode: testing\\nmx: mx1.two.example\\n', server)
        self.assertEqual(server.count("{"), server.count("}"))

    def test_caddy(self):
        self.assertIn("respond `version: STSv1\nmode: testing\nmx: mx1.two.example\n", self.pasted("caddy"))

    def test_a_format_that_is_none(self):
        self.refused(("generate", "two.example", "--format", "bind", *self.options), USAGE, "bind")


if __name__ == "__main__":
    unittest.main()
