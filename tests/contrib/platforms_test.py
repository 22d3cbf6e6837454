#!/usr/bin/env python3
"""Container, compose file, Kubernetes manifests and monitoring plugins: read as their platforms read them, and held against
the program and against each other."""
import json
import os
import re
import shlex
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

from programs import CONTRIB, ROOT, RULES, SECONDS, run, with_own_files

BINARY = Path(os.environ.get("STSWATCH", "build/stswatch")).resolve()
CONTAINER = CONTRIB / "container"
KUBERNETES = CONTRIB / "kubernetes"


def documents(path):
    return [d for d in yaml.safe_load_all(path.read_text()) if d]


class Program(unittest.TestCase):
    def takes(self, arguments):
        """The program knows this command and these flags."""
        words = [a for a in arguments if re.fullmatch(r"[a-z]+", a)][:1]
        self.assertTrue(words, arguments)
        text = run(BINARY, *words, "--help").stdout
        self.assertIn(f"Usage: stswatch {words[0]} ", text)
        for flag in (a for a in arguments if a.startswith("--")):
            self.assertIn(flag, text)

    def valid(self, config):
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "stswatch.toml")
            copy.write_text(with_own_files(config.read_text(), folder))
            done = run(BINARY, "config", "check", copy)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("names no domain", done.stdout)


class Image(Program):
    def setUp(self):
        text = re.sub(r"^#.*\n", "", (CONTAINER / "Containerfile").read_text(), flags=re.M)
        lines = re.sub(r"\\\n\s*", " ", text).strip().splitlines()
        self.steps = [line.split(None, 1) for line in lines if line.strip()]
        starts = [i for i, (word, _) in enumerate(self.steps) if word == "FROM"] + [len(self.steps)]
        self.stages = [self.steps[a:b] for a, b in zip(starts, starts[1:])]

    def last(self, word):
        return [rest for w, rest in self.stages[-1] if w == word][-1]

    def test_known_instructions_in_two_stages_of_debian_12(self):
        known = {"FROM", "ARG", "COPY", "RUN", "WORKDIR", "LABEL", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK",
                 "ENTRYPOINT", "CMD"}
        self.assertEqual({word for word, _ in self.steps} - known, set())
        self.assertEqual([stage[0][1].split()[0] for stage in self.stages], ["docker.io/library/debian:12-slim"] * 2)

    def test_it_runs_as_nobody_in_particular(self):
        user = self.last("USER").split(":")[0]
        self.assertGreater(int(user), 1000)
        words = [word for word, _ in self.stages[-1]]
        self.assertLess(max(i for i, w in enumerate(words) if w in ("RUN", "COPY")), words.index("USER"))
        self.assertEqual(self.last("VOLUME"), "/var/lib/stswatch")

    def test_what_it_runs_exists(self):
        entry, command = json.loads(self.last("ENTRYPOINT")), json.loads(self.last("CMD"))
        self.takes(command)
        health = json.loads(self.last("HEALTHCHECK").partition("CMD ")[2])
        self.takes(health[1:])
        copied = [rest.split()[-1] for word, rest in self.stages[-1] if word == "COPY"]
        self.assertTrue({entry[0], health[0]} <= set(copied))

    def test_it_is_labelled_with_the_revision(self):
        self.assertIn('org.opencontainers.image.revision="${REVISION}"', self.last("LABEL"))
        self.assertIn(["ARG", "REVISION="], self.stages[-1])
        build = " ".join(rest for word, rest in self.stages[0] if word == "RUN")
        self.assertIn("STSWATCH_REVISION=${REVISION}", build)
        preset = re.search(r"--preset (\w+)", build)[1]
        self.assertIn(preset, [p["name"] for p in json.loads((ROOT / "CMakePresets.json").read_text())["configurePresets"]])

    def test_what_it_copies_is_there(self):
        for word, rest in self.stages[0]:
            if word == "COPY":
                self.assertTrue((ROOT / rest.split()[0]).exists(), rest)

    def test_the_libraries_of_the_second_stage_are_found(self):
        """Its own step, run here on this program."""
        step = next(rest for word, rest in self.stages[0] if word == "RUN" and "ldd" in rest)
        done = subprocess.run(["sh", "-ec", step.replace("build/stswatch", shlex.quote(str(BINARY))).replace(" > /runtime.txt", "")],
                              capture_output=True, text=True, timeout=SECONDS)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        packages = done.stdout.split()
        for name in ("libssl3", "libc-ares2", "libsqlite3-0", "libcurl4", "libstdc++6"):
            self.assertIn(name, packages)
        needed = re.findall(r"=> (\S+)", run("ldd", BINARY).stdout)
        self.assertLessEqual(len(packages), len(needed))
        self.assertFalse([p for p in packages if p.endswith("-dev")])


