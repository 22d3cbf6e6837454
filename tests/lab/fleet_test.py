#!/usr/bin/python3
"""Three agents on one PostgreSQL; agents are killed, stopped and cut off from it, and it is stopped, at random: every domain is looked at again within
two intervals, no notice is lost, none comes twice but under its own key after a kill, and nobody writes of a domain that
another holds. Then two that look from different places: what only one of them sees wakes nobody. Needs postgresql and a
loopback interface that is up; no lab.

    fleet_test.py [--seed N] [--domains N] [--faults N] [--pgbouncer]

STSWATCH names the program. By default a short run; `--domains 3000 --faults 50` is the long one."""
import argparse
import contextlib
import json
import random
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "cli"))
sys.path.insert(0, str(ROOT / "tests" / "remember"))
from harness import BINARY, environment, free_port, get, post                   # noqa: E402
from name_server import A, MX, TXT, NameServer, mx, txt                          # noqa: E402
from postgres import Postgres, programs                                          # noqa: E402
from receivers import HttpListener                                               # noqa: E402

INTERVAL, LEASE = 20, 10
LATE = 2 * INTERVAL + 20                 # a busy machine is late by itself
PATIENCE_SECONDS = 150
AGENTS = ("fra1", "nyc2", "sin3")
# Who wrote of a domain, if not the holder of its shard at that moment.
AUDIT = """CREATE TABLE audit (at timestamptz DEFAULT clock_timestamp(), domain text, writer text, holder text);
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE h text; BEGIN
  SELECT holder INTO h FROM fleet_shards WHERE shard = NEW.shard;
  IF NEW.kind = 'domain' AND NEW.written <> OLD.written AND NEW.writer <> h THEN
    INSERT INTO audit (domain, writer, holder) VALUES (NEW.name, NEW.writer, h); END IF;
  RETURN NEW; END $$;
CREATE TRIGGER audit AFTER UPDATE ON subjects FOR EACH ROW EXECUTE FUNCTION audit()"""


class Resolver(NameServer):
    """Remembers when the MX records of each of the domains were last asked for, and the longest pause."""

    def __init__(self, table, domains):
        super().__init__(table)
        self.domains = {b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) for name in domains}
        self.asked, self.paused = {}, {}

    def serve(self):
        self.socket.settimeout(None)
        super().serve()

    def answer(self, packet):
        name = packet[12:].split(b"\0", 1)[0]
        if packet[12 + len(name):12 + len(name) + 3] == b"\0\0\x0f" and name in self.domains:
            now = time.monotonic()
            if name in self.asked:
                self.paused[name] = max(self.paused.get(name, 0), now - self.asked[name])
            self.asked[name] = now
        return super().answer(packet)


class PlainMail(socketserver.StreamRequestHandler):
    """A host that takes mail, and offers no STARTTLS: what it is can be seen."""

    def handle(self):
        self.wfile.write(b"220 mx.example.net ESMTP\r\n")
        while line := self.rfile.readline(1000):
            self.wfile.write(b"250 mx.example.net\r\n" if line[:4].upper() in (b"EHLO", b"HELO") else b"221 bye\r\n")
            if line[:4].upper() == b"QUIT":
                return


class Relay(socketserver.ThreadingTCPServer):
    """An agent's way to the database. While it is cut nothing passes, either way; what was under way passes after it, as of TCP."""

    daemon_threads = True

    def __init__(self, port):
        self.port, self.whole = port, threading.Event()
        self.whole.set()
        super().__init__(("127.0.0.1", 0), None)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def finish_request(self, request, _):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)) as there:
            back = threading.Thread(target=self.pass_on, args=(there, request), daemon=True)
            back.start()
            self.pass_on(request, there)
            back.join()

    def pass_on(self, source, sink):
        with contextlib.suppress(OSError):
            while octets := source.recv(65536):
                self.whole.wait()
                sink.sendall(octets)
        self.whole.wait()
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


