"""A real Chromium, headless, driven over WebDriver by Debian's chromedriver; standard library only.

    with Chromium() as browser:
        browser.go("http://127.0.0.1:9461/")
        browser.run("return document.title")

Everything it asked for and everything its console said since it began is in `traffic()` and `console()`.
"""
import base64
import json
import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

SECONDS = 30
FLAGS = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
         "--force-color-profile=srgb", "--lang=en", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
TAB, ENTER = "\ue004", "\ue007"


class WebDriverError(Exception):
    pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Chromium:
    def __init__(self, width=1280, height=900):
        self.size = (width, height)
        self.console_messages, self.network_events = [], []

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="stswatch-chromium.")
        port = free_port()
        self.driver = subprocess.Popen(["chromedriver", f"--port={port}"], cwd=self.folder.name, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                       env={**os.environ, "HOME": self.folder.name})
        self.base, self.session = f"http://127.0.0.1:{port}", None
        try:
            self._begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.session:
            try:
                self._ask("DELETE", "")
            except (OSError, WebDriverError):
                pass
        self.driver.terminate()
        try:
            self.driver.wait(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self.driver.kill()
            self.driver.wait()
        self.folder.cleanup()

    def _begin(self):
        end = time.monotonic() + SECONDS
        options = {"args": [*FLAGS, f"--user-data-dir={self.folder.name}/profile"],
                   "perfLoggingPrefs": {"enableNetwork": True}}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options,
                  "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        while True:
            try:
                answer = self._send("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
                break
            except ConnectionRefusedError:
                if time.monotonic() > end or self.driver.poll() is not None:
                    raise WebDriverError("chromedriver does not answer") from None
                time.sleep(0.05)
        self.session = answer["sessionId"]
        self._ask("POST", "/timeouts", {"script": SECONDS * 1000, "pageLoad": SECONDS * 1000})
        self.resize(*self.size)
        self.go("about:blank")
        self.forget()

    def _send(self, method, path, body=None):
        request = urllib.request.Request(self.base + path, method=method, headers={"Content-Type": "application/json"},
                                         data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=2 * SECONDS) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise WebDriverError(json.load(error)["value"]["message"]) from None
        except urllib.error.URLError as error:
            raise error.reason if isinstance(error.reason, OSError) else error

    def _ask(self, method, path, body=None):
        return self._send(method, f"/session/{self.session}{path}", body)

    def forget(self):
        """What was asked for and said until now."""
        self.console(), self.traffic()
        self.console_messages, self.network_events = [], []

    # What a person does

    def go(self, url):
        self._ask("POST", "/url", {"url": url})

    def url(self):
        return self._ask("GET", "/url")

    def press(self, *keys):
        actions = [step for key in keys for step in ({"type": "keyDown", "value": key}, {"type": "keyUp", "value": key})]
        self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def click(self, css):
        self._ask("POST", f"/element/{self._find(css)}/click", {})

    def type(self, css, text):
        self._ask("POST", f"/element/{self._find(css)}/value", {"text": text})

    def _find(self, css):
        return next(iter(self._ask("POST", "/element", {"using": "css selector", "value": css}).values()))

    def resize(self, width, height, scale=1):
        """Of the viewport, in CSS pixels."""
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False)

    def prefer(self, scheme):
        """"light" or "dark"."""
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def allow_scripts(self, allowed):
        """Of pages loaded from now on; run() works in any case."""
        self.cdp("Emulation.setScriptExecutionDisabled", value=not allowed)

    # What is there

    def run(self, script, *arguments):
        return self._ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def cdp(self, command, **parameters):
        return self._ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def screenshot(self):
        """PNG of the viewport."""
        return base64.b64decode(self.cdp("Page.captureScreenshot", format="png")["data"])

    def accessibility_tree(self):
        """[{role, name, properties…}] of what is not ignored, in the order of the document."""
        self.cdp("Accessibility.enable")
        nodes = self.cdp("Accessibility.getFullAXTree")["nodes"]
        return [{"role": node.get("role", {}).get("value"), "name": node.get("name", {}).get("value", ""),
                 **{p["name"]: p["value"].get("value") for p in node.get("properties", ())}}
                for node in nodes if not node.get("ignored")]

    def console(self):
        """"LEVEL TEXT" of all that was said."""
        self.console_messages += [f"{entry['level']} {entry['message']}" for entry in self._log("browser")]
        return self.console_messages

    def traffic(self):
        """URLs of all that was asked for."""
        for entry in self._log("performance"):
            event = json.loads(entry["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                self.network_events.append(event["params"]["request"]["url"])
        return self.network_events

    def _log(self, kind):
        return self._ask("POST", "/se/log", {"type": kind})
