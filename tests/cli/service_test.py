"""`stswatch run`: starts, answers, reloads, and ends when it is told to."""
import concurrent.futures
import http.client
import json
import signal
import socket
import subprocess
import time
import unittest
from pathlib import Path

from harness import CONFIG, ESCAPE, NOBODY, SECONDS, USAGE, Case, Service, free_port, get, need, post


class RunCase(Case):
    def config(self, port, names=("example.com",), more=""):
        domains = "".join(f'[[domain]]\nname = "{name}"\n' for name in names)
        return self.file("c.toml", f'[agent]\nlisten = "127.0.0.1:{port}"\nstate = ":memory:"\n'
                                   f'[dns]\nservers = ["{NOBODY}"]\ntimeout = "1s"\ntries = 1\n{more}{domains}')

    def service(self, arguments=(), env=None, **how):
        port = free_port()
        return self.enterContext(Service(*arguments, "--config", self.config(port, **how), port=port, folder=self.folder,
                                         env=env))


class Running(RunCase):
    def test_answers(self):
        service = self.service()
        for path, word in (("/-/healthy", "healthy"), ("/-/ready", "ready"), ("/metrics", "stswatch_build_info")):
            status, body = get(service.port, path)
            self.assertEqual(status, 200, path)
            self.assertIn(word, body)
        self.assertEqual(get(service.port, "/no-such-page")[0], 404)

    def coding(self, port, path, *accepted):
        """The Content-Encoding of an answer to one who sends these lines."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        try:
            connection.putrequest("GET", path, skip_accept_encoding=True)
            for each in accepted:
                connection.putheader("Accept-Encoding", each)
            connection.endheaders()
            answer = connection.getresponse()
            answer.read()
            return answer.getheader("Content-Encoding")
        finally:
            connection.close()

    def test_gzip_only_for_those_who_take_it(self):
        port = self.service().port
        for path in ("/metrics", "/-/healthy", "/", "/api/v1/domains", "/style.css", "/no-such-page"):
            for accepted in ((), ("gzip;q=0",), ("br;q=0, gzip; q=0.000",), ("identity", "GZIP;q=0"), ("br",)):
                with self.subTest(path=path, accepted=accepted):
                    self.assertIsNone(self.coding(port, path, *accepted))
        for accepted in (("gzip",), ("deflate, gzip;q=0.5",), ("br", "gzip")):
            with self.subTest(accepted=accepted):
                self.assertEqual(self.coding(port, "/metrics", *accepted), "gzip")

    def test_health_asks_it(self):
        service = self.service()
        proxy = {"http_proxy": "http://127.0.0.1:1"}       # it is asked itself, whatever stands before the rest of the world
        for page in ("healthy", "ready"):
            done = self.run_it("health", "--url", f"http://127.0.0.1:{service.port}/-/{page}", env=proxy)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertRegex(done.stdout, rf"^HTTP 200: stswatch is {page}(; .*)?\n$")
        done = self.run_it("health", env={"STSWATCH_HEALTH_URL": f"http://127.0.0.1:{service.port}/no-such-page"})
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("not healthy: HTTP 404", done.stderr)
        done = self.run_it("health", "--url", f"http://127.0.0.1:{free_port()}/-/healthy")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("not healthy: ", done.stderr)

    @need("promtool")
    def test_metrics_pass_promtool(self):
        service = self.service(names=("example.com", "bücher.example"))
        service.metrics_with('domain="example.com"')
        metrics = service.metrics_with('domain="xn--bcher-kva.example"')
        done = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_what_is_unknown_is_no_fault(self):
        metrics = self.service().metrics_with('domain="example.com"')
        self.assertNotRegex(metrics, r'stswatch_finding{[^}]*severity="(warning|critical)"')
        self.assertRegex(metrics, r'stswatch_domain_status{[^}]*status="unknown"} 1')

    def test_ends_on_a_signal(self):
        for sign in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(sign):
                code, out, seconds = self.service().stop(sign)
                self.assertEqual((code, out), (0, ""))
                self.assertLess(seconds, 10)

    def test_ends_in_the_middle_of_its_looks(self):
        names = [f"d{number}.example" for number in range(200)]
        code, _, seconds = self.service(names=names).stop(signal.SIGTERM)
        self.assertEqual(code, 0)
        self.assertLess(seconds, 10)

    def test_log_goes_to_stderr_without_colours(self):
        service = self.service()
        service.stop(signal.SIGTERM)
        self.assertIn(f"127.0.0.1:{service.port}", service.said())
        self.assertNotIn(ESCAPE, service.said())

    def test_json_log_is_one_object_a_line(self):
        service = self.service(arguments=("--log-format", "json"))
        self.file("c.toml", '[agnet]\n"quoted \\"key\\"" = 1\n')
        service.process.send_signal(signal.SIGHUP)
        service.metrics_with("stswatch_config_last_reload_successful 0")
        service.stop(signal.SIGTERM)
        lines = [json.loads(line) for line in service.said().splitlines()]
        for line in lines:
            self.assertEqual(tuple(line)[:4], ("time", "level", "message", "event"), line)
            self.assertLessEqual(set(tuple(line)[4:]), {"domain", "code", "subject", "receiver"}, line)
        self.assertIn("started", [line["event"] for line in lines])
        self.assertEqual(lines[-1]["event"], "stopping")
        (refusal,) = (line for line in lines if line["level"] == "error")
        self.assertIn("agnet", refusal["message"])
        self.assertEqual(refusal["event"], "reload-refused")

    def test_log_level(self):
        said = {}
        for level in ("debug", "info", "warning"):
            service = self.service(arguments=("--log-format", "json", "--log-level", level))
            service.metrics_with('domain="example.com"')
            service.stop(signal.SIGTERM)
            said[level] = [json.loads(line) for line in service.said().splitlines()]
        (look, *_) = (line for line in said["debug"] if line["event"] == "looked")
        self.assertEqual((look["domain"], look["level"]), ("example.com", "debug"))
        self.assertNotIn("debug", {line["level"] for line in said["info"]})
        self.assertIn("started", {line["event"] for line in said["info"]})
        self.assertLessEqual({line["level"] for line in said["warning"]}, {"warning", "error"})

    def test_reload(self):
        service = self.service()
        self.config(service.port, names=("example.com", "second.example"))
        service.process.send_signal(signal.SIGHUP)
        service.metrics_with('domain="second.example"')

    def test_reload_over_http_tells_what_is_wrong(self):
        service = self.service()
        self.assertEqual(post(service.port, "/-/reload")[0], 200)
        self.file("c.toml", "[agnet]\n")
        status, body = post(service.port, "/-/reload")
        self.assertEqual(status, 500)
        self.assertIn("agnet", body)

    def test_domains_files_are_read_again(self):
        names = self.file("names.txt", "first.example\nleaves.example\n")
        port = free_port()
        config = self.file("c.toml", f'domains_files = ["names.txt"]\n[agent]\nlisten = "127.0.0.1:{port}"\nstate = ":memory:"\n'
                                     f'[dns]\nservers = ["{NOBODY}"]\ntimeout = "1s"\ntries = 1\n')
        service = self.enterContext(Service("--config", config, port=port, folder=self.folder))
        service.metrics_with('domain="leaves.example"')
        self.file("names.txt", "first.example\ncomes.example\n")
        self.assertEqual(post(port, "/-/reload")[0], 200)
        self.assertNotIn("leaves.example", get(port, "/metrics")[1])     # at once
        self.assertEqual(get(port, "/api/v1/domains/leaves.example")[0], 404)
        service.metrics_with('domain="comes.example"')
        self.file("names.txt", "not a name\n")
        status, body = post(port, "/-/reload")
        self.assertEqual((status, "names.txt:1" in body), (500, True), body)
        self.assertIn('domain="comes.example"', get(port, "/metrics")[1])

    def lists(self, top, more=""):
        """A service with this at the top of its configuration, and the way to write it anew."""
        port = free_port()
        config = self.file("c.toml", f'{top}[agent]\nlisten = "127.0.0.1:{port}"\nstate = ":memory:"\n'
                                     f'[dns]\nservers = ["{NOBODY}"]\ntimeout = "1s"\ntries = 1\n{more}')
        return self.enterContext(Service("--config", config, port=port, folder=self.folder))

    def test_lists_with_labels(self):
        self.file("sd.json", '[{"targets": ["a.example"], "labels": {"site": "fra", "__meta_x": "y"}}, {"targets": ["b.example"]}]')
        service = self.lists("", '[[domains]]\nfile = "sd.json"\nlabels = {team = "mail"}\n'
                                 '[[domain]]\nname = "b.example"\nlabels = {team = "own", cost_centre = "7"}\n')
        metrics = service.metrics_with('stswatch_domain_labels{domain="a.example"')
        self.assertIn('stswatch_domain_labels{domain="a.example",label_site="fra",label_team="mail"} 1', metrics)
        metrics = service.metrics_with('stswatch_domain_labels{domain="b.example"')
        self.assertIn('stswatch_domain_labels{domain="b.example",label_cost_centre="7",label_team="own"} 1', metrics)
        self.assertRegex(metrics, r"(?m)^process_cpu_seconds_total \d")
        self.assertRegex(metrics, r"(?m)^process_open_fds [1-9]")
        self.file("sd.json", '[{"targets": ["c.example"]}]')
        self.assertEqual(post(service.port, "/-/reload")[0], 200)
        service.metrics_with('stswatch_domain_labels{domain="c.example",label_team="mail"} 1')
        self.file("sd.json", '[{"targets": ["c.example:25"]}]')
        status, body = post(service.port, "/-/reload")
        self.assertEqual((status, "sd.json: [0].targets[0]: " in body), (500, True), body)

    def test_a_list_that_is_empty_all_at_once_is_not_believed(self):
        for key, top, more in (("domains_files", 'domains_files = ["names.txt"]\n', ""),
                               ("domains", "", '[[domains]]\nfile = "names.txt"\n'),
                               ("domains_command", 'domains_command = ["cat", "names.txt"]\n', "")):
            with self.subTest(key):
                self.file("names.txt", "a.example\nb.example\n")
                other = '[[domain]]\nname = "other.example"\n'
                service = self.lists(top, more + other)
                service.metrics_with('domain="a.example"')
                self.file("names.txt", "# nothing\n")
                status, body = post(service.port, "/-/reload")
                self.assertEqual(status, 500)
                self.assertIn("names no domain, where it named 2", body)
                self.assertIn('domain="a.example"', service.metrics_with("stswatch_config_last_reload_successful 0"))
                config = (self.folder / "c.toml").read_text()
                self.file("c.toml", config.replace(top or more, ""))      # this is how it is meant
                self.assertEqual(post(service.port, "/-/reload")[0], 200)
                self.assertNotIn('domain="a.example"', get(service.port, "/metrics")[1])

    def test_reloads_that_hang_end_with_the_service(self):
        hanging = 'domains_command = ["sh", "-c", "test ! -e hang || exec sleep 600; echo a.example"]\n'
        for how in ("requests whose clients have gone", "a signal"):
            with self.subTest(how):
                (self.folder / "hang").unlink(missing_ok=True)
                service = self.lists(hanging)
                self.file("hang", "")
                if how == "a signal":
                    service.process.send_signal(signal.SIGHUP)
                else:
                    for _ in range(4):
                        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as client:
                            client.sendall(b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
                            time.sleep(0.2)              # it is under way before its client goes
                end = time.monotonic() + 10
                while not any(self.is_child(pid, service.process.pid) for pid in Path("/proc").glob("[0-9]*")):
                    self.assertLess(time.monotonic(), end)
                    time.sleep(0.05)
                code, _, seconds = service.stop(signal.SIGTERM)
                self.assertEqual(code, 0)
                self.assertLess(seconds, 10)

    def test_a_command_that_hangs_at_the_start_ends_with_the_service(self):
        port = free_port()
        config = self.file("c.toml", f'domains_command = ["sleep", "600"]\n[agent]\nlisten = "127.0.0.1:{port}"\nstate = ":memory:"\n')
        service = Service("--config", config, port=port, folder=self.folder)
        service.ready = lambda: any(self.is_child(pid, service.process.pid) for pid in Path("/proc").glob("[0-9]*"))
        code, _, seconds = self.enterContext(service).stop(signal.SIGTERM)
        self.assertEqual(code, 0, service.said())
        self.assertLess(seconds, 10)

    def test_reloads_that_are_asked_for_together_are_one(self):
        service = self.lists('domains_command = ["sh", "-c", "echo run >>runs; sleep 1; echo a.example"]\n')
        with concurrent.futures.ThreadPoolExecutor(12) as askers:
            answers = list(askers.map(lambda _: post(service.port, "/-/reload"), range(12)))
        self.assertEqual({status for status, _ in answers}, {200})
        self.assertLess((self.folder / "runs").read_text().count("run"), 1 + 12 / 2)     # one is the start

    def test_a_command_names_the_domains(self):
        self.file("names.txt", "a.example\n")
        service = self.lists('domains_command = ["sh", "-c", "test ! -e broken || { echo no table >&2; exit 3; }; cat names.txt"]\n')
        service.metrics_with('domain="a.example"')
        self.file("names.txt", '[{"targets": ["b.example"]}]')
        service.process.send_signal(signal.SIGHUP)
        self.assertNotIn('domain="a.example"', service.metrics_with('domain="b.example"'))
        self.file("broken", "")
        status, body = post(service.port, "/-/reload")
        self.assertEqual(status, 500)
        self.assertIn("domains_command: sh: exit code 3: no table", body)
        metrics = service.metrics_with("stswatch_config_last_reload_successful 0")
        self.assertIn('domain="b.example"', metrics)
        (self.folder / "broken").unlink()
        self.assertEqual(post(service.port, "/-/reload")[0], 200)
        children = [pid for pid in Path("/proc").glob("[0-9]*") if self.is_child(pid, service.process.pid)]
        self.assertEqual(children, [])                                    # no zombie either

    @staticmethod
    def is_child(proc, of):
        try:
            return int((proc / "stat").read_text().rpartition(")")[2].split()[1]) == of
        except (OSError, ValueError):
            return False

    def test_a_command_that_fails_at_the_start(self):
        path = self.file("c.toml", 'domains_command = ["sh", "-c", "echo no table >&2; exit 3"]\n')
        self.refused(("run", "--config", path), CONFIG, f"{path}:1:19: domains_command: sh: exit code 3: no table")
        path = self.file("c.toml", 'domains_command = ["no-such-program-here"]\n')
        self.refused(("run", "--config", path), CONFIG, "no-such-program-here: cannot be run: No such file")
        path = self.file("c.toml", 'domains_command = ["true"]\n')
        self.refused(("run", "--config", path), CONFIG, "no domain to watch")

    def test_what_needs_a_restart_is_said(self):
        service = self.service()
        self.config(free_port())
        self.assertEqual(post(service.port, "/-/reload")[0], 200)
        self.assertRegex(service.said(), "agent.listen has changed.*restart")

    def test_the_log_as_json(self):
        port = free_port()
        service = self.enterContext(Service("--log-format", "json", "--config", self.config(port), port=port, folder=self.folder))
        self.file("c.toml", '[agent]\nlisten = "a\\"b"\n')
        post(port, "/-/reload")
        service.stop(signal.SIGTERM)
        lines = [json.loads(line) for line in service.said().splitlines()]
        self.assertIn("reload refused", [line["message"] for line in lines if line["level"] == "error"][0])

    def test_bad_reload_changes_nothing(self):
        service = self.service()
        service.metrics_with('domain="example.com"')
        self.file("c.toml", "[agnet]\n")
        service.process.send_signal(signal.SIGHUP)
        metrics = service.metrics_with("stswatch_config_last_reload_successful 0")
        self.assertIn('domain="example.com"', metrics)
        self.assertIn("agnet", service.said())
        self.assertEqual(service.stop(signal.SIGTERM)[0], 0)

    def test_hostile_requests_do_no_harm(self):
        service = self.service()
        for request in (b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
                        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", b"POST /-/reload HTTP/1.1\r\nContent-Length: -1\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
                try:
                    connection.sendall(request)
                    connection.shutdown(socket.SHUT_WR)
                    connection.recv(1024)
                except OSError:
                    pass
        self.assertEqual(get(service.port, "/-/healthy")[0], 200)

    def test_a_post_that_announces_no_body_has_none(self):
        """RFC 9112, 6.3; as `curl -X POST` sends it."""
        service = self.service()
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
            connection.sendall(b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertIn(b"200 OK", connection.recv(1024))
        self.assertLess(time.monotonic() - began, 8, "it was waited for a body")

    def test_the_body_of_a_refused_request_is_not_the_next_one(self):
        service = self.service()
        hidden = b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n"
        with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
            connection.sendall(b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\nContent-Length: "
                               + str(len(hidden)).encode() + b"\r\n\r\n" + hidden)
            answer = b""
            while more := connection.recv(4096):
                answer += more
        self.assertEqual((answer.count(b"HTTP/1.1"), answer[9:12]), (1, b"403"), answer)

    def test_what_a_page_of_another_site_sends_is_refused(self):
        service = self.service()
        host = f"http://127.0.0.1:{service.port}"
        for headers, status in (({"Sec-Fetch-Site": "cross-site"}, 403), ({"Sec-Fetch-Site": "same-site"}, 403),
                                ({"Sec-Fetch-Site": "same-origin"}, 200), ({"Origin": "https://elsewhere.example"}, 403),
                                ({"Origin": "null"}, 403), ({"Origin": host}, 200), ({}, 200)):
            with self.subTest(headers):
                self.assertEqual(get(service.port, "/-/reload", data=b"", headers=headers)[0], status)
        self.assertEqual(get(service.port, "/-/healthy", headers={"Sec-Fetch-Site": "cross-site"})[0], 200)

    def test_ends_although_clients_hold_on(self):
        service = self.service()
        for request in (b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /metr", b""):
            client = self.enterContext(socket.create_connection(("127.0.0.1", service.port), timeout=20))
            client.sendall(request)
            if request.endswith(b"\r\n\r\n"):
                self.assertIn(b"200 OK", client.recv(1024))
        code, _, seconds = service.stop(signal.SIGTERM)
        self.assertEqual(code, 0)
        self.assertLess(seconds, 5)


class Probe(RunCase):
    def probe(self, service, query, **headers):
        return get(service.port, f"/probe?{query}", headers=headers)

    def test_one_look_at_one_domain(self):
        service = self.service(names=("example.com", "example.net"))
        status, body = self.probe(service, "target=example.net")
        self.assertEqual(status, 200)
        self.assertRegex(body, r"(?m)^probe_success 0$")                    # its resolver does not answer
        self.assertRegex(body, r"(?m)^probe_duration_seconds [0-9.e-]+$")
        self.assertIn('stswatch_domain_status{domain="example.net",status="unknown"} 1', body)
        self.assertNotIn("example.com", body)
        self.assertNotIn("stswatch_workers", body)

    @need("promtool")
    def test_passes_promtool(self):
        body = self.probe(self.service(), "target=example.com")[1]
        done = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_what_may_be_probed(self):
        service = self.service(more='[probe]\nallow = ["*.allowed.example"]\n')
        for query, status, word in (("target=x.allowed.example", 200, "probe_success"), ("target=stranger.example", 403, "allow"),
                                    ("", 400, "target"), ("target=%20", 400, "name"), ("target=127.0.0.1", 400, "127.0.0.1")):
            with self.subTest(query):
                self.assertEqual(self.probe(service, query)[0], status)
                self.assertIn(word, self.probe(service, query)[1])

    def test_debug_is_for_people(self):
        body = self.probe(self.service(), "target=example.com&debug=true")[1]
        for part in ("One look at example.com", '"findings"', "probe_success"):
            self.assertIn(part, body)

    def test_openmetrics_on_request(self):
        body = self.probe(self.service(), "target=example.com", Accept="application/openmetrics-text")[1]
        self.assertTrue(body.endswith("# EOF\n"), body[-200:])

    def test_ends_with_the_scrape(self):
        service = self.service(more="")
        began = time.monotonic()
        status, _ = self.probe(service, "target=example.com", **{"X-Prometheus-Scrape-Timeout-Seconds": "0.2"})
        self.assertEqual(status, 200)
        self.assertLess(time.monotonic() - began, 0.9)                      # the resolver alone would take a second
        self.assertEqual(self.probe(service, "target=example.com", **{"X-Prometheus-Scrape-Timeout-Seconds": "soon"})[0], 400)


class Systemd(RunCase):
    def setUp(self):
        super().setUp()
        self.notices = self.enterContext(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.notices.bind(str(self.folder / "notify"))
        self.notices.settimeout(20)

    def service(self, watchdog=None, **how):
        env = {"NOTIFY_SOCKET": str(self.folder / "notify"), **({"WATCHDOG_USEC": str(watchdog)} if watchdog else {})}
        return super().service(env=env, **how)

    def heard(self, wanted):
        """The first notice that begins with `wanted`, as a dict; pulses before it are passed over."""
        while (notice := self.notices.recv(4096).decode()).startswith("WATCHDOG=1") and wanted != "WATCHDOG=1":
            pass
        self.assertTrue(notice.startswith(wanted), notice)
        return dict(line.split("=", 1) for line in notice.splitlines())

    def test_ready_and_stopping(self):
        service = self.service(names=("example.com", "example.net"))
        self.assertIn("2 domains", self.heard("READY=1")["STATUS"])
        service.process.send_signal(signal.SIGTERM)
        self.heard("STOPPING=1")
        self.assertEqual(service.process.wait(20), 0)

    def test_reload_of_either_kind(self):
        service = self.service()
        self.heard("READY=1")
        for reload in (lambda: service.process.send_signal(signal.SIGHUP), lambda: post(service.port, "/-/reload")):
            before = time.monotonic()
            reload()
            told = int(self.heard("RELOADING=1")["MONOTONIC_USEC"]) / 1e6
            self.heard("READY=1")
            self.assertTrue(before <= told <= time.monotonic(), told)

    def test_ready_again_also_after_a_refused_reload(self):
        service = self.service()
        self.heard("READY=1")
        self.file("c.toml", "[agnet]\n")
        service.process.send_signal(signal.SIGHUP)
        self.heard("RELOADING=1")
        self.assertIn("1 domain", self.heard("READY=1")["STATUS"])

    def test_the_watchdog_hears_of_us_in_time(self):
        service = self.service(watchdog=2_000_000)
        self.heard("READY=1")
        for _ in range(3):
            began = time.monotonic()
            self.heard("WATCHDOG=1")
            self.assertLess(time.monotonic() - began, 2)
        service.stop(signal.SIGTERM)

    def test_without_a_watchdog_the_log_stays_quiet(self):
        service = self.service()
        self.heard("READY=1")
        service.stop(signal.SIGTERM)
        self.assertNotIn("stuck", service.said())


class PortTaken(RunCase):
    def test_by_config(self):
        with socket.create_server(("127.0.0.1", 0)) as holder:
            port = holder.getsockname()[1]
            self.refused(("run", "--config", self.config(port)), CONFIG, f"127.0.0.1:{port}", "in use")

    def test_by_another_of_its_kind(self):
        service = self.service()
        self.refused(("run", "--config", self.config(service.port)), CONFIG, f"127.0.0.1:{service.port}", "in use")

    def test_address_of_another_machine(self):
        self.refused(("run", "--listen", "192.0.2.1:9461", "--state", ":memory:", "example.com"), CONFIG, "192.0.2.1:9461")

    def test_listen_by_flag(self):
        port = free_port()
        service = self.enterContext(Service("--listen", f"127.0.0.1:{port}", "--config", self.config(free_port()),
                                             port=port, folder=self.folder))
        self.assertEqual(get(service.port, "/-/healthy")[0], 200)

    def test_bad_listen_by_flag(self):
        for bad in ("9461", "localhost", "127.0.0.1:99999"):
            with self.subTest(bad):
                self.refused(("run", "--listen", bad, "example.com"), USAGE, bad)


if __name__ == "__main__":
    unittest.main()
