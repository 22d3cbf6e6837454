#!/usr/bin/python3
"""What a domain costs here and with blackbox_exporter: the same probes of the same servers in the same minutes.

    STSWATCH_LAB_FAMILIES=bench unshare -n tests/lab/lab exec -- tests/bench/blackbox.py [ROUNDS [SECONDS]]

Under four minutes. STSWATCH names the program, else build/stswatch; blackbox_exporter is Debian's. More: README.md.
"""
import contextlib
import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lab"))
sys.dont_write_bytecode = True
import domains_bench  # noqa: E402
import model  # noqa: E402
import world  # noqa: E402

RESOLVER = f"{world.RESOLVER[0]}:{world.RESOLVER[1]}"
BINARY = Path(os.environ.get("STSWATCH", "build/stswatch")).resolve()
EXPORTER_PORT, PORT, PATIENCE_SECONDS, DOMAINS = 19115, 19461, 120, domains_bench.PAIRS
ROUNDS, INTERVAL = map(int, (*sys.argv[1:3], *("3", "20")[len(sys.argv) - 1:]))
# Go's resolver knows no other place; the process and its number stay the same.
EXPORTER = ("unshare", "--mount", "sh", "-c", "mount --bind resolv.conf /etc/resolv.conf && exec prometheus-blackbox-exporter "
            f"--config.file=blackbox.yml --log.level=error --web.listen-address=127.0.0.1:{EXPORTER_PORT}")
CASES = (("two of its own", domains_bench.name, 0.40), ("two shared by all", domains_bench.name_of_sharing, 0.15))
STARTTLS = [{"expect": "^220 "}, {"send": "EHLO prober.test\r"}, {"expect": "^250-STARTTLS"}, {"send": "STARTTLS\r"},
            {"expect": "^220"}, {"starttls": True}, {"send": "QUIT\r"}]
CONFIG = f"""domains_files = ["names.txt"]
agent = {{listen = "127.0.0.1:{PORT}", state = "state.db"}}
schedule = {{dns = "SPAN", policy = "SPAN", mx = "SPAN", second_probe = "off"}}
dns = {{servers = ["{RESOLVER}"]}}
network = {{ca_file = "roots.pem", allow_private = true}}
"""


def module(prober, **options):
    return {"prober": prober, "timeout": "15s", prober: {"preferred_ip_protocol": "ip4", **options}}


def modules(names):
    """Each question is a module of its own there."""
    return {"https": module("http", fail_if_not_ssl=True, fail_if_body_not_matches_regexp=["version: STSv1"]),
            "smtp": module("tcp", query_response=STARTTLS),
            **{f"{kind}-{name}": module("dns", query_name=owner + name, query_type=kind,
                                        validate_answer_rrs={"fail_if_none_matches_regexp": [answer]})
               for name in names for kind, owner, answer in (("TXT", "_mta-sts.", "v=STSv1"), ("MX", "", "benchhost"))}}


def probes(name):
    return ((f"TXT-{name}", RESOLVER), (f"MX-{name}", RESOLVER), ("https", f"https://mta-sts.{name}/.well-known/mta-sts.txt"),
            *(("smtp", f"{host}:25") for _, host in world.domain_of(name).mx))


def get(path, data=None):
    return urllib.request.urlopen(f"http://127.0.0.1:{PORT}{path}", data, timeout=30).read().decode()


@contextlib.contextmanager
def running(folder, *command):
    with open(folder / "log", "ab") as log:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   env={**os.environ, "SSL_CERT_FILE": "roots.pem"})     # which blackbox_exporter reads once
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def cpu_ms(process):
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def looks():
    """So far, at policies, names and MX hosts: a scrape, as Prometheus makes one a round."""
    metrics = get("/metrics")
    return [sum(map(int, re.findall(rf'^stswatch_looks_total{{kind="{kind}",outcome="\w+"}} (\d+)', metrics, re.M)))
            for kind in ("policy", "domain", "mx")]


def all_are_ok(names):
    with contextlib.suppress(OSError):               # until it listens
        return f'stswatch_domains{{status="ok"}} {len(names)}\n' in get("/metrics")


