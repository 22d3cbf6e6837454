"""What alerts are tested with: the service on domains of the lab, every receiver it can have, and a real Prometheus."""
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import datetime
from pathlib import Path

import yaml

import world
from mailbox import Mailbox

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "cli"))
from receivers import HttpListener, make_certificate     # noqa: E402  (a sibling's tools)

DIRECTORY = Path(os.environ.get("STSWATCH_LAB_DIR", "/tmp/stswatch-lab")).resolve()
BINARY = os.environ.get("STSWATCH", "build/stswatch")
MAIL_PORT, HTTP_PORT, ALERTMANAGER_PORT, PROMETHEUS_PORT = 2525, 19461, 19093, 19090
PATIENCE_SECONDS = 120
HURRY = 120                      # so many times faster than the samples of contrib/ the rules and routes of a test are
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
RECEIVERS = ("mail", "hook", "am")
STAMP = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"

CONFIG = f"""domains_files = ["{{folder}}/domains.txt"]
[agent]
listen = "127.0.0.1:{HTTP_PORT}"
state = "{{folder}}/state.db"
external_url = "http://127.0.0.1:{HTTP_PORT}"
vantage = "lab"
[schedule]
{{schedule}}
[dns]
servers = ["{world.RESOLVER[0]}:{world.RESOLVER[1]}"]
[network]
ca_file = "{{folder}}/ca.pem"
allow_private = true
{{more}}
[alerts]
group_wait = "{{group_wait}}s"
[[alerts.email]]
name = "mail"
smarthost = "localhost:{MAIL_PORT}"
from = "stswatch <stswatch@example.net>"
to = ["ops@example.net"]
[[alerts.webhook]]
name = "hook"
url = "{{hook}}"
[[alerts.alertmanager]]
name = "am"
url = "http://127.0.0.1:{ALERTMANAGER_PORT}"
"""
PROMETHEUS = f"""global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{ALERTMANAGER_PORT}"]}}]}}]}}
scrape_configs: [{{job_name: stswatch, static_configs: [{{targets: ["127.0.0.1:{HTTP_PORT}"]}}]}}]
"""


def until(what, is_so, said=lambda: "", seconds=PATIENCE_SECONDS):
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s for {what}\n{said()}")
        time.sleep(0.2)


def ask(port, path):
    """Empty while nobody answers."""
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10).read().decode()
    except OSError:
        return ""


def hurried(duration):
    return f"{int(duration[:-1]) * UNITS[duration[-1]] * 1000 // HURRY}ms"


def routes(url):
    """The sample's routes and inhibitions in a hurry, each receiver a webhook; what the service itself sends (it names
    a `problem`) goes to /own."""
    config = yaml.safe_load((ROOT / "contrib" / "alertmanager" / "alertmanager.yml").read_text())
    route = config["route"]
    for one in (route, *route["routes"]):
        one.update({wait: hurried(one[wait]) for wait in ("group_wait", "group_interval") if wait in one})
    route["routes"].insert(0, {"matchers": ['problem!=""'], "receiver": "own", "group_by": ["problem"],
                               "group_wait": "1s", "group_interval": "1s"})
    names = [receiver["name"] for receiver in config["receivers"]] + ["own"]
    return json.dumps({"route": route, "inhibit_rules": config["inhibit_rules"],
                       "receivers": [{"name": name, "webhook_configs": [{"url": f"{url}/{name}"}]} for name in names]})


def rules():
    """The rules in a hurry, but for that of an agent that is down: in a hurry, a busy machine looks like it."""
    text = (ROOT / "contrib" / "prometheus" / "stswatch.rules.yml").read_text()
    return "- alert: ".join(
        rule if rule.startswith("MtaStsAgentDown\n") else
        re.sub(r"(\b(?:for|keep_firing_for): )(\d+[smhd])", lambda found: found[1] + hurried(found[2]), rule)
        for rule in text.split("- alert: "))


class Daemon:
    """One process for one block, its output in a file."""

    def __init__(self, log, *command):
        self.log, self.command, self.process = Path(log), command, None

    def __enter__(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.log.parent)
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self, sign=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(sign)
            self.process.wait(30)


