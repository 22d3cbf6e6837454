#!/usr/bin/env python3
"""Refuses an include in the wrong direction: observe -> judge -> remember -> tell, and only agent/ knows everyone.

An include is allowed when a rule below says so. `INSIDE` is for our own headers, `VENDORS` for those of libraries,
`IMPURE` names what a judge must not have: a clock, a thread, a lock, a file.
"""
import re
import sys
from pathlib import PurePosixPath

import tree

INCLUDE = re.compile(r'^\s*#\s*include\s*(?P<quote>[<"])(?P<name>[^>"]+)[>"]')

FACTS, OBSERVE, JUDGE, REPORTS = "checks/facts/", "checks/observe/", "checks/judge/", "checks/reports/"
REMEMBER, TELL, ALERTS, CONFIG = "agent/remember/", "agent/tell/", "alerts/", "config/"
CATALOGUE, WATCH, COMMANDS = "checks/judge/catalogue/", "agent/watch/", "agent/commands/"
INTAKE = "agent/reports/"
TEMPLATE = "alerts/template/"             # pure: the configuration checks what it is given with it
VERSION = "agent/version.h"

# Folder -> what it may include of ours: a folder with all in it, or one header.
INSIDE = {
    FACTS: (FACTS,),
    OBSERVE: (FACTS, OBSERVE),
    JUDGE: (FACTS, JUDGE),
    REPORTS: (FACTS, REPORTS),
    # The option structs that a configuration fills in; nothing that looks, judges or opens a socket.
    CONFIG: (FACTS, CONFIG, "checks/judge/verdict.h", "checks/observe/dns/resolver.h", "checks/observe/observer.h",
             "alerts/options.h", "alerts/template/", "agent/tell/metrics_options.h"),
    TEMPLATE: (FACTS, TEMPLATE, "alerts/options.h"),
    REMEMBER: (FACTS, JUDGE, REMEMBER),
    TELL: (FACTS, JUDGE, REMEMBER, TELL, VERSION, "agent/reports/figures.h"),
    ALERTS: (FACTS, JUDGE, REMEMBER, ALERTS, "config/program/program.h"),
    CATALOGUE: (FACTS, CATALOGUE),
    WATCH: ("agent/", "alerts/", "checks/", "config/"),
    COMMANDS: ("agent/", "alerts/", "checks/", "config/"),
    INTAKE: (FACTS, REPORTS, REMEMBER, INTAKE, "config/config.h"),
    "agent/": ("agent/", "alerts/", "checks/", "config/"),     # main knows everyone
    "tests/": ("agent/", "alerts/", "checks/", "config/", "tests/"),
}

# What the name of a library's header begins with -> the folders or files it may be included in.
VENDORS = {
    "ares": (OBSERVE,),
    "boost/": (OBSERVE,),
    "openssl/": (OBSERVE, "alerts/sink_http.cc", "agent/tell/door/server_tls.cc", "agent/tell/door/passwords.cc",
                 "agent/remember/saved_writer.cc", "agent/commands/lint.cc", "tests/observe/", "tests/bench/floor.cc", "tests/fuzz/certificates.cc"),
    "idn2.h": ("checks/facts/domain.cc",),
    "sqlite3.h": ("agent/remember/sqlite.cc",),
    "libpq-fe.h": ("agent/remember/postgres.cc",), "pqxx/": ("agent/remember/postgres.cc",),
    "libpsl.h": ("checks/facts/domain.cc",),
    "curl/": ("alerts/transfer.cc",),
    "sysexits.h": ("alerts/sink_email.cc",),
    "toml++/": (CONFIG,),
    "yaml-cpp/": ("agent/tell/door/web_gate.cc",),
    "crypt.h": ("agent/tell/door/passwords.cc",),
    "CLI/": ("agent/main.cc",),
    "spdlog/": (WATCH, COMMANDS, "tests/agent/"),
    "systemd/": (WATCH,),
    "prometheus/": (TELL, "tests/tell/"),
    "zlib.h": ("agent/remember/saved_writer.cc", "checks/observe/http_response.cc", "checks/reports/unpack.cc",
               "agent/tell/exposition.cc", "tests/tell/", "tests/observe/", "tests/reports/"),
    "archive": ("checks/reports/unpack.cc",),
    "gmime/": ("checks/reports/mail.cc",),
    "httplib.h": (TELL, "tests/alerts/", "tests/tell/", "tests/agent/", "tests/bench/page_bench.cc"),
    "nlohmann/": (REPORTS, TELL, ALERTS, REMEMBER, WATCH, COMMANDS, "config/lists.cc", "tests/"),
    "simdjson.h": (REMEMBER,),
    "spawn.h": ("config/program/program.cc",),
    "doctest/": ("tests/",),
    "tl/expected.hpp": ("",),
    "sched.h": ("tests/observe/deadline_test.cc",),
    "arpa/inet.h": ("checks/facts/address.cc", OBSERVE, "tests/"),     # inet_pton, which is pure
}
SPDLOG_STAYS_OUT_OF = (REMEMBER, TELL)     # they return values; the top level of agent/ logs
JSON_IN_HEADERS = "nlohmann/json_fwd.hpp"  # the whole of it costs 2.6 s in each file

