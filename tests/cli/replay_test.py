"""check --save and --replay: a look that was kept is judged again, without a network, at its own time.

Golden looks are in ../scenarios/golden/looks, saved from the lab or written by hand. verdicts.json says what must be
in the verdict of each: objects may hold more, lists are whole. Expectations come from the rules, never from the output.
"""
import json
import unittest
from pathlib import Path

from harness import NOBODY, USAGE, Case
from offline_test import CLOSED, can_be_closed

GOLDEN = Path(__file__).resolve().parent.parent / "scenarios" / "golden"
LOOKS = sorted((GOLDEN / "looks").glob("*.json"))
VERDICTS = json.loads((GOLDEN / "verdicts.json").read_text())
EXIT_CODES = {"ok": 0, "warning": 1, "critical": 2, "unknown": 3}
CHECK = ("check", "--resolver", NOBODY, "--timeout", "2")


def differences(wanted, seen, place=""):
    if isinstance(wanted, dict) and isinstance(seen, dict):
        for key, value in wanted.items():
            if key not in seen:
                yield f"{place}.{key} is missing"
            else:
                yield from differences(value, seen[key], f"{place}.{key}")
    elif isinstance(wanted, list) and isinstance(seen, list) and len(wanted) == len(seen):
        for index, (one, other) in enumerate(zip(wanted, seen)):
            yield from differences(one, other, f"{place}[{index}]")
    elif wanted != seen:
        yield f"{place}: expected {json.dumps(wanted)}, not {json.dumps(seen)}"


class Golden(Case):
    def replay(self, *files):
        before = CLOSED if can_be_closed() else ()
        return self.run_it("check", "--json", "--replay", *map(str, files), before=before)

    def test_every_look_has_its_verdict(self):
        self.assertEqual({path.stem for path in LOOKS}, set(VERDICTS))
        self.assertGreater(len(LOOKS), 10)

    def test_verdicts(self):
        for path in LOOKS:
            wanted = {key: value for key, value in VERDICTS[path.stem].items() if key != "why"}
            with self.subTest(path.stem, why=VERDICTS[path.stem]["why"]):
                done = self.replay(path)
                self.assertEqual((done.returncode, done.stderr), (EXIT_CODES[wanted["status"]], ""))
                (seen,) = json.loads(done.stdout)
                self.assertEqual(list(differences(wanted, seen)), [])

    def test_many_at_once_in_the_order_named(self):
        files = [*reversed(LOOKS), LOOKS[0]]
        done = self.replay(*files)
        self.assertEqual(done.returncode, 2)
        self.assertEqual([verdict["domain"] for verdict in json.loads(done.stdout)],
                         [VERDICTS[path.stem]["domain"] for path in files])


class Formats(Case):
    LOOK = str(GOLDEN / "looks" / "s24-160-hour.test.json")

    def test_text(self):
        done = self.run_it("check", "--replay", self.LOOK)
        self.assertEqual(done.returncode, 1)
        self.assertIn("s24-160-hour.test  WARNING  mode enforce, 2 of 2 MX usable", done.stdout)

    def test_explained_text_says_which_senders_stumble(self):
        look = str(GOLDEN / "looks" / "s15-comment.test.json")
        said = "refused or misread by mox, postfix-tlspol, go-mtasts, KumoMTA, Stalwart"
        self.assertIn(said, self.run_it("check", "--explain", "--replay", look).stdout)
        self.assertNotIn(said, self.run_it("check", "--replay", look).stdout)

    def test_nagios(self):
        done = self.run_it("check", "--format", "nagios", "--replay", self.LOOK)
        self.assertEqual(done.returncode, 1)
        status, performance = done.stdout.splitlines()[0].split(" | ")
        self.assertTrue(status.startswith("MTA-STS WARNING - s24-160-hour.test"), status)
        self.assertIn("warning=1", performance.split())
        self.assertIn("'s24-160-hour.test usable_mx'=2;;1:;0;2", performance)
        self.assertRegex(performance, r"'s24-160-hour.test breakage'=\d+s;604800:;86400:")

    def test_the_config_says_what_is_expected(self):
        look = str(GOLDEN / "looks" / "s03-testing.test.json")
        config = self.file("c.toml", '[[domain]]\nname = "s03-testing.test"\nexpect = "enforce"\n')
        done = self.run_it("check", "--json", "--replay", look, "--config", config)
        self.assertEqual(done.returncode, 2)
        self.assertIn("sts-mode-unexpected", [finding["code"] for finding in json.loads(done.stdout)[0]["findings"]])


