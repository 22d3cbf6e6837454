#!/usr/bin/env python3
"""The examples in contrib/receivers: valid, and each kind of notice comes out as the service's documentation asks for it."""
import http.server
import json
import os
import re
import tempfile
import threading
import unittest
from pathlib import Path
from urllib.parse import urlsplit

from programs import CONTRIB, run

BINARY = Path(os.environ.get("STSWATCH", "build/stswatch")).resolve()
EXAMPLES = CONTRIB / "receivers"
KINDS = ["new", "worse", "reminder", "better", "resolved", "new"]          # the last is of the agent itself
AT_REST = {"resolved"}


class Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Taker)
        self.taken = []

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Taker(http.server.BaseHTTPRequestHandler):
    def take(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((self.command, self.path, self.headers, body.decode()))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_PUT = take

    def log_message(self, *_):
        pass


class Receivers(unittest.TestCase):
    def taken(self, name, domain="example.com", url=True, text=None):
        """What the example sends, one (method, path, headers, JSON) for each kind; the first part of the secrets is their name."""
        with Listener() as listener, tempfile.TemporaryDirectory() as folder:
            here = f"http://127.0.0.1:{listener.server_port}"

            def own(match):
                secret = Path(folder, match[1])
                secret.write_text(here + "/hook/hush\n" if match[1].endswith("-url") else f"{match[1]}:hush\n")
                secret.chmod(0o600)
                return f'"{secret}"'
            text = text or (EXAMPLES / f"{name}.toml").read_text()
            given = re.search(r'(?m)^url = "(https://[^"]*)"', text)
            text = re.sub(r'"/etc/stswatch/([\w-]+)"', own, text)
            text = re.sub(r'(?m)^url = "https://[^/"]*', f'url = "{here}', text)
            text = re.sub(r'(?m)^routes = .*$', "", text)
            config = Path(folder, "stswatch.toml")
            config.write_text((f'[agent]\nexternal_url = "https://sts.example.net/"\n' if url else "") +
                              f'[[domain]]\nname = "{domain}"\n' + text)
            checked = run(BINARY, "config", "check", config)
            self.assertEqual(checked.returncode, 0, checked.stderr)
            done = run(BINARY, "alerts", "test", "--all", "--config", config)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertNotIn("hush", done.stdout + done.stderr)
            self.assertEqual([line.split(": ")[1] for line in done.stdout.splitlines()], KINDS)
        self.assertEqual(len(listener.taken), len(KINDS))
        self.given = urlsplit(given[1]) if given else None
        return [(method, path, headers, json.loads(body)) for method, path, headers, body in listener.taken]

    def each(self, name, method="POST"):
        for url in (True, False):
            for kind, request in zip(KINDS, self.taken(name, url=url)):
                self.assertEqual(request[0], method)
                self.assertEqual(request[2]["Content-Type"], "application/json")
                with self.subTest(kind=kind, url=url):
                    yield kind, url, *request[1:]

    def test_none_is_forgotten(self):
        tested = {name.removeprefix("test_service_") for name in dir(self) if name.startswith("test_service_")}
        self.assertEqual(tested, {path.stem for path in EXAMPLES.glob("*.toml")})

    def test_service_ntfy(self):
        for kind, url, path, headers, body in self.each("ntfy"):
            self.assertEqual(path, "/")                          # JSON goes to the root, the topic is within
            self.assertEqual(headers["Authorization"], "Bearer ntfy-token:hush")
            self.assertEqual(body["topic"], "mail-alerts")
            self.assertIn("TEST", body["title"])
            self.assertTrue(body["message"].startswith("Effect:"))
            self.assertEqual(body["priority"], 2 if kind in AT_REST else 4)
            self.assertIn(body["tags"][0], ("rotating_light", "white_check_mark"))
            self.assertEqual(body.get("click"), "https://sts.example.net/" if url else None)
            self.assertLess(len(body["message"].encode()), 4096)

    def test_service_teams(self):
        for kind, url, path, _, body in self.each("teams"):
            self.assertEqual(path, "/hook/hush")
            self.assertEqual(body["type"], "message")
            card, = body["attachments"]
            self.assertEqual(card["contentType"], "application/vnd.microsoft.card.adaptive")
            self.assertIsNone(card["contentUrl"])
            card = card["content"]
            self.assertEqual((card["type"], card["version"]), ("AdaptiveCard", "1.4"))
            self.assertEqual({block["type"] for block in card["body"]}, {"RichTextBlock"})
            runs = [run for block in card["body"] for run in block["inlines"]]
            self.assertTrue(all(run["type"] == "TextRun" and run["text"] for run in runs))
            self.assertEqual(runs[0]["color"], "Good" if kind in AT_REST else "Attention")
            self.assertEqual([action["type"] for action in card.get("actions", [])], ["Action.OpenUrl"] if url else [])

    def test_service_pagerduty(self):
        keys = []
        for kind, url, path, _, body in self.each("pagerduty"):
            self.assertEqual((self.given.netloc, path), ("events.pagerduty.com", "/v2/enqueue"))
            self.assertEqual(body["routing_key"], "pagerduty-key:hush")
            self.assertEqual(body["event_action"], "resolve" if kind in AT_REST else "trigger")
            payload = body["payload"]
            self.assertTrue(0 < len(payload["summary"]) <= 1024)
            self.assertIn(payload["severity"], ("critical", "error", "warning", "info"))
            self.assertIn(payload["source"], ("example.com", "stswatch"))
            self.assertRegex(payload["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
            self.assertEqual("links" in body, url)
            self.assertLessEqual(len(body["dedup_key"]), 255)
            keys.append(body["dedup_key"])
        for life in (keys[:6], keys[6:]):
            self.assertEqual(len(set(life[:5])), 1)              # one alert from the trigger to the resolve
            self.assertNotEqual(life[0], life[5])

    def test_service_telegram(self):
        for kind, _, path, _, body in self.each("telegram"):
            self.assertEqual((self.given.netloc, path), ("api.telegram.org", "/bottelegram-token:hush/sendMessage"))
            self.assertEqual(body["parse_mode"], "HTML")
            self.assertTrue(body["chat_id"])
            self.assertIs(body["disable_notification"], kind in AT_REST)
            text = re.sub(r"</?(b|pre)>", "", body["text"])
            self.assertNotRegex(text, "[<>]|&(?!amp;|lt;|gt;|quot;|#39;)")
            self.assertLessEqual(len(text), 4096)

    def test_service_matrix(self):
        ids = []
        for _, _, path, headers, body in self.each("matrix", "PUT"):
            where, _, txn = path.rpartition("/")
            self.assertRegex(where, r"^/_matrix/client/v3/rooms/%21\w+%3A[\w.]+/send/m\.room\.message$")
            self.assertEqual(headers["Authorization"], "Bearer matrix-token:hush")
            self.assertEqual((body["msgtype"], body["format"]), ("m.text", "org.matrix.custom.html"))
            self.assertIn("TEST", body["body"])
            self.assertIn("<pre>", body["formatted_body"])
            ids.append(txn)
        self.assertEqual(len(set(ids[:6])), 6)                   # each notice is a message of its own

    def test_service_mattermost(self):
        for kind, url, path, _, body in self.each("mattermost"):
            self.assertEqual(path, "/hook/hush")
            attachment, = body["attachments"]
            self.assertTrue(attachment["fallback"])
            self.assertEqual(attachment["color"], "#1a7f37" if kind in AT_REST else "#b42318")
            self.assertEqual("title_link" in attachment, url)
            for field in attachment["fields"]:
                self.assertEqual(set(field), {"short", "title", "value"})

    def test_what_is_wrong_is_named_with_its_line(self):
        good = (EXAMPLES / "pagerduty.toml").read_text()
        for before, after, named in (
                ("{{ title | cut 1000 }}", "{{ titel }}", 'line 9: unknown path "titel"; did you mean "title"?'),
                ("| cut 1000", "| cutt 1000", 'unknown filter "cutt"; did you mean "cut"?'),
                ("firing=trigger", "firng=trigger", '"status" is never "firng"; did you mean "firing"?'),
                ('"{{ title | cut 1000 }}"', "{{ title }}", "line 9: what it makes is no JSON"),
                ("secret.routing_key", "secret.routing", 'did you mean "secret.routing_key"?'),
                ("https://events.pagerduty.com", "https://{{ domain }}", "after the host only")):
            with self.subTest(after), tempfile.TemporaryDirectory() as folder:
                self.assertIn(before, good)
                config = Path(folder, "stswatch.toml")
                config.write_text('[[domain]]\nname = "example.com"\n' + good.replace(before, after, 1))
                done = run(BINARY, "config", "check", config)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(named, done.stderr)
                self.assertRegex(done.stderr, r"stswatch\.toml:\d+:\d+: alerts\.webhook\.(body|url): ")

    def test_a_body_from_a_file_beside_the_configuration(self):
        with tempfile.TemporaryDirectory() as folder:
            config, body = Path(folder, "stswatch.toml"), Path(folder, "body.json")
            config.write_text('[[domain]]\nname = "example.com"\n[[alerts.webhook]]\nname = "hook"\n'
                              'url = "https://hook.example.net/"\nbody_file = "body.json"\n')
            body.write_text('{"a": "{{ title }}"}')
            self.assertEqual(run(BINARY, "config", "check", config).returncode, 0)
            body.write_text('{\n"a": "{{ nope }}"}')
            self.assertIn('body.json:2: unknown path "nope"', run(BINARY, "config", "check", config).stderr)
            body.unlink()
            self.assertIn("body.json cannot be read", run(BINARY, "config", "check", config).stderr)

    def test_secrets_that_everybody_may_read_are_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            secret = Path(folder, "token")
            secret.write_text("hush\n")
            secret.chmod(0o644)
            config = Path(folder, "stswatch.toml")
            text = (f'[[domain]]\nname = "example.com"\n[[alerts.webhook]]\nname = "hook"\nurl = "https://hook.example.net/"\n'
                    f'secret_files = {{ t = "{secret}" }}\nheaders = {{ X-Token = "{{{{ secret.t }}}}" }}\n')
            config.write_text(text)
            self.assertIn("everybody may read this secret", run(BINARY, "config", "check", config).stderr)
            secret.chmod(0o640)
            self.assertEqual(run(BINARY, "config", "check", config).returncode, 0)


if __name__ == "__main__":
    unittest.main()