# Time is a fact, given to a judge. <chrono> is where durations live, so facts/time.h may name it and a judge may not.
NO_SENSES = {"chrono", "ctime", "time.h", "sys/time.h", "thread", "mutex", "shared_mutex", "condition_variable", "future",
            "atomic", "stop_token", "semaphore", "latch", "barrier", "fstream", "iostream", "filesystem", "random",
            "unistd.h", "pthread.h", "csignal", "signal.h"}
IMPURE = {
    JUDGE: NO_SENSES, CATALOGUE: NO_SENSES,
    FACTS: {"thread", "mutex", "shared_mutex", "condition_variable", "future", "atomic", "fstream", "iostream",
            "filesystem", "unistd.h", "pthread.h", "csignal", "signal.h"},
}
STANDARD = re.compile(r"[a-z_]+")                                      # <vector>
SYSTEM = re.compile(r"(sys|net|netinet|linux)/[a-z_/]+\.h|(unistd|dirent|poll|pthread|signal|malloc|fcntl|netdb|resolv"
                    r"|time|pwd|grp|termios|ifaddrs)\.h")                      # POSIX and glibc
SYSTEM_STAYS_OUT_OF = (FACTS, JUDGE)


def folder_of(name):
    """The longest folder with a rule that the file is in."""
    return max((folder for folder in INSIDE if name.startswith(folder)), key=len, default=None)


def within(name, places):
    """Is the file one of these, or anywhere in these folders? "agent/" means the files right in it only."""
    parent = f"{PurePosixPath(name).parent}/"
    return any(name == place or (parent == place if place == "agent/" else place.endswith("/") and name.startswith(place))
               or place == "" for place in places)


def complain_of_ours(name, included):
    folder = folder_of(name)
    allowed = INSIDE[folder]
    if any(included == place or (place.endswith("/") and included.startswith(place)) for place in allowed):
        return None
    return f"{folder} may include only {', '.join(allowed)}"


def complain_of_library(name, included):
    folder = folder_of(name)
    if included in IMPURE.get(folder, ()):
        return f"{folder} is pure: no clock, thread, lock or file in it"
    if STANDARD.fullmatch(included):
        return None
    vendor = next((begin for begin in VENDORS if included.startswith(begin)), None)
    if vendor is None and SYSTEM.fullmatch(included):
        return f"{folder} does no I/O" if folder in SYSTEM_STAYS_OUT_OF else None
    if vendor is None:
        return "a library without a rule in tests/lint/includes.py: say there where it may be included"
    if not within(name, VENDORS[vendor]) or (vendor == "spdlog/" and name.startswith(SPDLOG_STAYS_OUT_OF)):
        return f"this library stays inside {', '.join(VENDORS[vendor])}"
    if vendor == "nlohmann/" and name.endswith(".h") and not name.startswith("tests/") and included != JSON_IN_HEADERS:
        return f"a header includes <{JSON_IN_HEADERS}> only"
    return None


def complaints(root):
    for name, path in tree.sources(root):
        if folder_of(name) is None:
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if not (found := INCLUDE.match(line)):
                continue
            judge = complain_of_ours if found["quote"] == '"' else complain_of_library
            if why := judge(name, found["name"]):
                yield f"{name}:{number}: {found['name']}: {why}"


if __name__ == "__main__":
    sys.exit(tree.report(complaints(sys.argv[1])))
