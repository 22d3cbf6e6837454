#!/usr/bin/env python3
"""The built program says which revision it is, and an optimised one is hardened and names no place where it was built."""
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from programs import ROOT, program, run

BINARY = Path(os.environ.get("STSWATCH", "build/stswatch")).resolve()
REVISION = ROOT / "contrib" / "packaging" / "revision.cmake"


def cache(folder):
    """The variables of a build folder, {} where there is none."""
    path = folder / "CMakeCache.txt"
    return dict(re.findall(r"^(\w+):\w+=(.*)$", path.read_text(), re.M)) if path.exists() else {}


def readelf(*options):
    done = run("readelf", "-W", *options, BINARY)
    assert done.returncode == 0, done.stderr
    return done.stdout


@unittest.skipUnless(cache(BINARY.parent).get("CMAKE_BUILD_TYPE") in ("Release", "RelWithDebInfo", "MinSizeRel"),
                     "not an optimised build")
class Hardened(unittest.TestCase):
    longMessage = False

    def test_it_is_loaded_anywhere(self):
        self.assertRegex(readelf("-h"), r"Type:\s+DYN")
        self.assertRegex(readelf("-d"), r"FLAGS_1\).*\bPIE\b")

    def test_what_the_loader_has_bound_is_read_only(self):
        self.assertIn("GNU_RELRO", readelf("-l"))
        self.assertRegex(readelf("-d"), r"FLAGS\).*\bBIND_NOW\b", "BIND_NOW is missing")
        self.assertRegex(readelf("-d"), r"FLAGS_1\).*\bNOW\b", "NOW is missing")

    def test_nothing_is_writable_and_executable(self):
        segments = re.findall(r"^\s+(GNU_STACK|LOAD)\s.*?\s([R ][W ][E ])\s+0x", readelf("-l"), re.M)
        self.assertIn("GNU_STACK", dict(segments))
        self.assertGreater(len(segments), 3)
        self.assertEqual([s for s in segments if "W" in s[1] and "E" in s[1]], [])

    def test_stack_and_buffers_are_guarded(self):
        symbols = readelf("--dyn-syms")
        self.assertTrue("__stack_chk_fail" in symbols, "no stack protector")
        self.assertGreaterEqual(len(set(re.findall(r"\b__\w+_chk\b", symbols))), 2, "FORTIFY_SOURCE has replaced nothing")

    def test_functions_begin_where_a_jump_may_land(self):
        if os.uname().machine != "x86_64":
            self.skipTest("of this processor alone")
        entry = int(re.search(r"Entry point address:\s+0x([0-9a-f]+)", readelf("-h"))[1], 16)
        listing = run("objdump", "-d", "--no-show-raw-insn", f"--start-address={entry}", f"--stop-address={entry + 0x40000}",
                      BINARY).stdout
        self.assertGreater(listing.count("endbr64"), 20)

    def test_it_takes_libraries_from_the_system_alone(self):
        self.assertNotRegex(readelf("-d"), r"RPATH|RUNPATH")

    def test_it_names_no_place_where_it_was_built(self):
        content = BINARY.read_bytes()
        for place in {ROOT, BINARY.parent}:
            self.assertNotIn(str(place).encode() + b"/", content)


class SameSource(unittest.TestCase):
    def test_two_places_give_one_object(self):
        """With the flags of contrib/packaging/hardening.cmake, of a source that names its own file."""
        flags = re.findall(r"-ffile-prefix-map=\$\{PROJECT_SOURCE_DIR\}=\.", (ROOT / "contrib/packaging/hardening.cmake").read_text())
        self.assertEqual(len(flags), 1)
        objects = []
        with tempfile.TemporaryDirectory() as folder:
            for name in ("here", "over-there"):
                place = Path(folder, name)
                place.mkdir()
                (place / "a.cc").write_text("const char* where() { return __FILE__; }\n")
                subprocess.run([program("g++"), "-O2", "-g", flags[0].replace("${PROJECT_SOURCE_DIR}", str(place)), "-c",
                                str(place / "a.cc"), "-o", str(place / "a.o")], check=True, cwd=place)
                objects.append((place / "a.o").read_bytes())
        self.assertEqual(objects[0], objects[1])


class Revision(unittest.TestCase):
    def written(self, source, **environment):
        """What the build would compile in, of that source folder."""
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder, "version.cc")
            subprocess.run([program("cmake"), f"-DSOURCE={source}", f"-DOUT={out}", "-DREVISION=", "-P", REVISION], check=True,
                           env={"PATH": os.environ["PATH"], **environment}, capture_output=True)
            return re.search(r'kRevision = "(.*)";', out.read_text())[1]

    def bare(self, folder, revision="$Format:%h$"):
        """A source folder without git, as `git archive` leaves it."""
        for name, text in (("agent/version.cc.in", (ROOT / "agent/version.cc.in").read_text()),
                           ("contrib/packaging/revision", revision + "\n")):
            Path(folder, name).parent.mkdir(parents=True, exist_ok=True)
            Path(folder, name).write_text(text)
        return folder

    def test_the_program_says_it(self):
        self.assertRegex(run(BINARY, "--version").stdout, r"^stswatch [\d.]+ \([\w.+~-]+\)\n$")

    def test_of_a_repository(self):
        with tempfile.TemporaryDirectory() as folder:
            self.bare(folder)
            git = lambda *words: subprocess.run(["git", "-C", folder, "-c", "user.name=t", "-c", "user.email=t@example.com", *words],
                                                check=True, capture_output=True, text=True).stdout.strip()
            git("init", "-q")
            git("add", ".")
            git("commit", "-qm", "one")
            self.assertEqual(self.written(folder), git("rev-parse", "--short=12", "HEAD"))
            Path(folder, "agent/version.cc.in").write_text('const char* const kRevision = "@REVISION@";\n')
            self.assertEqual(self.written(folder), git("rev-parse", "--short=12", "HEAD") + "-modified")
            self.assertEqual(self.written(folder, STSWATCH_REVISION="1.2-3"), "1.2-3")

    def test_without_git(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(self.written(self.bare(folder)), "unknown")
            self.assertEqual(self.written(self.bare(folder, "5dcd08e2b1f4")), "5dcd08e2b1f4")
            self.assertEqual(self.written(folder, STSWATCH_REVISION='"; system("'), "unknown")


if __name__ == "__main__":
    unittest.main()
