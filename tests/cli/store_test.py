"""What the service remembers: over a stop, over kill -9, and what it says of a store that it cannot use."""
import json
import signal
import sqlite3
import unittest

from harness import CONFIG, NOBODY, OUTPUT, USAGE, Case, Service, free_port, get


class StoreCase(Case):
    def config(self, port, state):
        return self.file("c.toml", f'[agent]\nlisten = "127.0.0.1:{port}"\nstate = "{state}"\n'
                                   f'[dns]\nservers = ["{NOBODY}"]\ntimeout = "1s"\ntries = 1\n'
                                   f'[[domain]]\nname = "example.com"\n')

    def service(self, state):
        port = free_port()
        return self.enterContext(Service("--config", self.config(port, state), port=port, folder=self.folder))

    def store(self):
        """One that remembers example.com."""
        state = str(self.folder / "state/s.db")
        service = self.service(state)
        service.metrics_with('domain="example.com"')
        self.assertEqual(service.stop(signal.SIGTERM)[0], 0, service.said())
        return state


class Database(StoreCase):
    """What needs no server; the rest is in tests/remember/fleet_test.cc and tests/lab/fleet_test.py."""
    URL = f"postgresql://watch:s3cr3t@{NOBODY}/mail"

    def test_one_that_cannot_be_reached_is_named_without_its_password(self):
        config = self.config(free_port(), self.URL)
        for arguments, code in ((("run", "--config", config), CONFIG), (("fleet", "--config", config), OUTPUT),
                                (("history", "example.com", "--config", config), CONFIG),
                                (("silence", "list", "--config", config), OUTPUT),
                                (("store", "copy", "--from", self.URL, "--to", str(self.folder / "b.db")), OUTPUT)):
            done = self.run_it(*arguments)
            self.assertEqual(done.returncode, code, done)
            self.assertIn(f"postgresql://watch@{NOBODY}/mail cannot be reached", done.stderr)
            self.assertNotIn("s3cr3t", done.stdout + done.stderr)
        done = self.run_it("config", "check", config)
        self.assertEqual(done.returncode, 0, done)
        self.assertIn(f"state in postgresql://watch@{NOBODY}/mail", done.stdout)
        self.assertNotIn("s3cr3t", done.stdout + done.stderr)

    def test_a_file_is_no_fleet(self):
        done = self.run_it("fleet", "--state", "s.db")
        self.assertEqual(done.returncode, CONFIG)
        self.assertIn("which one agent has for itself", done.stderr)
        around = {"STSWATCH_CONFIG": self.config(free_port(), self.URL)}
        self.refused(("fleet", "--state", "s.db"), CONFIG, "which one agent has for itself", env=around)
        self.refused(("fleet",), USAGE, "--config")


