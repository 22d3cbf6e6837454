"""run without a file, and the STSWATCH_* variables that stand in for flags."""
import signal
import subprocess
import unittest

from harness import BINARY, NOBODY, SECONDS, USAGE, Case, Service, environment, free_port
from offline_test import CLOSED, can_be_closed


class Variables(Case):
    def config(self, port):
        return self.file("c.toml", f'[agent]\nlisten = "127.0.0.1:{port}"\nstate = ":memory:"\n[dns]\nservers = ["{NOBODY}"]\n'
                                   'timeout = "1s"\ntries = 1\n[[domain]]\nname = "example.com"\n')

    def test_they_stand_in_for_the_flags(self):
        port, state = free_port(), self.folder / "kept.db"
        env = {"STSWATCH_CONFIG": self.config(free_port()), "STSWATCH_LISTEN": f"127.0.0.1:{port}",
               "STSWATCH_STATE": str(state)}
        service = self.enterContext(Service(port=port, folder=self.folder, env=env))
        service.metrics_with('domain="example.com"')
        self.assertEqual(service.stop(signal.SIGTERM)[0], 0)
        self.assertTrue(state.exists())

    def test_a_flag_wins(self):
        port = free_port()
        env = {"STSWATCH_CONFIG": str(self.folder / "gone.toml"), "STSWATCH_LISTEN": "nowhere"}
        arguments = ("--config", self.config(free_port()), "--listen", f"127.0.0.1:{port}")
        service = self.enterContext(Service(*arguments, port=port, folder=self.folder, env=env))
        self.assertEqual(service.stop(signal.SIGTERM)[0], 0)

    def test_a_bad_one_is_named(self):
        self.refused(("run", "example.com"), USAGE, "nowhere", env={"STSWATCH_LISTEN": "nowhere"})

    def test_names_and_a_config_do_not_mix(self):
        env = {"STSWATCH_CONFIG": self.config(free_port())}
        self.refused(("run", "example.org"), USAGE, "STSWATCH_CONFIG", env=env)


@unittest.skipUnless(can_be_closed(), "no network namespace can be made here")
class WithoutAFile(Case):
    def test_names_alone_are_watched_on_defaults(self):
        state, port = self.folder / "kept.db", free_port()
        command = [*CLOSED, BINARY, "run", "example.com", "bücher.example", "--listen", f"0.0.0.0:{port}", "--state", str(state)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment(), cwd=self.folder) as process:
            said = ""
            while f"listens on 0.0.0.0:{port}" not in said and (line := process.stderr.readline()):
                said += line
            process.send_signal(signal.SIGTERM)
            said += process.communicate(timeout=SECONDS)[1]
        self.assertEqual(process.returncode, 0, said)
        self.assertIn(f"listens on 0.0.0.0:{port}", said)
        self.assertTrue(state.exists(), said)


if __name__ == "__main__":
    unittest.main()
