#!/usr/bin/env python3
"""Fuzzes the targets of this folder with clang's libFuzzer under ASan and UBSan.

    fuzz.py [TARGET…] [--seconds 900] [--keep FOLDER]

Each is built from the sources it needs, which are few, and starts from its corpus; with --keep what was found new is
written there. An input that fails stays where libFuzzer says; make it a case of a test."""
import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# Target -> the sources it is linked with, the longest input, libraries.
TARGETS = {
    "http_request": (["agent/tell/door/request_head.cc", "agent/tell/door/chunks.cc", "agent/tell/door/request_reader.cc",
                      "agent/tell/door/own_pages.cc", "checks/facts/address.cc"], 4096, []),
}


def build(target, folder, clang):
    sources, _, libraries = TARGETS[target]
    program = Path(folder, target)
    subprocess.run([clang, "-std=c++20", "-O1", "-g", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all",
                    f"-I{ROOT}", str(HERE / f"{target}.cc"), *(str(ROOT / source) for source in sources), *libraries, "-o", str(program)],
                   check=True)
    return program


def fuzz(target, folder, seconds, clang, keep):
    program = build(target, folder, clang)
    found = Path(keep or folder, f"{target}.found")
    found.mkdir(parents=True, exist_ok=True)
    words = HERE / f"{target}.dict"
    done = subprocess.run([program, found, HERE / target, f"-max_total_time={seconds}", f"-max_len={TARGETS[target][1]}", "-timeout=5",
                           "-rss_limit_mb=1024", "-print_final_stats=1", *([f"-dict={words}"] if words.exists() else [])],
                          cwd=keep or ROOT, capture_output=True, text=True, timeout=seconds + 300)
    runs = next((line.split()[-1] for line in done.stderr.splitlines() if "number_of_executed_units" in line), "?")
    print(f"{target}: {'well' if done.returncode == 0 else 'FAILED'}, {runs} runs", flush=True)
    if done.returncode != 0:
        print(done.stderr[-4000:])
    return done.returncode == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("targets", nargs="*", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=900)
    parser.add_argument("--keep")
    asked = parser.parse_args()
    clang = os.environ.get("CLANG", "clang++")
    with tempfile.TemporaryDirectory() as folder:
        results = [fuzz(target, folder, asked.seconds, clang, asked.keep) for target in asked.targets or TARGETS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