class Remembering(StoreCase):
    def test_metrics_are_there_before_the_first_look(self):
        state = self.store()
        service = self.service(state)        # its first look waits for a resolver that does not answer
        self.assertIn('domain="example.com"', get(service.port, "/metrics")[1])
        self.assertIn("stswatch_store_errors_total 0", get(service.port, "/metrics")[1])

    def test_a_killed_service_remembers_too(self):
        state = self.store()
        service = self.service(state)
        service.stop(signal.SIGKILL)
        service = self.service(state)
        self.assertIn('domain="example.com"', get(service.port, "/metrics")[1])

    def test_people_can_query_it(self):
        with sqlite3.connect(self.store()) as database:
            self.assertEqual(database.execute("SELECT kind, name FROM subjects").fetchall(), [("domain", "example.com")])
            self.assertEqual(database.execute("SELECT count(*) FROM looks WHERE role = 'last'").fetchall(), [(1,)])

    def test_check_reads_it_while_the_service_runs(self):
        state = self.store()
        service = self.service(state)
        done = self.run_it("check", "--config", str(self.folder / "c.toml"), "example.com")
        self.assertEqual((done.returncode, done.stderr), (3, ""))
        self.assertEqual(service.stop(signal.SIGTERM)[0], 0)

    def test_replay_judges_the_looks_that_are_kept(self):
        state = self.store()
        done = self.run_it("replay", "example.com", "--config", str(self.folder / "c.toml"), "--json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        told = json.loads(done.stdout)
        self.assertEqual(told["domain"], "example.com")
        self.assertEqual({word for look in told["looks"] for word in look["kept_as"]}, {"last", "failed", "changed"})
        self.assertEqual({look["result"]["status"] for look in told["looks"]}, {"unknown"})
        text = self.run_it("replay", "example.com", "--state", state)
        self.assertIn("unknown  (", text.stdout)

    def test_replay_says_where_nothing_is_kept(self):
        done = self.run_it("replay", "other.example", "--state", self.store())
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        self.assertIn("no look at other.example is kept", done.stderr)
        gone = str(self.folder / "gone.db")
        for command in ("history", "replay"):
            self.refused((command, "example.com", "--state", gone), 3, f"there is no store {gone}")

    def test_check_goes_on_without_a_store_that_it_cannot_read(self):
        config = self.config(free_port(), self.file("s.db", "no store"))
        done = self.run_it("check", "--config", config, "example.com")
        self.assertEqual(done.returncode, 3)
        self.assertIn("without memory", done.stderr)


class Refusing(StoreCase):
    def test_a_store_that_it_cannot_use(self):
        state = self.store()
        newer = str(self.folder / "newer.db")
        self.assertEqual(self.run_it("store", "copy", "--from", state, "--to", newer).returncode, 0)
        with sqlite3.connect(newer) as database:
            database.execute("PRAGMA user_version = 1000")
        for why, (file, word) in {"no store": (self.file("text.db", "text" * 2000), "damaged or no store"),
                                  "of a newer version": (newer, "newer version"),
                                  "in a folder of no folder": (str(self.folder / "no/such/s.db"), "cannot create the folder"),
                                  "a folder": (str(self.folder), "cannot write the store"),
                                  "of another kind": ("mysql://db.example/s", "mysql://")}.items():
            with self.subTest(why):
                said = self.refused(("run", "--listen", f"127.0.0.1:{free_port()}", "--state", file, "example.com"), CONFIG, word)
                self.assertIn("--state", said)

    def test_a_store_in_use(self):
        state = str(self.folder / "s.db")
        self.service(state)
        self.refused(("run", "--listen", f"127.0.0.1:{free_port()}", "--state", state, "example.com"), CONFIG, "in use", state)


class Copying(StoreCase):
    def test_into_a_new_file(self):
        state, to = self.store(), str(self.folder / "copy.db")
        done = self.run_it("store", "copy", "--from", state, "--to", to)
        self.assertEqual((done.returncode, done.stdout), (0, f"{to}: the memory of 1 domain from {state}\n"), done.stderr)
        service = self.service(to)
        self.assertIn('domain="example.com"', get(service.port, "/metrics")[1])

    def test_refusals(self):
        state = self.store()
        there = self.file("there.db", "mine")
        self.refused(("store", "copy", "--from", state, "--to", there), OUTPUT, there, "not overwritten")
        self.refused(("store", "copy", "--from", there, "--to", str(self.folder / "new.db")), OUTPUT, there)
        self.refused(("store", "copy", "--from", str(self.folder / "none.db"), "--to", str(self.folder / "new.db")), OUTPUT, "none.db")
        self.refused(("store", "copy", "--from", state), USAGE, "--to")
        gone = self.folder / "gone"
        self.refused(("store", "copy", "--from", state, "--to", str(gone / "new.db")), OUTPUT, f"there is no folder {gone}")
        self.assertFalse(gone.exists())
        self.refused(("store", "move"), USAGE, "move")


if __name__ == "__main__":
    unittest.main()
