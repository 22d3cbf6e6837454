"""Changes a lab while it runs: zones, policy files, certificates, hosts that stop answering.

    with live.Live() as lab:                                   # of the lab in STSWATCH_LAB_DIR, which is up
        lab.set_txt("s01-base.test", "_mta-sts", ["v=STSv1; id=2;"])
        lab.set_policy("s01-base.test", model.policy("mx1.s01-base.test"))
        lab.set_certificate("mx2.s01-base.test", left=model.hours(-1))
        lab.set_mx("s01-base.test", [(10, "mx9.s01-base.test")], hosts={"mx9.s01-base.test": model.Mail()})

When a method returns, its change is what the servers and the resolver answer; connections begun before it may still
see the old state. Leaving the block puts everything back. One program at a time changes a lab. What misbehave.py
serves is fixed, and so is the set of domains.
"""
import os
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import certificates
import servers
import world
import zones
from model import Mail, Web
from processes import Processes, children, start_time, title

PATIENCE_SECONDS = 60
RELOADED = "reload -- version"                   # in the words of Postfix' master


class LiveError(Exception):
    """What could not be changed, and why."""


class Live:
    def __init__(self, directory=None, now=None):
        """`now`: the moment from which certificates count their age and what they have left; by default the real one."""
        self.directory = Path(directory or os.environ.get("STSWATCH_LAB_DIR", "/tmp/stswatch-lab")).resolve()
        self.now = now
        self._processes = Processes(self.directory)
        self._zones = zones.Zones(self.directory)
        self._serial = zones.FIRST_SERIAL
        self._originals = {}                         # domain name -> as it was
        self._reissued = set()                       # certificates that were issued over earlier ones
        if not self._processes.running():
            raise LiveError(f"no lab is up in {self.directory}: tests/lab/lab up")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.restore()

    def restore(self):
        """Everything as it was when the lab came up, with certificates issued now."""
        self.now = None
        originals = list(self._originals.values())
        shown = {one for original in originals for one in _shown_by_web(original) | _shown_by_mail(original)}
        self._apply(originals, shown & self._reissued)
        self._originals.clear()
        self._reissued.clear()

    # DNS

    def set_txt(self, domain, name, texts):
        """The TXT records at `name`: `_mta-sts`, `_smtp._tls`, or any other in the domain. A text is a string or,
        to say where it is split, a tuple of character-strings."""
        owner = name.removesuffix("." + domain)
        known = {"_mta-sts": "record", "_smtp._tls": "tlsrpt"}
        if owner in known:
            return self.change(domain, **{known[owner]: tuple(texts)})
        others = [(at, data) for at, data in world.domain_of(domain).records if at != owner or not data.startswith("TXT ")]
        self.change(domain, records=(*others, *((owner, f"TXT {zones.quoted(text)}") for text in texts)))

    def set_mx(self, domain, mx, hosts=None):
        """`mx`: (preference, host) pairs. `hosts`: mail hosts to add to the domain's zone, {host: Mail or tuple of Mail}."""
        added = {host: (mails,) if isinstance(mails, Mail) else tuple(mails) for host, mails in (hosts or {}).items()}
        self.change(domain, mx=tuple(mx), hosts={**world.domain_of(domain).hosts, **added})

    # The policy host

    def set_policy(self, domain, body=None, web=None, **parts):
        """The policy file (None: the base policy) at every address of the policy host, or only at number `web` of them.
        `parts` are further fields of model.Web, e.g. serve="return 404;"."""
        webs = world.domain_of(domain).web or (Web(),)
        octets = body.encode() if isinstance(body, str) else body
        self.change(domain, web=tuple(replace(old, body=octets, **parts) if web in (None, number) else old
                                      for number, old in enumerate(webs)))

    def stop_policy_host(self, domain):
        """Refuses connections from now on."""
        self._each_server(world.domain_of(domain).policy_host, None, lambda server: replace(server, stopped=True))

    def start_policy_host(self, domain):
        self._each_server(world.domain_of(domain).policy_host, None, lambda server: replace(server, stopped=False))

    # Policy hosts and mail hosts

    def set_certificate(self, host, certificate=None, address=None, **parts):
        """A certificate issued now, at every address of the host or only at `address`: the one it has, renewed, or
        `certificate`, with `parts` (fields of model.Certificate) replaced. The key stays unless `issue` changes."""
        def renewed(server):
            wanted = replace(certificate or server.certificate, **parts).shown_by(host)
            if certificates.pem_path(self.directory, wanted).exists():
                self._reissued.add(wanted)
            anew.add(wanted)
            return replace(server, certificate=wanted)

        anew = set()
        self._each_server(host, address, renewed, anew)

    def stop_mail_host(self, host, address=None):
        """Refuses connections from now on."""
        self._each_server(host, address, lambda server: replace(server, stopped=True))

    def start_mail_host(self, host, address=None):
        self._each_server(host, address, lambda server: replace(server, stopped=False))

    @contextmanager
    def paused(self, *names):
        """Within the block these servers ("unbound", "nsd", "nginx", "postfix") are silent: nobody gets an answer."""
        try:
            for name in names:
                os.killpg(self._processes.pid(name), signal.SIGSTOP)
            yield
        finally:
            for name in names:
                os.killpg(self._processes.pid(name), signal.SIGCONT)

    # All of them

    def change(self, domain, **parts):
        """Replaces fields of model.Domain."""
        self.change_together({domain: parts})

    def change_together(self, parts_of):
        """{domain: fields to replace}. Servers are told of all of them at once: nobody sees one changed and another not."""
        self._apply([replace(world.domain_of(domain), **parts) for domain, parts in parts_of.items()])

    def _each_server(self, host, address, changed, anew=()):
        def servers_with(old):
            return tuple(changed(server) if address in (None, server.address) else server for server in old)

        for domain in world.DOMAINS:
            if domain.policy_host == host and domain.web:
                return self._apply([replace(domain, web=servers_with(domain.web))], anew)
            if host in domain.hosts:
                return self._apply([replace(domain, hosts={**domain.hosts, host: servers_with(domain.hosts[host])})], anew)
        raise LiveError(f"no domain of this lab has the host {host}")

    def _apply(self, wanted, anew=()):
        """`anew`: certificates to issue although they are there."""
        before = [world.domain_of(one.name) for one in wanted]
        for one in wanted:
            world.put(one)
        changed = [(old, world.domain_of(old.name)) for old in before]
        try:
            for old, new in changed:
                _check(old, new)
        except LiveError:
            for old in before:
                world.put(old)
            raise
        for old in before:
            self._originals.setdefault(old.name, old)
        issued = self._issue([new for _, new in changed], set(anew))
        if servers.configure_nginx(self.directory) or any(issued & _shown_by_web(new) for _, new in changed):
            self._reload_nginx()
        if servers.configure_postfix(self.directory) or any(issued & _shown_by_mail(new) for _, new in changed):
            self._reload_postfix()
        for old, new in changed:
            if not new.dead_zone and (_in_dns(old) != _in_dns(new) or new.tlsa and issued & _shown_by_mail(new)):
                self._publish(new)

    def _issue(self, domains, anew):
        shown = {one for domain in domains for one in _shown_by_web(domain) | _shown_by_mail(domain)}
        wanted = {one for one in shown if one in anew or not certificates.pem_path(self.directory, one).exists()}
        if wanted:
            certificates.Authority(self.directory, self.now).issue_all(wanted)
        return wanted

    def _publish(self, domain):
        self._serial = max(self._serial + 1, int(time.time()))
        self._zones.write_domain(domain, self._serial)
        self._reload_nsd("nsd", domain, self._serial, *world.NSD)
        if domain.second_server is not None:
            self._reload_nsd("nsd-second", domain, zones.serial_of_second(domain, self._serial), world.SECOND_SERVER, 53)
        _run("unbound-control", "-c", self.directory / "unbound.conf", "flush_zone", domain.name)

    def _reload_nsd(self, name, domain, serial, address, port):
        old = {pid: start_time(pid) for main in children(self._processes.pid(name)) for pid in children(main)}
        _run("nsd-control", "-c", self.directory / f"{name}.conf", "reload", domain.name)
        self._wait(f"{name} to serve the new zone {domain.name}", name, lambda: f" {serial} " in _run(
            "dig", f"@{address}", "-p", port, "+short", "+time=1", "+tries=1", domain.name, "SOA", check=False) and not any(
                start_time(pid) == started for pid, started in old.items()))       # it still takes some of the questions

    def _reload_nginx(self):
        """An old worker, once its title says so, has closed its listeners and only ends its connections."""
        self._reload("nginx", "nginx", lambda pid: "is shutting down" not in title(pid))

    def _reload_postfix(self):
        """An smtpd process keeps the certificate it began with, and leaves as soon as it is idle. Where there was none, the
        master's word and its listeners tell."""
        log = self.directory / "logs" / "postfix.log"
        reloads = log.read_text().count(RELOADED)
        self._reload("postfix", "smtpd", lambda pid: True)
        mails = [mail for _, mail in world.mails()]
        wanted, unwanted = ({mail.address for mail in mails if is_so(mail)} for is_so in
                            (world.is_real, lambda mail: mail.stopped))
        self._wait("postfix to listen as it is told", "postfix", lambda: log.read_text().count(RELOADED) > reloads and
                   wanted <= (now := listeners(25)) and not unwanted & now)

    def _reload(self, name, process_title, still_serves):
        master = self._processes.pid(name)
        old = {pid: start_time(pid) for pid in children(master) if process_title in title(pid)}
        os.kill(master, signal.SIGHUP)
        self._wait(f"{name} to take its new configuration", name, lambda: not any(
            start_time(pid) == started and still_serves(pid) for pid, started in old.items()))

    def _wait(self, what, name, is_done):
        end = time.monotonic() + PATIENCE_SECONDS
        while not is_done():
            if time.monotonic() > end:
                raise LiveError(f"waited {PATIENCE_SECONDS} s for {what}: see {self.directory}/logs, {name}*.log")
            time.sleep(0.01)