class Refused(Case):
    def test_what_is_no_saved_look(self):
        whole = LOOKS[0].read_text()
        bad = {
            "empty": ("", "not JSON"), "no JSON": ("v=STSv1; id=1", "not JSON"), "cut short": (whole[:-20], "not JSON"),
            "other JSON": ("{}", "stswatch_look"), "a later version": ('{"stswatch_look": 2}', "another version"),
            "no UTF-8": (b'{"stswatch_look": 1, "domain": "\xff"}', "not JSON"),
            "nested": ("[" * 100_000, "nested deeper"), "large": (" " * (17 << 20), "larger than"),
            "a typing slip": (whole.replace('"fetches"', '"fetchs"'), "domain.fetchs"),
            "a wrong type": (whole.replace('"at": "', '"at": "about ', 1), "domain.at"),
        }
        for why, (content, *named) in bad.items():
            with self.subTest(why):
                path = self.file("bad.json", content)
                self.refused(("check", "--replay", path), USAGE, path, *named)

    def test_one_bad_file_among_good_ones_stops_before_the_first_verdict(self):
        path = self.file("bad.json", "{}")
        self.refused(("check", "--json", "--replay", str(LOOKS[0]), path), USAGE, path)

    def test_no_file(self):
        self.refused(("check", "--replay", str(self.folder / "gone.json")), USAGE, "gone.json")
        self.refused(("check", "--replay", str(self.folder)), USAGE, str(self.folder))
        self.refused(("check", "--replay"), USAGE, "--replay")

    def test_a_replay_looks_at_nothing(self):
        for more in (("--domains-file", "list.txt"), ("--save", "kept")):
            self.refused(("check", "--replay", str(LOOKS[0]), *more), USAGE, "--replay")
        self.refused(("check", "example.com", "--replay", str(LOOKS[0])), USAGE, "--replay")

    def test_a_folder_that_is_none(self):
        path = self.file("file", "")
        for folder in (path, path + "/below", "/proc/none"):
            self.refused((*CHECK, "--save", folder, "example.com"), USAGE, folder)


class Save(Case):
    def test_one_file_a_domain_that_is_judged_the_same_again(self):
        kept = self.folder / "a" / "b"
        names = ["example.com", "xn--bcher-kva.example", "example.com"]
        done = self.run_it(*CHECK, "--json", "--save", str(kept), *names)
        self.assertEqual((done.returncode, done.stderr), (3, ""))
        self.assertEqual({path.name for path in kept.iterdir()}, {"example.com.json", "xn--bcher-kva.example.json"})
        again = self.run_it("check", "--json", "--replay", *(str(kept / f"{name}.json") for name in names))
        self.assertEqual((again.returncode, again.stderr), (3, ""))
        self.assertEqual(again.stdout, done.stdout)

    def test_a_later_look_replaces_the_earlier(self):
        path = Path(self.file("example.com.json", "old"))
        self.run_it(*CHECK, "--save", str(self.folder), "example.com")
        self.assertEqual(json.loads(path.read_text())["domain"]["domain"], "example.com")
        self.assertEqual([kept.name for kept in self.folder.iterdir()], ["example.com.json"])

    def test_the_longest_name_has_room(self):
        longest = ".".join(["a" * 62] * 4)[:253]
        self.run_it(*CHECK, "--save", str(self.folder), longest)
        (kept,) = self.folder.iterdir()
        self.assertTrue(kept.name.startswith(longest))

    def test_a_look_that_cannot_be_kept_is_told(self):
        (self.folder / "example.com.json").mkdir()
        done = self.run_it(*CHECK, "--json", "--save", str(self.folder), "example.com")
        self.assertEqual(done.returncode, 3)
        self.assertEqual(len(json.loads(done.stdout)), 1)
        self.assertIn(str(self.folder / "example.com.json"), done.stderr)
        self.assertEqual([kept.name for kept in self.folder.iterdir()], ["example.com.json"])


if __name__ == "__main__":
    unittest.main()
