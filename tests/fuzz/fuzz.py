#!/usr/bin/env python3
"""Fuzzes the targets of this folder with clang's libFuzzer under ASan and UBSan.

    fuzz.py [TARGET…] [--seconds 900] [--keep FOLDER]

Each is built from the sources it needs, or with all of the program, and starts from its corpus; with --keep what was found new is
written there. An input that fails stays where libFuzzer says; make it a case of a test."""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FACTS = ["checks/facts/*.cc"]
TLS = ["checks/observe/tls/*.cc", "checks/observe/net/*.cc"]
# Target -> the sources it is linked with (globs), the longest input, pkg-config's names of its libraries.
TARGETS = {
    "http_request": ([*FACTS, "agent/tell/door/request_reader.cc",
                      "agent/tell/door/own_pages.cc"], 4096, ["libidn2", "libpsl"]),
    "http_response": ([*FACTS, "checks/observe/http_response.cc"], 4096,
                      ["libidn2", "libpsl", "zlib"]),
    "certificates": ([*FACTS, *TLS], 16384, ["libidn2", "libpsl", "openssl"]),
    "policy": (FACTS, 4096, ["libidn2", "libpsl"]),
    "records": (FACTS, 2048, ["libidn2", "libpsl"]),
    "dns_answer": ([*FACTS, "checks/observe/dns/message.cc", "checks/observe/dns/wire.cc"], 1500,
                   ["libidn2", "libpsl"]),
    "smtp_reply": ([*FACTS, *TLS, "checks/observe/smtp.cc"], 4096, ["libidn2", "libpsl", "openssl"]),
    "tls_report": ([*FACTS, "checks/reports/*.cc"], 16384, ["libidn2", "libpsl", "zlib", "libarchive", "gmime-3.0"]),
}
# These need nearly all of the program: it is built by CMake, with what libFuzzer wants to see.
WHOLE = {"files": 16384, "queries": 4096}
BRIEF = ("http_request", "http_response", "policy", "records", "dns_answer", "certificates", "smtp_reply")       # built from few sources
FLAGS = ["-std=c++20", "-g1", "-fno-sanitize-recover=all", f"-I{ROOT}"]


def packages(names, what):
    return subprocess.run(["pkg-config", what, *names], check=True, capture_output=True, text=True).stdout.split() if names else []


def compile_all(targets, folder, clang, optimised):
    """An object for each glob that any of them names, all with the same flags, as many at a time as there are cores."""
    globs = sorted({glob for t in targets for glob in TARGETS[t][0]})
    includes = packages(sorted({name for t in targets for name in TARGETS[t][2]}), "--cflags")

    def one(glob):
        unit = Path(folder, glob.replace("/", "-").replace("*", "all") + ".unit.cc")
        unit.write_text("".join(f'#include "{path}"\n' for path in sorted(ROOT.glob(glob))))
        made = unit.with_suffix(".o")
        subprocess.run([clang, *FLAGS, optimised, "-fsanitize=fuzzer-no-link,address,undefined", *includes, "-c", unit, "-o", made], check=True)
        return glob, made
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(pool.map(one, globs))


def build(target, folder, clang, objects):
    globs, _, names = TARGETS[target]
    program = Path(folder, target)
    own = [objects[glob] for glob in globs]
    subprocess.run([clang, *FLAGS, "-fsanitize=fuzzer,address,undefined", *packages(names, "--cflags"), HERE / f"{target}.cc", *own,
                    *packages(names, "--libs"), "-o", program], check=True)
    return program


def build_whole(targets, folder, clang):
    made = Path(folder, "whole")
    subprocess.run(["cmake", "-S", ROOT, "-B", made, "-G", "Ninja", f"-DCMAKE_CXX_COMPILER={clang}", "-DCMAKE_BUILD_TYPE=Debug",
                    "-DCMAKE_CXX_FLAGS_DEBUG=-O1 -g1 -fno-sanitize-recover=all", "-DSTSWATCH_SANITIZE=address,undefined,fuzzer-no-link"], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "--quiet", "-C", made, *[f"fuzz_{target}" for target in targets]], check=True)
    return {target: made / "tests" / "fuzz" / f"fuzz_{target}" for target in targets}


def fuzz(target, program, folder, seconds, keep):
    longest = WHOLE.get(target) or TARGETS[target][1]
    found = Path(keep or folder, f"{target}.found")
    found.mkdir(parents=True, exist_ok=True)
    words = HERE / f"{target}.dict"
    done = subprocess.run([program, found, HERE / target, f"-max_total_time={seconds}", f"-max_len={longest}", "-timeout=25",
                           "-rss_limit_mb=1024", "-print_final_stats=1", *([f"-dict={words}"] if words.exists() else [])],
                          cwd=keep or ROOT, capture_output=True, text=True, timeout=seconds + 300)
    runs = next((line.split()[-1] for line in done.stderr.splitlines() if "number_of_executed_units" in line), "?")
    print(f"{target}: {'well' if done.returncode == 0 else 'FAILED'}, {runs} runs", flush=True)
    if done.returncode != 0:
        print(done.stderr[-4000:])
    return done.returncode == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("targets", nargs="*", help=", ".join((*TARGETS, *WHOLE)))
    parser.add_argument("--seconds", type=int, default=900)
    parser.add_argument("--brief", action="store_true", help="only those that are built quickly")
    parser.add_argument("--keep")
    asked = parser.parse_args()
    clang = os.environ.get("CLANG", "clang++-16")            # as in contrib/packages/test.txt
    if not shutil.which(clang):
        print(f"{clang} is not installed: NOT TRIED")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        targets = asked.targets or (BRIEF if asked.brief else (*TARGETS, *WHOLE))
        apart = [target for target in targets if target in TARGETS]
        objects = compile_all(apart, folder, clang, "-O0" if asked.brief else "-O1")  # to compile is most of what a brief run costs
        programs = {target: build(target, folder, clang, objects) for target in apart}
        if whole := [target for target in targets if target in WHOLE]:
            programs |= build_whole(whole, folder, clang)
        results = [fuzz(target, programs[target], folder, asked.seconds, asked.keep) for target in targets]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