def probe_all(connection, names, context):
    """As Prometheus does: evenly over the interval. Returns the CPU ms of a bare verified handshake with each policy host: the
    floor of a look over TLS with the library that stswatch uses too."""
    began, floor, wanted = time.monotonic(), 0, [(name, *probe) for name in names for probe in probes(name)]
    for number, (name, kind, target) in enumerate(wanted):
        time.sleep(max(0, began + INTERVAL * number / len(wanted) - time.monotonic()))
        connection.request("GET", f"/probe?module={kind}&target={target}")
        if "\nprobe_success 1\n" not in connection.getresponse().read().decode():
            sys.exit(f"bench: blackbox_exporter: {kind} {target} failed")
        if kind == "https":
            floor -= time.thread_time()
            with socket.create_connection((model.SHARED_POLICY_ADDRESS, 443), 30) as plain, \
                 context.wrap_socket(plain, server_hostname=f"mta-sts.{name}"):
                floor += time.thread_time()
    time.sleep(max(0, began + INTERVAL - time.monotonic()))
    return floor * 1000


def measured(names, folder):
    """Of each round: CPU ms of bare handshakes, of blackbox_exporter and of stswatch, and the latter's looks of each kind."""
    (folder / "names.txt").write_text("".join(name + "\n" for name in names))
    (folder / "blackbox.yml").write_text(json.dumps({"modules": modules(names)}))
    (folder / "c.toml").write_text(CONFIG.replace("SPAN", "1h"))
    (folder / "state.db").unlink(missing_ok=True)
    connection = http.client.HTTPConnection("127.0.0.1", EXPORTER_PORT, timeout=30)
    context = ssl.create_default_context(cafile=folder / "roots.pem")
    with running(folder, *EXPORTER) as theirs, running(folder, BINARY, "run", "--config", "c.toml") as ours:
        end = time.monotonic() + PATIENCE_SECONDS
        while not all_are_ok(names):
            if time.monotonic() > end:
                sys.exit(f"bench: waited {PATIENCE_SECONDS} s for every domain to be ok")
            time.sleep(0.2)
        (folder / "c.toml").write_text(CONFIG.replace("SPAN", f"{INTERVAL}s"))
        get("/-/reload", b"")        # what was due in an hour comes due within the interval, evenly spread
        seen = []
        for _ in range(1 + ROUNDS):
            before = (cpu_ms(theirs), cpu_ms(ours), *looks())
            floor = probe_all(connection, names, context)
            seen.append([floor, *(now - then for now, then in zip((cpu_ms(theirs), cpu_ms(ours), *looks()), before))])
        if not all_are_ok(names):
            sys.exit("bench: not every domain is ok in the end")
    return seen[1:]                  # in the first caches fill


def compared(rounds):
    """CPU ms of a handshake, of a domain and round there and here, and their ratio; a round here is a look at each policy."""
    floor, theirs, ours, policies, *_ = map(sum, zip(*rounds))
    there, here = theirs / len(rounds) / DOMAINS, ours / policies
    return floor / len(rounds) / DOMAINS, there, here, here / there


def main():
    lab = Path(os.environ["STSWATCH_LAB_DIR"])
    folder = lab / "blackbox"
    folder.mkdir(exist_ok=True)
    (folder / "roots.pem").write_text(Path("/etc/ssl/certs/ca-certificates.crt").read_text() + (lab / "ca.pem").read_text())
    (folder / "resolv.conf").write_text(f"nameserver {world.RESOLVER[0]}\n")
    print(f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())}, load {os.getloadavg()[0]:.1f} at first, {os.cpu_count()} cores; "
          f"{DOMAINS} domains, {ROUNDS} rounds of {INTERVAL} s, CPU for a domain and round.\n\n"
          "| MX hosts | bare handshake, ms | blackbox_exporter, ms | stswatch, ms | ratio | single rounds | goal "
          "| looks at policy, names, MX host |\n|---|---:|---:|---:|---:|---:|---:|---:|")
    for what, name, goal in CASES:
        rounds = measured([name(number) for number in range(DOMAINS)], folder)
        floor, there, here, ratio = compared(rounds)
        single = sorted(compared([one])[-1] for one in rounds)
        made = ", ".join(f"{sum(kind) / ROUNDS / DOMAINS:.2f}" for kind in [*zip(*rounds)][3:])
        print(f"| {what} | {floor:.2f} | {there:.2f} | {here:.2f} | **{ratio:.2f}** | {single[0]:.2f} to {single[-1]:.2f} "
              f"| {goal:.2f} | {made} |", flush=True)
    print(f"\nLoad {os.getloadavg()[0]:.1f} in the end.")


if __name__ == "__main__":
    main()
