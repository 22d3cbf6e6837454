"""The senders that Debian ships, and mailauth, each as somebody would run it: towards the lab's resolver and CA.

A sender is started, told to deliver to domains, and asked whom it reached. The lab's mail hosts refuse every recipient,
with a log line that names the recipient and who greeted: that is where a delivery ends, and what proves it.
"""
import json
import os
import re
import shutil
import smtplib
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import certificates
import servers
import world
from model import Certificate

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli"))
from harness import OWN_MOUNTS  # noqa: E402

PATIENCE = 60                      # seconds for everybody to have tried everything once
ROOT = Path(__file__).resolve().parent.parent.parent
# Its own names for what Debian does not ship.
MAILAUTH = Path(os.environ.get("STSWATCH_MAILAUTH", ROOT / "build/mailauth"))


class SenderError(Exception):
    """A sender that could not be made to work."""


def wait_for(what, done, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not (result := done()):
        if time.monotonic() > end:
            raise SenderError(f"waited {seconds} s for {what}")
        time.sleep(0.2)
    return result


class Sender:
    """`name` as in checks/judge/senders; `helo` tells it apart in the logs of those it reaches."""
    name = helo = program = ""

    def __init__(self, directory):
        self.lab = Path(directory).resolve()
        self.folder = self.lab / "senders" / self.helo.split(".")[0]
        self._processes = []

    @classmethod
    def missing(cls):
        """What is not installed, if anything."""
        return "" if shutil.which(cls.program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/lib/postfix/sbin") else cls.program

    def start(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for parent in (self.folder, self.folder.parent):
            parent.chmod(0o755)
        self.prepare()

    def stop(self):
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def run(self, *command):
        """In the background, with the lab's resolver in the place of the machine's, and its CA as the only one."""
        resolv = self.folder / "resolv.conf"
        resolv.write_text(f"nameserver {world.RESOLVER[0]}\noptions timeout:5 attempts:2\n")
        log = open(self.folder / f"{Path(command[0]).name}.out", "wb")
        bind = 'mount --bind "$0" "$(readlink -f /etc/resolv.conf)" && exec "$@"'
        environment = {**os.environ, "SSL_CERT_FILE": str(self.lab / "ca.pem"), "SSL_CERT_DIR": "/nowhere",
                       "NODE_EXTRA_CA_CERTS": str(self.lab / "ca.pem")}
        process = subprocess.Popen([*OWN_MOUNTS, "sh", "-c", bind, resolv, *map(str, command)],
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True)
        self._processes.append(process)
        return process

    def reached(self, domains):
        """{domain: syslog name of the mail host that it was stopped at}, for those that it reached anybody for."""
        found = {}
        # "odd/smtpd[123]: NOQUEUE: reject: RCPT from …: 554 5.7.1 <probe@a.test>: …; to=<probe@a.test> proto=ESMTP helo=<…>"
        for line in (self.lab / "logs/postfix.log").read_text(errors="replace").splitlines()[self._seen:]:
            if f"helo=<{self.helo}>" in line and (match := re.search(r" (\S+)/smtpd\[\d+\]: NOQUEUE: reject: RCPT .*to=<\w+@(\S+?)>", line)):
                found[match[2]] = match[1]
        return {domain: found[domain] for domain in domains if domain in found}

    def deliver(self, domains):
        """{domain: whom it reached, or None}, once it has tried each."""
        self._seen = len((self.lab / "logs/postfix.log").read_text(errors="replace").splitlines())
        tried = self.attempts()
        self.submit(domains)
        wait_for(f"{self.name} to try {len(domains)} domains", lambda: all(
            self.attempts().get(domain, 0) > tried.get(domain, 0) for domain in domains))
        time.sleep(0.5)                              # their log is written by another process
        reached = self.reached(domains)
        return {domain: reached.get(domain) for domain in domains}


def count(pattern, path):
    """{domain: how often the pattern's first group was it}"""
    found = {}
    if path.exists():
        for domain in re.findall(pattern, path.read_text(errors="replace"), re.MULTILINE):
            found[domain] = found.get(domain, 0) + 1
    return found


POSTFIX_MAIN = """compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = {programs}
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
myhostname = {helo}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
mynetworks = 127.0.0.0/8
smtpd_peername_lookup = no
smtp_tls_security_level = may
smtp_tls_loglevel = 1
smtp_tls_CAfile = {ca}
smtp_tls_policy_maps = socketmap:inet:127.0.0.1:8461:postfix
smtp_host_lookup = dns
default_destination_concurrency_limit = 20
initial_destination_concurrency = 20
postlogd_watchdog_timeout = 600s
"""
POSTFIX_MASTER = """127.0.0.1:2525 inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
"""
RESOLVER = """host: 127.0.0.1
port: 8461
shutdown_timeout: 5
cache_grace: 60
proactive_policy_fetching:
  enabled: false
cache:
  type: internal
  options:
    cache_size: 10000
default_zone:
  strict_testing: false
  timeout: 4
"""


class Postfix(Sender):
    name, helo, program = "postfix-mta-sts-resolver", "postfix.senders.test", "mta-sts-daemon"

    def prepare(self):
        configuration, queue = self.folder / "config", self.folder / "queue"
        configuration.mkdir()
        (queue / "pid").mkdir(parents=True)
        for name in ("private", "public", "active", "incoming", "deferred", "defer", "bounce", "maildrop", "corrupt", "hold",
                     "trace", "flush", "saved"):
            (queue / name).mkdir()
            shutil.chown(queue / name, "postfix")
        (self.folder / "data").mkdir()
        shutil.chown(self.folder / "data", "postfix")
        (configuration / "main.cf").write_text(POSTFIX_MAIN.format(
            folder=self.folder, programs=servers.POSTFIX_PROGRAMS, helo=self.helo, ca=self.lab / "ca.pem"))
        (configuration / "master.cf").write_text(POSTFIX_MASTER)
        (self.folder / "resolver.yml").write_text(RESOLVER)
        self.run("mta-sts-daemon", "-c", self.folder / "resolver.yml")
        self.run(servers.POSTFIX_PROGRAMS / "master", "-c", configuration, "-d")
        wait_for("Postfix to listen", lambda: _answers(2525))
        wait_for("postfix-mta-sts-resolver to listen", lambda: _answers(8461))

    def submit(self, domains):
        with smtplib.SMTP("127.0.0.1", 2525, timeout=30) as smtp:
            for domain in domains:
                smtp.sendmail("", [f"probe@{domain}"], "Subject: probe\r\n\r\nprobe\r\n")

    def attempts(self):
        return count(r" to=<probe@(\S+?)>.* status=", self.folder / "postfix.log")


CHASQUID = """hostname: "{helo}"
smtp_address: "127.0.0.1:1525"
submission_address: "127.0.0.1:1587"
submission_over_tls_address: "127.0.0.1:1465"
mail_delivery_agent_bin: "/bin/true"
data_dir: "{folder}/data"
mail_log_path: "{folder}/mail.log"
"""


class Chasquid(Sender):
    name, helo, program = "chasquid", "chasquid.senders.test", "chasquid"

    def prepare(self):
        certificate = Certificate(names=(self.helo,), issuer="self").shown_by(self.helo)
        certificates.Authority(self.lab).issue_all({certificate})
        shown = self.folder / "certs" / self.helo
        shown.mkdir(parents=True)
        pem = certificates.pem_path(self.lab, certificate)
        for name in ("fullchain.pem", "privkey.pem"):
            shutil.copy(pem, shown / name)
        (self.folder / "domains" / self.helo).mkdir(parents=True)
        (self.folder / "chasquid.conf").write_text(CHASQUID.format(helo=self.helo, folder=self.folder))
        made = subprocess.run(["chasquid-util", f"--configdir={self.folder}", "user-add", f"probe@{self.helo}", "--password=probe"],
                              capture_output=True, text=True)
        if made.returncode:
            raise SenderError(f"chasquid-util: {made.stdout}{made.stderr}")
        self.run("chasquid", f"-config_dir={self.folder}", "-alsologtostderr")
        wait_for("chasquid to listen", lambda: _answers(1587))

    def submit(self, domains):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with smtplib.SMTP("127.0.0.1", 1587, timeout=30) as smtp:
            smtp.starttls(context=context)
            smtp.login(f"probe@{self.helo}", "probe")
            for domain in domains:
                smtp.sendmail(f"probe@{self.helo}", [f"probe@{domain}"], "Subject: probe\r\n\r\nprobe\r\n")

    def attempts(self):
        return count(r" to=probe@(\S+?) (?:sent|failed|permanent|temporary|error)", self.folder / "mail.log")


MAILAUTH_DELIVER = """
const dns = require('dns'), fs = require('fs');
const { getPolicy, validateMx } = require(process.argv[2] + '/node_modules/mailauth/lib/mta-sts.js');
dns.setServers([process.argv[3]]);
const { domains, known } = JSON.parse(fs.readFileSync(0));
const one = async domain => {
  const mx = (await dns.promises.resolveMx(domain)).sort((a, b) => a.priority - b.priority).map(m => m.exchange);
  let policy;
  try { policy = (await getPolicy(domain, known[domain])).policy; } catch (e) { policy = { mode: 'none', failed: e.message }; }
  const allows = host => { const said = validateMx(host, policy); return said.valid === undefined ? said : said.valid; };
  return { host: mx.find(allows) || null, policy };
};
Promise.all(domains.map(async d => [d, await one(d)])).then(all => console.log(JSON.stringify(Object.fromEntries(all))));
"""


class Mailauth(Sender):
    """A library that MTAs written in JavaScript use: it says which hosts a policy lets them try. It sees no certificate of
    theirs, and what it holds is its caller's to keep."""
    name, helo, program = "mailauth", "mailauth.senders.test", "node"

    @classmethod
    def missing(cls):
        module = MAILAUTH / "node_modules/mailauth/lib/mta-sts.js"
        return super().missing() or ("" if module.exists() else str(module))

    def prepare(self):
        (self.folder / "deliver.js").write_text(MAILAUTH_DELIVER)
        self._known = {}

    def deliver(self, domains):
        """{domain: the host's name that it would try first, or None}"""
        environment = {**os.environ, "NODE_EXTRA_CA_CERTS": str(self.lab / "ca.pem")}
        done = subprocess.run(["node", self.folder / "deliver.js", MAILAUTH, world.RESOLVER[0]], capture_output=True, text=True,
                              input=json.dumps({"domains": list(domains), "known": self._known}), env=environment, timeout=PATIENCE)
        if done.returncode:
            raise SenderError(f"mailauth: {done.stderr}")
        said = json.loads(done.stdout)
        self._known.update({domain: one["policy"] for domain, one in said.items() if one["policy"].get("id")})
        return {domain: one["host"] for domain, one in said.items()}


def _answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


SENDERS = (Postfix, Chasquid, Mailauth)