class Fleet:
    def __init__(self, arguments):
        self.random = random.Random(arguments.seed)
        self.folder = Path(tempfile.mkdtemp(prefix="stswatch-fleet-"))
        self.names = [f"d{number:04}.kept.example" for number in range(arguments.domains)]
        self.table = {("example.net", MX): [mx(10, "mx.example.net")]}
        for name in self.names:
            self.table |= {(name, MX): [mx(10, "mx.example.net")],
                           (f"_smtp._tls.{name}", TXT): [txt("v=TLSRPTv1; rua=mailto:r@example.net")]}
            self.heal(name)
        self.table[("mx.example.net", A)] = [bytes([127, 0, 0, 1])]
        self.resolver = Resolver(self.table, self.names)
        self.hook = HttpListener()
        self.postgres = Postgres(port=free_port())
        self.agents, self.ports = {}, {}
        self.resolvers, self.smtp_port = {}, None       # other ones than usual: by agent; of all
        self.pgbouncer = arguments.pgbouncer
        self.pooler = self.pooler_port = None

    def heal(self, name):
        self.table[f"_mta-sts.{name}", TXT] = []

    def break_(self, name):
        self.table[f"_mta-sts.{name}", TXT] = [txt("v=STSv1; id=1;"), txt("v=STSv1; id=2;")]

    def __enter__(self):
        self.resolver.__enter__()
        self.hook.__enter__()
        self.postgres.start()
        self.postgres.sql("postgres", "CREATE DATABASE mail")
        self.url = self.postgres.url("mail")
        if self.pgbouncer:
            self.start_pooler()
        self.relays = {name: Relay(self.pooler_port or self.postgres.port) for name in AGENTS}
        return self

    def start_pooler(self):
        port = self.pooler_port = free_port()
        config = self.folder / "pgbouncer.ini"
        config.write_text(f"[databases]\nmail = host={self.postgres.folder} port={self.postgres.port} dbname=mail user=stswatch\n"
                          f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\npool_mode = transaction\n"
                          f"unix_socket_dir =\ndefault_pool_size = 4\nlogfile =\n")
        self.folder.chmod(0o755)
        config.chmod(0o644)
        log = open(self.folder / "pgbouncer.log", "ab")
        self.pooler = subprocess.Popen([shutil.which("pgbouncer") or "/usr/sbin/pgbouncer", str(config)], stdout=log, stderr=log,
                                       **self.postgres.options())
        self.url = f"postgresql://stswatch@127.0.0.1:{port}/mail"

    def __exit__(self, *_):
        for agent in self.agents.values():
            agent.send_signal(signal.SIGCONT)
            agent.kill()
            agent.wait()
        for relay in self.relays.values():
            relay.whole.set()
            relay.shutdown()
            relay.server_close()
        if self.pooler:
            self.pooler.kill()
            self.pooler.wait()
        self.postgres.close()
        self.hook.__exit__(None, None, None)
        self.resolver.__exit__(None, None, None)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, name):
        config = self.folder / f"{name}.toml"
        self.ports[name] = free_port()
        config.write_text(f"""domains_files = ["{self.folder}/domains.txt"]
[agent]
listen = "127.0.0.1:{self.ports[name]}"
state = "postgresql://stswatch@127.0.0.1:{self.relays[name].server_address[1]}/mail"
vantage = "{name}"
workers = 16
[schedule]
dns = "{INTERVAL}s"
confirm_after = "2s"
confirmations = 1
[dns]
servers = ["{self.resolvers.get(name, self.resolver).address}"]
[network]
allow_private = true
smtp_port = {self.smtp_port or free_port()}
[alerts]
group_wait = "1s"
[[alerts.webhook]]
name = "hook"
url = "{self.hook.url}"
own = false
""")
        (self.folder / "domains.txt").write_text("\n".join(self.names) + "\n")
        with open(self.folder / f"{name}.log", "ab") as log:
            self.agents[name] = subprocess.Popen([BINARY, "run", "--config", str(config)], env=environment(), cwd=self.folder,
                                                 stdin=subprocess.DEVNULL, stderr=log)

    def said(self):
        return "\n".join(f"--- {name}\n" + (self.folder / f"{name}.log").read_text()[-1500:] for name in self.agents)

    def view(self):
        answer = subprocess.run([BINARY, "fleet", "--state", self.url, "--json"], env=environment(), capture_output=True, text=True,
                                check=False)
        return json.loads(answer.stdout) if answer.stdout else {"agents": [], "shards": []}

    def held(self):
        """Shards of each agent that lives, by its vantage."""
        view = self.view()
        names = {agent["name"]: agent["vantage"] for agent in view["agents"] if agent["alive"]}
        out = dict.fromkeys(names.values(), 0)
        for shard in view["shards"]:
            if shard["holder"] in names:
                out[names[shard["holder"]]] += 1
        return out

    def until(self, what, is_so, seconds=PATIENCE_SECONDS):
        end = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > end:
                raise AssertionError(f"waited {seconds} s for {what}\n{self.said()}")
            time.sleep(0.25)

    def is_shared_among(self, agents):
        held = self.held()
        return set(held) == set(agents) and sum(held.values()) == 65 and max(held.values()) - min(held.values()) <= len(agents)

    def told(self, name, status):
        """The keys of the notices of the domain."""
        return {notice["key"] for notice in self.notices() if notice["status"] == status and name in notice["domains"]}

    def notices(self):
        return [json.loads(body) for _, _, body in list(self.hook.requests)]

    def shown(self, name):
        """What the page of each agent's API says of the domain: its status, and what is open."""
        out = set()
        for port in self.ports.values():
            status, body = get(port, f"/api/v1/domains/{name}")
            domain = json.loads(body) if status == 200 else {"status": status, "findings": []}
            out.add((domain["status"], tuple(sorted(finding["code"] for finding in domain["findings"]))))
        return out

    # Faults: each answers how it is mended.

    def kill(self, name):
        self.agents[name].kill()
        self.agents[name].wait()
        return lambda: self.start(name)

    def stop(self, name):
        self.agents[name].send_signal(signal.SIGSTOP)
        return lambda: self.agents[name].send_signal(signal.SIGCONT)

    def cut(self, name):
        self.relays[name].whole.clear()
        return self.relays[name].whole.set

    def end_database(self, _):
        self.postgres.stop(self.random.choice(("INT", "QUIT")))
        return self.postgres.start


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def ask_whom_one_may(fleet):
    """Who asks an agent to look at what another looks at is told so, on the page and in the API (contrib/api.md)."""
    for name in fleet.names[:6]:
        answers = {agent: post(port, f"/api/v1/domains/{name}/check") for agent, port in fleet.ports.items()}
        check(sorted(status for status, _ in answers.values()) == [202, 409, 409], f"{name}: {answers}")
        for agent, (status, body) in answers.items():
            if status == 409:
                check(f"{name} is looked at by another agent of the fleet" in body, f"{agent}: {body}")
                page = post(fleet.ports[agent], f"/domain/{name}/check")
                check(page[0] == 409 and "another agent of the fleet" in page[1], f"{agent}: {page}")
    check(post(next(iter(fleet.ports.values())), "/api/v1/domains/nobody.example/check")[0] == 404, "not watched")