class Receivers:
    """All that a notice can reach, and what has reached it."""

    def __init__(self, folder):
        self.folder = Path(folder)
        pair = make_certificate(self.folder)
        pem = self.folder / "mail.pem"
        pem.write_text(Path(pair[1]).read_text() + Path(pair[0]).read_text())
        (self.folder / "ca.pem").write_text((DIRECTORY / "ca.pem").read_text() + Path(pair[0]).read_text())
        self.mailbox = Mailbox(self.folder / "mailbox", pem, MAIL_PORT)
        self.hook, self.behind_alertmanager = HttpListener(), HttpListener()
        settings = self.folder / "am.yml"
        settings.write_text(routes(self.behind_alertmanager.url))
        self.alertmanager = Daemon(self.folder / "alertmanager.log", "prometheus-alertmanager", f"--config.file={settings}",
                                   f"--storage.path={self.folder}/am", "--cluster.listen-address=",
                                   f"--web.listen-address=127.0.0.1:{ALERTMANAGER_PORT}")
        self.parts = (self.mailbox, self.hook, self.behind_alertmanager, self.alertmanager)

    def __enter__(self):
        for part in self.parts:
            part.__enter__()
        until("Alertmanager", lambda: ask(ALERTMANAGER_PORT, "/-/ready"), self.alertmanager.log.read_text)
        return self

    def __exit__(self, *_):
        for part in reversed(self.parts):
            part.__exit__()

    def mails(self, whom):
        return [mail for mail in self.mailbox.messages() if re.search(rf"\] {re.escape(whom)}[: ]", mail["Subject"])]

    def notices(self, whom):
        return [notice for _, _, body in self.hook.requests if (notice := json.loads(body))["title"].startswith(whom)]

    def groups(self, *receivers):
        """What Alertmanager sent to these, in order."""
        return [json.loads(body) for path, _, body in self.behind_alertmanager.requests if path[1:] in receivers]

    def alerts(self, whom):
        """Of the service's own, those whose summary begins so."""
        return [group["alerts"][0] for group in self.groups("own")
                if group["alerts"][0]["annotations"]["summary"].startswith(whom)]

    def told_of(self, whom):
        """What came to each receiver about this domain or host, as "route" or "resolved" in order."""
        mails = [re.match(r"\[(\w+)\]", mail["Subject"])[1].lower() for mail in self.mails(whom)]
        hooks = ["resolved" if notice["status"] == "resolved" else notice["route"] for notice in self.notices(whom)]
        alerts = ["resolved" if alert["status"] == "resolved" else alert["labels"]["route"] for alert in self.alerts(whom)]
        return {"mail": mails, "hook": hooks, "am": alerts}


class Watch(Daemon):
    """The service, with all these receivers."""

    def __init__(self, receivers, names, schedule, group_wait=10, more=""):
        folder = receivers.folder
        (folder / "domains.txt").write_text("".join(f"{name}\n" for name in names))
        (folder / "c.toml").write_text(CONFIG.format(folder=folder, schedule=schedule, group_wait=group_wait, more=more,
                                                     hook=receivers.hook.url))
        super().__init__(folder / "stderr", Path(BINARY).resolve(), "run", "--config", folder / "c.toml")

    def metrics(self):
        return ask(HTTP_PORT, "/metrics")

    def domains(self, status):
        """How many have it; none while nobody answers."""
        return sum(map(int, re.findall(rf'^stswatch_domains{{status="{status}"}} (\d+)$', self.metrics(), re.M)))

    def has(self, *series):
        metrics = self.metrics()
        return all(re.search("^" + one, metrics, re.M) for one in series)

    def said(self):
        return self.log.read_text()[-4000:]

    def said_of(self, domain):
        return "\n".join(line for line in self.log.read_text().splitlines() if domain in line)

    def seconds_to_tell(self, whom, code, domain=None):
        """{receiver: seconds}: from the look that confirmed it to the message handed over, by the service's own log."""
        lines = self.log.read_text().splitlines()

        def moment(pattern):
            line = next(line for line in lines if re.search(pattern, line))
            return datetime.strptime(re.match(STAMP, line)[1], "%Y-%m-%dT%H:%M:%SZ")
        # What is an info at first is not logged: a policy may be seen before the MX that it makes unreachable.
        opened = moment(rf" {re.escape(domain or whom)}: (opened|worse) \w+ {code}\b")
        return {name: (moment(rf" {name}: sent new .*: {re.escape(whom)}[: ]") - opened).seconds for name in RECEIVERS}


class Prometheus(Daemon):
    """Scrapes the service each second and judges by the rules of contrib/ in a hurry."""

    def __init__(self, folder):
        (Path(folder) / "prometheus.yml").write_text(PROMETHEUS)
        (Path(folder) / "rules.yml").write_text(rules())
        super().__init__(Path(folder) / "prometheus.log", "prometheus", "--config.file=prometheus.yml",
                         "--storage.tsdb.path=tsdb", f"--web.listen-address=127.0.0.1:{PROMETHEUS_PORT}")