def listeners(port):
    """The addresses that somebody listens on at this TCP port."""
    lines = _run("ss", "--no-header", "--listening", "--tcp", "--numeric", f"sport = :{port}").splitlines()
    return {line.split()[3].rpartition(":")[0].strip("[]") for line in lines}


def _shown_by_web(domain):
    return {web.certificate for web in domain.web}


def _shown_by_mail(domain):
    return {mail.certificate for _, mail in world.mails_of(domain)}


def _in_dns(domain):
    """What a change of the servers alone leaves as it is."""
    return replace(domain, web=tuple(web.address for web in domain.web),
                   hosts={host: tuple(mail.address for mail in mails) for host, mails in domain.hosts.items()})


def _check(before, after):
    """Refuses what a running lab cannot do."""
    def misbehaving(domain):
        return {server.address: server.misbehaves for server in
                (*domain.web, *(mail for mails in domain.hosts.values() for mail in mails)) if server.misbehaves}

    if misbehaving(after).items() - misbehaving(before).items():
        raise LiveError("hosts that misbehave cannot be added to a running lab")
    if (before.second_server is None) != (after.second_server is None):
        raise LiveError("whether a zone has a second server is settled when the lab comes up")
    if before.dead_zone != after.dead_zone or bool(before.dnssec) != bool(after.dnssec):
        raise LiveError("whether a zone is dead or signed is settled when the lab comes up")
    for web in after.web:
        if web.stopped and any(other.address == web.address for domain, other in world.webs() if domain != after):
            raise LiveError(f"{web.address} is shared by several policy hosts: give {after.name} Web(address=\"own\")")


def _run(*command, check=True):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    if check and done.returncode:
        raise LiveError(f"{command[0]}: {done.stdout} {done.stderr}".strip())
    return done.stdout