def run(arguments):
    with Fleet(arguments) as fleet:
        began = time.monotonic()
        fleet.start(AGENTS[0])
        fleet.until("the first agent", lambda: fleet.is_shared_among(AGENTS[:1]))
        fleet.postgres.sql("mail", AUDIT)
        for name in AGENTS[1:]:
            fleet.start(name)
        fleet.until("three to share", lambda: fleet.is_shared_among(AGENTS))
        fleet.until("a first look at all", lambda: len(fleet.resolver.asked) >= len(fleet.names))
        print(f"three agents share {len(fleet.names)} domains after {time.monotonic() - began:.0f} s: {fleet.held()}", flush=True)
        ask_whom_one_may(fleet)
        fleet.until("all to show alike", lambda: all(len(fleet.shown(name)) == 1 for name in fleet.names[:10]))
        names = fleet.names[:]
        fleet.random.shuffle(names)
        broken, healed = [], []
        for number in range(arguments.faults):
            faults = (fleet.kill, fleet.stop, fleet.end_database, fleet.cut)
            fault = faults[number] if number < len(faults) else fleet.random.choice(faults)
            victim = fleet.random.choice(AGENTS)
            if names:
                broken.append(names.pop())
                fleet.break_(broken[-1])
            away = fleet.random.uniform(LEASE + 2, LEASE + 8) if fault != fleet.end_database else fleet.random.uniform(3, LEASE + 5)
            if fault == fleet.stop and number >= len(faults):
                away = 60
            print(f"{number}: {fault.__name__} {victim if fault != fleet.end_database else ''} for {away:.0f} s; "
                  f"{broken[-1]} breaks", flush=True)
            mend = fault(victim)
            time.sleep(away)
            mend()
            fleet.until("three to share again", lambda: fleet.is_shared_among(AGENTS))
            name = broken[-1]
            fleet.until(f"the notice of {name}", lambda: fleet.told(name, "firing"))
            # What one has seen the others hear of: the same stands on the page of each.
            fleet.until(f"all to show that {name} is broken", lambda: len(shown := fleet.shown(name)) == 1 and "sts-txt-multiple" in
                        next(iter(shown))[1])
            if fleet.random.random() < 0.7:
                fleet.heal(name)
                healed.append(name)
        for name in healed:
            fleet.until(f"the resolve of {name}", lambda: fleet.told(name, "resolved"))
        ended = time.monotonic()
        fleet.until("one more look at all", lambda: all(at > ended for at in list(fleet.resolver.asked.values())))
        for name in broken:
            check(len(fleet.told(name, "firing")) == 1, f"{name} was told twice: " + "\n".join(
                json.dumps({part: notice.get(part) for part in ("key", "kind", "title", "at", "findings")})
                for notice in fleet.notices() if name in notice["domains"]) + fleet.said())
        for name in fleet.names:
            check(name in broken or not fleet.told(name, "firing"), f"{name} is healthy, and was told of")
            if name not in healed:
                check(not fleet.told(name, "resolved"), f"{name} is broken, and was said to be over")
        late = {name: pause for name, pause in fleet.resolver.paused.items() if pause > LATE}
        check(not late, f"not looked at for more than {LATE} s: {late}")
        check(len(fleet.resolver.asked) >= len(fleet.names), "some were never looked at")
        audit = fleet.postgres.sql("mail", "SELECT * FROM audit LIMIT 5")
        check(not audit, f"written by others than the holder: {audit}")
        keys = [notice["key"] for notice in fleet.notices()]
        again = len(keys) - len(set(keys))
        print(f"{len(keys)} notices, {again} of them again under the same key; longest without a look: "
              f"{max(fleet.resolver.paused.values()):.0f} s; nobody wrote what another held", flush=True)


