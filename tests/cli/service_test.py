"""`stswatch run`: starts, answers, reloads, and ends when it is told to."""
import signal
import socket
import subprocess
import time
import unittest

from harness import CONFIG, ESCAPE, NOBODY, USAGE, Case, Service, free_port, get, need


class RunCase(Case):
    def config(self, port, names=("example.com",), more=""):
        domains = "".join(f'[[domain]]\nname = "{name}"\n' for name in names)
        return self.file("c.toml", f'[agent]\nlisten = "127.0.0.1:{port}"\nstate = ":memory:"\n'
                                   f'[dns]\nservers = ["{NOBODY}"]\ntimeout = "1s"\ntries = 1\n{more}{domains}')

    def service(self, **how):
        port = free_port()
        return self.enterContext(Service("--config", self.config(port, **how), port=port, folder=self.folder))

    def metrics_with(self, service, wanted):
        """The metrics, as soon as this is in them."""
        end = time.monotonic() + 30
        while wanted not in (metrics := get(service.port, "/metrics")[1]):
            self.assertLess(time.monotonic(), end, f"no {wanted} in 30 s: {service.said()}")
            time.sleep(0.05)
        return metrics


class Running(RunCase):
    def test_answers(self):
        service = self.service()
        for path, word in (("/-/healthy", "healthy"), ("/-/ready", "ready"), ("/metrics", "stswatch_build_info")):
            status, body = get(service.port, path)
            self.assertEqual(status, 200, path)
            self.assertIn(word, body)
        self.assertEqual(get(service.port, "/no-such-page")[0], 404)

    @need("promtool")
    def test_metrics_pass_promtool(self):
        service = self.service(names=("example.com", "bücher.example"))
        self.metrics_with(service, 'domain="example.com"')
        metrics = self.metrics_with(service, 'domain="xn--bcher-kva.example"')
        done = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_what_is_unknown_is_no_fault(self):
        metrics = self.metrics_with(self.service(), 'domain="example.com"')
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

    def test_reload(self):
        service = self.service()
        self.config(service.port, names=("example.com", "second.example"))
        service.process.send_signal(signal.SIGHUP)
        self.metrics_with(service, 'domain="second.example"')

    def test_bad_reload_changes_nothing(self):
        service = self.service()
        self.metrics_with(service, 'domain="example.com"')
        self.file("c.toml", "[agnet]\n")
        service.process.send_signal(signal.SIGHUP)
        metrics = self.metrics_with(service, "stswatch_config_last_reload_successful 0")
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
