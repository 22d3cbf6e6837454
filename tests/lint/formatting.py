#!/usr/bin/env python3
"""Refuses a C++ file that is not as clang-format-14 would leave it. (Others differ from 14 in small things.)"""
import shutil
import subprocess
import sys

import tree

SKIPPED = 77
FORMATTER = "clang-format-14"


def main(root):
    if not shutil.which(FORMATTER):
        print(f"{FORMATTER} is not installed")
        return SKIPPED
    names = [str(path) for _, path in tree.sources(root)]
    done = subprocess.run([FORMATTER, "--dry-run", "-Werror", "--style=file", *names], capture_output=True, text=True)
    bad = sorted({line.split(":")[0] for line in done.stderr.splitlines() if "clang-format-violations" in line})
    for name in bad:
        print(f"{name}: not formatted: {FORMATTER} -i {name}")
    if done.returncode and not bad:
        print(done.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