def look_twice(seed):
    """fra1 and nyc2, each with a resolver of its own; what pages is held by fra1."""
    with Fleet(argparse.Namespace(seed=seed, domains=24, pgbouncer=False)) as fleet, \
            socketserver.ThreadingTCPServer(("127.0.0.1", 0), PlainMail) as mail:
        threading.Thread(target=mail.serve_forever, daemon=True).start()
        fleet.smtp_port = mail.server_address[1]
        there = dict(fleet.table)
        with NameServer(there) as elsewhere:
            fleet.resolvers["nyc2"] = elsewhere
            for name in AGENTS[:2]:
                fleet.start(name)
            fleet.until("two to share", lambda: fleet.is_shared_among(AGENTS[:2]))
            fleet.until("both to show all", lambda: all(status != 404 and codes for name in fleet.names
                                                        for status, codes in fleet.shown(name)))
            # The second look rests on what was: the MX host is remembered of all.
            held = [name for name in fleet.names if post(fleet.ports["fra1"], f"/api/v1/domains/{name}/check")[0] == 202]
            one, both = held[:2]
            there[both, MX] = [mx(0, "")]
            for name in (one, both):
                fleet.table[name, MX] = [mx(0, "")]
            def gone(name):
                return [notice for notice in fleet.notices() if {"domain": name, "code": "mx-became-null", "subject": name,
                                                                 "severity": "critical"} in notice["findings"]]
            for name in (one, both):
                fleet.until(f"the notice of {name}", lambda: gone(name))
            told = {name: gone(name)[0] for name in (one, both)}
            said = {name: (notice["route"], notice.get("seen_from"), notice.get("not_seen_from")) for name, notice in told.items()}
            check(said == {one: ("ticket", ["fra1"], ["nyc2"]), both: ("page", ["fra1", "nyc2"], None)},
                  f"{said}\n{fleet.said()}")
            check("seen from fra1 and nyc2" in told[both]["seen"] and "seen from fra1; not from nyc2" in told[one]["seen"], told)
            def shown(port):
                incidents = json.loads(get(port, f"/api/v1/domains/{one}")[1])["incidents"]
                return [(incident.get("seen_from"), incident.get("not_seen_from")) for incident in incidents
                        if incident["code"] == "mx-became-null"]
            for port in fleet.ports.values():                # who did not tell of it hears of the answer at its next beat
                fleet.until("both places to be shown", lambda: shown(port) == [(["fra1"], ["nyc2"])])
        mail.shutdown()
    print("what two places see is a page, what one sees a ticket", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--domains", type=int, default=120)
    parser.add_argument("--faults", type=int, default=4)
    parser.add_argument("--pgbouncer", action="store_true")
    arguments = parser.parse_args()
    if not programs():
        print("postgresql is not installed: the fleet is NOT TRIED")
        return 0
    print(f"seed {arguments.seed}", flush=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], stderr=subprocess.DEVNULL, check=False)   # in a network of its own
    try:
        run(arguments)
        look_twice(arguments.seed)
    except AssertionError as error:
        print(f"{error}\n0 passed, 1 failed")
        return 1
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