class Compose(Program):
    def setUp(self):
        self.services = yaml.safe_load((CONTAINER / "compose.yaml").read_text())["services"]
        self.volumes = yaml.safe_load((CONTAINER / "compose.yaml").read_text())["volumes"]

    def mounts(self, name):
        return {target: source for source, target, *_ in (v.split(":") for v in self.services[name]["volumes"])}

    def test_what_is_mounted_is_there(self):
        for name in self.services:
            for target, source in self.mounts(name).items():
                with self.subTest(name, source=source):
                    self.assertTrue((CONTAINER / source).is_file() if source.startswith(".") else source in self.volumes)

    def test_nothing_is_open_to_others(self):
        for name, service in self.services.items():
            with self.subTest(name):
                self.assertTrue(service["ports"])
                self.assertTrue(all(port.startswith("127.0.0.1:") for port in service["ports"]))
                self.assertEqual(service["cap_drop"], ["ALL"])
                self.assertTrue("build" in service or re.search(r":v?\d+\.\d+\.\d+$", service["image"]), "a version is named")
                for other in service.get("depends_on", []):
                    self.assertIn(other, self.services)

    def test_the_image_is_that_of_the_containerfile(self):
        build = self.services["stswatch"]["build"]
        self.assertEqual((CONTAINER / build["context"]).resolve(), ROOT)
        self.assertTrue((ROOT / build["dockerfile"]).is_file())
        self.assertTrue(self.services["stswatch"]["read_only"])
        self.valid(CONTAINER / "stswatch.toml")

    def test_prometheus_and_alertmanager_accept_their_files(self):
        mounted = self.mounts("prometheus")
        with tempfile.TemporaryDirectory() as folder:
            for target, source in mounted.items():
                if source.startswith("."):
                    Path(folder, Path(target).name).write_text((CONTAINER / source).read_text())
            done = run("promtool", "check", "config", "--lint=all", "--lint-fatal", Path(folder, "prometheus.yml"))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("rules found", done.stdout)
        done = run("amtool", "check-config", CONTAINER / "alertmanager.yml")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_they_know_each_other(self):
        config = yaml.safe_load((CONTAINER / "prometheus.yml").read_text())
        jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
        self.assertEqual(set(jobs), set(re.findall(r'job="(\w+)"', RULES.read_text())))
        targets = [*jobs["stswatch"], *config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]]
        source = yaml.safe_load((CONTAINER / "grafana" / "datasource.yaml").read_text())["datasources"][0]
        targets.append(source["url"].removeprefix("http://"))
        for host, port in (t.split(":") for t in targets):
            self.assertIn(port, [p.split(":")[-1] for p in self.services[host]["ports"]])

    def test_grafana_finds_the_dashboard(self):
        mounts = self.mounts("grafana")
        provider = yaml.safe_load((CONTAINER / "grafana" / "dashboards.yaml").read_text())["providers"][0]
        dashboard = provider["options"]["path"] + "/stswatch.json"
        self.assertEqual(mounts[dashboard], "../grafana/stswatch.json")
        self.assertEqual(self.services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"], dashboard)
        variable = json.loads((CONTRIB / "grafana" / "stswatch.json").read_text())["templating"]["list"][0]
        source = yaml.safe_load((CONTAINER / "grafana" / "datasource.yaml").read_text())["datasources"][0]
        self.assertEqual((variable["type"], variable["query"]), ("datasource", source["type"]))


class Kubernetes(Program):
    def setUp(self):
        names = documents(KUBERNETES / "kustomization.yaml")[0]["resources"]
        self.kinds = {d["kind"]: d for name in names for d in documents(KUBERNETES / name)}
        self.sidecar = documents(KUBERNETES / "sidecar.yaml")[0]

    def pods(self):
        return [d["spec"]["template"] for d in (self.kinds["Deployment"], self.sidecar)]

    def container(self, pod):
        return next(c for c in pod["spec"]["containers"] if c["name"] == "stswatch")

    def test_all_of_it_is_applied_but_the_example(self):
        self.assertEqual(set(self.kinds), {"Deployment", "PersistentVolumeClaim", "Service", "ServiceMonitor", "NetworkPolicy"})
        named = set(documents(KUBERNETES / "kustomization.yaml")[0]["resources"])
        self.assertEqual({p.name for p in KUBERNETES.glob("*.yaml")} - named, {"kustomization.yaml", "sidecar.yaml"})
        for kind, version in {"Deployment": "apps/v1", "PersistentVolumeClaim": "v1", "Service": "v1",
                              "NetworkPolicy": "networking.k8s.io/v1", "ServiceMonitor": "monitoring.coreos.com/v1"}.items():
            self.assertEqual(self.kinds[kind]["apiVersion"], version)

    def test_the_image_is_one_that_the_manual_builds_and_names(self):
        image = self.container(self.kinds["Deployment"]["spec"]["template"])["image"]
        name, tag = image.split(":")
        self.assertEqual(documents(KUBERNETES / "kustomization.yaml")[0]["images"], [{"name": name, "newTag": tag}])
        manual = (CONTRIB / "docs" / "install.md").read_text()
        pushed = re.search(r"podman push (\S+)", manual)[1]
        self.assertTrue(pushed.endswith(f"/{image}"))
        self.assertIn(f"kustomize edit set image {name}={pushed}", manual)
        self.assertEqual(self.container(self.sidecar["spec"]["template"])["image"], pushed)

    def test_selectors_select(self):
        labels = self.kinds["Deployment"]["spec"]["template"]["metadata"]["labels"]
        spec = {kind: d["spec"] for kind, d in self.kinds.items()}
        for selector in (spec["Deployment"]["selector"]["matchLabels"], spec["Service"]["selector"],
                         spec["NetworkPolicy"]["podSelector"]["matchLabels"]):
            self.assertLessEqual(selector.items(), labels.items())
        self.assertLessEqual(spec["ServiceMonitor"]["selector"]["matchLabels"].items(),
                             self.kinds["Service"]["metadata"]["labels"].items())
        self.assertEqual(self.sidecar["spec"]["selector"]["matchLabels"],
                         self.sidecar["spec"]["template"]["metadata"]["labels"])
        # The rules look for a job, which the operator names after the Service.
        self.assertEqual(self.kinds["Service"]["metadata"]["name"], re.search(r'job="(\w+)"', RULES.read_text())[1])

    def test_ports_are_named_where_they_are_used(self):
        listen = int(re.search(r'listen = ":(\d+)"', (KUBERNETES / "stswatch.toml").read_text())[1])
        ports = {p["name"]: p["containerPort"] for p in self.container(self.pods()[0])["ports"]}
        self.assertEqual(ports["http"], listen)
        service = self.kinds["Service"]["spec"]["ports"][0]
        self.assertIn(service["targetPort"], ports)
        self.assertEqual(self.kinds["ServiceMonitor"]["spec"]["endpoints"][0]["port"], service["name"])

    def test_it_may_do_nothing_that_it_need_not(self):
        for pod in self.pods():
            own, whole = self.container(pod)["securityContext"], pod["spec"].get("securityContext", {})
            both = {**whole, **own}
            self.assertEqual((both["runAsNonRoot"], both["readOnlyRootFilesystem"], both["allowPrivilegeEscalation"]), (True, True, False))
            self.assertEqual(both["capabilities"], {"drop": ["ALL"]})
            self.assertEqual(both["seccompProfile"], {"type": "RuntimeDefault"})
            self.assertEqual(both["runAsUser"], whole["fsGroup"])
            self.assertFalse(pod["spec"]["automountServiceAccountToken"])
            self.assertIn("memory", self.container(pod)["resources"]["limits"])
            self.assertIn(f"USER {both['runAsUser']}:", (CONTAINER / "Containerfile").read_text())

    def test_probes_ask_what_the_service_answers(self):
        known = re.findall(r'Get\("(/-/\w+)"', (ROOT / "agent/tell/http.cc").read_text())
        for pod in self.pods():
            container = self.container(pod)
            self.takes(container["args"])
            for name in ("livenessProbe", "readinessProbe"):
                probe = container[name]
                if "exec" in probe:
                    self.takes(probe["exec"]["command"][1:])
                    self.assertGreater(probe["timeoutSeconds"], 5, "more than the command's own patience")
                else:
                    self.assertIn(probe["httpGet"]["path"], known)
                    self.assertIn(probe["httpGet"]["port"], [p["name"] for p in container["ports"]])

    def test_one_writer_keeps_its_memory(self):
        spec = self.kinds["Deployment"]["spec"]
        self.assertEqual((spec["replicas"], spec["strategy"]["type"]), (1, "Recreate"))
        volumes = {v["name"]: v for v in spec["template"]["spec"]["volumes"]}
        mounts = {m["mountPath"]: m for m in self.container(spec["template"])["volumeMounts"]}
        self.assertEqual(volumes[mounts["/var/lib/stswatch"]["name"]]["persistentVolumeClaim"]["claimName"],
                         self.kinds["PersistentVolumeClaim"]["metadata"]["name"])
        self.assertEqual({m["name"] for m in mounts.values()}, set(volumes))

    def test_secrets_are_files_of_a_secret(self):
        self.valid(KUBERNETES / "stswatch.toml")
        files = re.findall(r'_file = "(.*)"', (KUBERNETES / "stswatch.toml").read_text())
        self.assertTrue(files)
        spec = self.kinds["Deployment"]["spec"]["template"]["spec"]
        mount = next(m for m in self.container({"spec": spec})["volumeMounts"] if m["name"] == "secrets")
        self.assertTrue(all(f.startswith(mount["mountPath"] + "/") for f in files))
        secret = next(v for v in spec["volumes"] if v["name"] == "secrets")["secret"]
        self.assertEqual(secret["defaultMode"] & 0o007, 0, "the program refuses secrets that everybody may read")
        for path in KUBERNETES.iterdir():
            self.assertNotRegex(path.read_text(), r"(?i)kind: Secret\b")

    def test_the_way_out_is_open(self):
        rules = self.kinds["NetworkPolicy"]["spec"]
        self.assertEqual(rules["policyTypes"], ["Ingress", "Egress"])
        out = {(p["protocol"], p["port"]) for rule in rules["egress"] for p in rule["ports"]}
        ports = {("TCP", int(p)) for p in re.findall(r'smarthost = ".*:(\d+)"', (KUBERNETES / "stswatch.toml").read_text())}
        self.assertLessEqual({("UDP", 53), ("TCP", 53), ("TCP", 443), ("TCP", 25)} | ports, out)
        self.assertEqual(rules["ingress"][0]["ports"], [{"protocol": "TCP", "port": 9461}])


class Plugins(Program):
    def test_flags_exist(self):
        help_text = run(BINARY, "check", "--help").stdout
        for path in (CONTRIB / "icinga").iterdir():
            flags = set(re.findall(r"--[a-z]+", re.sub(r"(?m)^\s*(//|#).*", "", path.read_text())))
            self.assertIn("--format", flags)
            for flag in flags:
                with self.subTest(path.name, flag=flag):
                    self.assertIn(flag, help_text)

    def test_the_line_ends_as_a_plugin_does(self):
        line = re.search(r"command_line\s+/usr/bin/stswatch (.*)\$ARG1\$", (CONTRIB / "icinga" / "nagios.cfg").read_text())[1]
        done = run(BINARY, *line.split(), "--resolver", "127.0.0.1:5", "--dns-source", "off", "example.com")
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"UNKNOWN")

    def test_brackets_are_closed(self):
        for path in (CONTRIB / "icinga").iterdir():
            text = path.read_text()
            for a, b in ("{}", "[]", "()"):
                self.assertEqual(text.count(a), text.count(b), path.name)


if __name__ == "__main__":
    unittest.main()
