"""What plan prints for files, how it ends, and what it refuses. Whether a plan is right is tests/judge's business."""
import json
import unittest

from harness import NOBODY, USAGE, Case

SAFE, UNSAFE, UNKNOWN = 0, 2, 3
LOOK = ("--resolver", NOBODY, "--timeout", "2")


def host(name, preference=10, **address):
    return {"preference": preference, "host": name, "addresses": [{
        "address": "192.0.2.7", "reachable": True, "starttls": True, "trusted": True, "dns_names": [name],
        "not_after": "2031-01-01T00:00:00Z", **address}]}


def world(**parts):
    policy = {"name": "P1", "mode": "enforce", "mx": ["a.example.net"], "max_age": 172800, "first": "2030-01-01T00:00:00Z",
              "last_ub": "2030-06-01T12:00:00Z"}
    return {"now": "2030-06-01T12:00:00Z", "domain": "example.net", "policies": [policy], "ids": [
        {"id": "x", "first": "2030-01-01T00:00:00Z", "last_ub": "2030-06-01T12:00:00Z", "ttl": 900}],
        "current_policy": "P1", "current_id": "x", "policy_host_not_after": None, "mx": [host("a.example.net")],
        "mx_ttl": 900, **parts}


MOVE = {"mx": [host("b.example.org")], "policy": None, "record": "keep"}


class Plans(Case):
    def planned(self, goal, code, of=None, *more):
        done = self.run_it("plan", "--world", self.file("w.json", json.dumps(of or world())), "--goal",
                           self.file("g.json", json.dumps(goal)), *more)
        self.assertEqual((done.returncode, done.stderr), (code, ""), done.stdout)
        return done.stdout

    def test_json_has_every_key_of_every_step(self):
        plan = json.loads(self.planned(MOVE, SAFE, None, "--json"))
        self.assertEqual(set(plan), {"verdict", "why", "steps", "done_at"})
        self.assertEqual([step["do"] for step in plan["steps"]],
                         ["serve-policy", "publish-id", "set-mx", "serve-policy", "publish-id"])
        for step in plan["steps"]:
            self.assertEqual(set(step), {"n", "do", "after", "not_before", "policy", "id", "mx", "host", "text"})
        self.assertEqual(plan["steps"][2]["mx"], [{"host": "b.example.org", "preference": 10}])
        self.assertIsNone(plan["steps"][2]["policy"])
        self.assertGreaterEqual(plan["steps"][2]["not_before"], "2030-06-03T12:00:00Z")
        self.assertEqual(plan["done_at"], plan["steps"][-1]["not_before"])

    def test_text_says_what_and_when(self):
        text = self.planned(MOVE, SAFE)
        self.assertIn("example.net  safe", text)
        self.assertIn("1. serve-policy  not before 2030-06-01T12:00:00Z", text)
        self.assertIn("3. set-mx", text)

    def test_exit_codes(self):
        broken = {"mx": [host("b.example.org", starttls=False)], "policy": None, "record": "keep"}
        self.assertIn("b.example.org", json.loads(self.planned(broken, UNSAFE, None, "--json"))["why"])
        unseen = {"mx": [host("b.example.org", reachable=None)], "policy": None, "record": "keep"}
        self.assertEqual(json.loads(self.planned(unseen, UNKNOWN, None, "--json"))["steps"], [])
        self.assertIn("Nothing has to change", self.planned({"mx": None, "policy": None, "record": "keep"}, SAFE))

    def test_retirement(self):
        plan = json.loads(self.planned({"mx": None, "policy": None, "record": "absent"}, SAFE, None, "--json"))
        self.assertEqual([step["do"] for step in plan["steps"]],
                         ["serve-policy", "publish-id", "remove-record", "remove-policy"])

    def test_a_dead_resolver_proves_nothing(self):
        done = self.run_it("plan", *LOOK, "--mx", "b.example.org", "--json", "example.net")
        self.assertEqual((done.returncode, json.loads(done.stdout)["verdict"]), (UNKNOWN, "unknown"), done.stderr)
        self.assertEqual(json.loads(done.stdout)["steps"], [])
        done = self.run_it("simulate", *LOOK, "--mx", "b.example.org", "--json", "example.net")
        self.assertEqual((done.returncode, json.loads(done.stdout)["status"]), (UNKNOWN, "unknown"), done.stderr)
        self.assertEqual(json.loads(done.stdout)["plan"]["verdict"], "unknown")


class Followed(Case):
    def test_where_it_cannot_be_followed(self):
        config = self.file("c.toml", f'[agent]\nstate = "{self.folder}/s.db"\n[[domain]]\nname = "example.net"\n')
        self.refused(("plan", "example.net", "--mx", "b.example.org", "--follow"), USAGE, "store", "--config")
        self.refused(("plan", "example.net", "--show"), USAGE, "STSWATCH_CONFIG")
        around = {"STSWATCH_CONFIG": config}
        self.refused(("plan", "other.net", "--mx", "b.example.org", "--follow"), USAGE, "other.net", "configuration", env=around)
        self.refused(("plan", "example.net", "--show", "--drop"), USAGE, "alone", env=around)
        self.refused(("plan", "other.net", "--mx", "b.example.org", "--follow", "--config", config), USAGE, "other.net", "configuration")
        self.refused(("plan", "example.net", "--show", "--drop", "--config", config), USAGE, "alone")
        self.refused(("plan", "example.net", "--show", "--mx", "b.example.org", "--config", config), USAGE, "alone")
        self.refused(("plan", "--world", "w.json", "--goal", "g.json", "--follow"), USAGE, "DOMAIN")


class Refusals(Case):
    def test_goals(self):
        bad = {
            "mx": {"mx": 3}, "is empty": {"mx": []}, "mx[0].host": {"mx": [{"preference": 1, "addresses": []}]},
            "no host name": {"mx": [host("not a host")]}, "policy.mode": {"policy": {"mode": "strict", "max_age": 1}},
            "policy.max_age": {"policy": {"mode": "none", "max_age": 31557601}}, "polcy": {"polcy": None},
            "no pattern": {"policy": {"mode": "enforce", "mx": ["*"], "max_age": 1}}, "record": {"record": "gone"},
            "policy.maxage": {"policy": {"mode": "none", "max_age": 1, "maxage": 1}}, "no JSON object": [],
            "policy": {"policy": "enforce"},
        }
        of = self.file("w.json", json.dumps(world()))
        for named, goal in bad.items():
            with self.subTest(named):
                self.refused(("plan", "--world", of, "--goal", self.file("g.json", json.dumps(goal))), USAGE, named, "g.json")

    def test_words(self):
        of = self.file("w.json", json.dumps(world()))
        for words in ((), ("--world", of), ("example.net",), ("example.net", "--world", of, "--goal", of),
                      ("--world", "-", "--goal", "-"), ("example.net", "--retire", "--mode", "none"),
                      ("example.net", "--policy", of, "--mode", "none"), ("example.net", "--mode", "strict"),
                      ("example.net", "--max-age", "31557601"), ("no name", "--retire"),
                      ("example.net", "--mx", "no name"), ("example.net", "--key-of", "mx.example.net"),
                      ("example.net", "--key-of", "mx.example.net", "--next-tlsa", "3 1 1 ab", "--retire"),
                      ("--world", "absent.json", "--goal", of)):
            with self.subTest(words):
                self.refused(("plan", *words), USAGE)


if __name__ == "__main__":
    unittest.main()
