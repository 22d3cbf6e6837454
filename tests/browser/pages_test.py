#!/usr/bin/python3
"""The pages in a real Chromium. The service watches domains of the lab, which must be up; STSWATCH names the program."""
import http.server
import json
import os
import re
import sys
import tempfile
import threading
import time
import unittest
import urllib.request
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "cli"), str(HERE.parent / "lab")]
import live  # noqa: E402
from chromium import ENTER, TAB, Chromium  # noqa: E402
from harness import SECONDS, Case, Service, free_port, get  # noqa: E402

CA_FILE = Path(os.environ.get("STSWATCH_LAB_DIR", "/tmp/stswatch-lab"), "ca.pem").resolve()
SOUND, MOVES, LATE, TESTING, NOTHING, HOSTILE = ("sound.test", "breaks.test", "late-renewal.test", "testing.test",
                                                 "nothing.test", "markup.test")
DOMAINS = (SOUND, MOVES, LATE, TESTING, NOTHING, HOSTILE, "expired-mx.test", "misspelt.test")
# Looks by itself once, and then only when it is asked to.
CONFIG = """
[agent]
state = "{folder}/state.db"
[schedule]
dns = "1h"
policy = "1h"
mx = "1h"
confirm_after = "1s"
confirmations = 1
[dns]
servers = ["127.0.53.2:53"]
[network]
ca_file = "{ca_file}"
allow_private = true
""" + "".join(f'[[domain]]\nname = "{name}"\n' for name in DOMAINS)
EXAMINE = (HERE / "examine.js").read_text()
PAGES = ("/", "/?q=nothing-like-it", *(f"/domain/{name}" for name in DOMAINS), "/domain/not-watched.test")
SIZES = {"wide": (1280, 900), "narrow": (360, 740)}
URGENCY = ["critical", "warning", "unknown", "ok"]


class Pages(Case):
    @classmethod
    def setUpClass(cls):
        if not CA_FILE.exists():
            raise AssertionError(f"{CA_FILE} is not there: run this by tests/lab/lab exec")
        cls.state = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        config = cls.state / "c.toml"
        config.write_text(CONFIG.format(folder=cls.state, ca_file=CA_FILE))
        cls.port = free_port()
        cls.base = f"http://127.0.0.1:{cls.port}"
        cls.service = cls.enterClassContext(Service("--config", str(config), "--listen", f"127.0.0.1:{cls.port}",
                                                    port=cls.port, folder=cls.state))
        cls.browser = cls.enterClassContext(Chromium())
        end = time.monotonic() + SECONDS
        while len(domains := cls.api("domains")) < len(DOMAINS) or any(
                cls.api(f"domains/{d['domain']}")["status"] == "unknown" for d in domains):
            if time.monotonic() > end:
                raise AssertionError(f"not all domains were looked at: {domains}\n{cls.service.said()}")
            time.sleep(0.1)

    @classmethod
    def api(cls, path):
        return json.loads(get(cls.port, f"/api/v1/{path}")[1])

    def setUp(self):
        super().setUp()
        self.browser.forget()
        self.browser.allow_scripts(True)
        self.browser.prefer("light")
        self.browser.resize(*SIZES["wide"])

    def calm(self):
        """Nothing was said on the console, and nothing was asked of anybody else."""
        self.assertEqual(self.browser.console(), [])
        asked = self.browser.traffic()
        self.assertTrue(asked)
        self.assertEqual([url for url in asked if not url.startswith(self.base + "/")], [])

    def go(self, path):
        self.browser.go(self.base + path)

    def run_js(self, script, *arguments):
        return self.browser.run(script, *arguments)

    def examine(self, question):
        return self.run_js(EXAMINE, question)

    def text(self, css="main"):
        return self.run_js("return document.querySelector(arguments[0])?.innerText ?? ''", css)

    def rows(self):
        """[[text of each cell]] of the list, as far as it is shown."""
        return self.run_js("""return [...document.querySelectorAll('table.list tbody tr')].filter((row) => !row.hidden)
                              .map((row) => [...row.cells].map((cell) => cell.innerText))""")

    def names(self):
        return [row[0] for row in self.rows()]

    def wait_for(self, what, is_so):
        end = time.monotonic() + SECONDS
        while not (found := is_so()):
            self.assertLess(time.monotonic(), end, f"waited {SECONDS} s for {what}\n{self.text()}")
            time.sleep(0.1)
        return found


class WhatIsShown(Pages):
    def test_the_list_has_every_domain_as_the_api_has_it_and_the_urgent_first(self):
        self.go("/")
        told = {domain["domain"]: domain for domain in self.api("domains")}
        rows = self.rows()
        self.assertEqual(sorted(row[0] for row in rows), sorted(DOMAINS))
        statuses = [row[1].split("\n")[0] for row in rows]
        self.assertEqual(statuses, sorted(statuses, key=URGENCY.index))
        for name, status, outlook, mode, mx, looked in rows:
            with self.subTest(name):
                domain = told[name]
                self.assertEqual(status.split("\n")[0], domain["status"])
                self.assertTrue(mode.startswith(domain["mode"] or "no "), mode)
                if usable := domain["enforce_usable_mx"]:
                    self.assertIn(f"{usable['max']} of {usable['of']} usable", mx)
                if breakage := domain["forecast"]["breakage"]:
                    self.assertIn(minutes(breakage["at"]), outlook)
                self.assertRegex(looked, r"ago|just now")
        late = next(row for row in rows if row[0] == LATE)
        self.assertRegex(late[2], r"^Mail of enforcing senders stops in \d d .* h\n.*: the certificate of mx1\.late-renewal\.test expires$")
        self.calm()

    def test_a_domain_has_its_facts_its_picture_and_the_texts_to_publish(self):
        self.go(f"/domain/{LATE}")
        domain, page = self.api(f"domains/{LATE}"), self.text()
        for heading in ("What is wrong", "What comes", "What to publish", "The record", "The policy as served",
                        "The MX hosts", "What senders hold", "Past incidents", "What changed"):
            self.assertIn(heading, page)
        self.assertIn(domain["record"]["texts"][0], page)
        for finding in domain["findings"]:
            if finding["severity"] != "info":
                for words in (finding["effect"], finding["fix"], finding["detail"], finding["code"]):
                    self.assertIn(words, page)
        for mx in domain["mx"]:
            for address in mx["addresses"]:
                self.assertRegex(page, rf"{re.escape(mx['host'])}\s+{mx['preference']}\s+{address['address']}\s+ok")
                self.assertIn(minutes(address["certificate"]["chain_not_after"]), page)
        bars = self.run_js("return [...document.querySelectorAll('svg text')].map((one) => one.textContent)")
        for mx in domain["mx"]:
            self.assertTrue(any(mx["host"] in bar for bar in bars), bars)
        self.assertIn("mail of enforcing senders stops " + minutes(domain["forecast"]["breakage"]["at"]), bars)
        self.assertIn("Caches hold today's policy", bars)
        self.examine("openAll")
        self.assertRegex(self.text(), r'_mta-sts\.late-renewal\.test\. 3600 IN TXT "v=STSv1; id=\w+;"')
        self.calm()

    def test_where_the_pages_link_to_is_there(self):
        links = set()
        for path in ("/", f"/domain/{LATE}"):
            self.go(path)
            links |= set(self.run_js("return [...document.querySelectorAll('a[href]')].map((one) => one.href)"))
        self.assertGreater(len(links), len(DOMAINS))
        for link in links:
            self.assertTrue(link.startswith(self.base), link)
            self.assertEqual(get(self.port, link.removeprefix(self.base))[0], 200, link)

    def test_what_the_network_says_is_text(self):
        """A script that ran would open a dialogue, which ends the session; one that is refused is on the console."""
        script, image = "<script>alert(1)</script>", "<img src=x onerror=alert(1)>"
        hostile = self.api(f"domains/{HOSTILE}")
        odd_host = next(mx["host"] for mx in hostile["mx"] if "img" in mx["host"])
        for path in ("/", f"/?q={HOSTILE}", f"/domain/{HOSTILE}", '/?q="><script>alert(1)</script>&status="><b>&sort=<i>'):
            self.go(path)
            self.examine("openAll")
            inside = self.run_js("""return [document.scripts.length, document.images.length,
                                    document.querySelectorAll('iframe, object, embed, i, main form form').length]""")
            self.assertEqual(inside, [1, 0, 0], path)
            if HOSTILE in path:
                self.assertIn(odd_host, self.text())
        self.go(f"/domain/{HOSTILE}")
        self.examine("openAll")
        page = self.text()
        for words in (hostile["record"]["texts"][0], f"x-note: </pre>{script}{image}", f"554 5.7.1 {script}{image}",
                      "\\<img src=x onerror=alert(1)\\>"):
            self.assertIn(words, page)
        self.calm()

    def test_a_strict_content_security_policy_is_kept(self):
        with urllib.request.urlopen(self.base + "/", timeout=SECONDS) as answer:
            policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
        self.assertEqual(policy["default-src"], "'none'")
        self.assertNotIn("unsafe", str(policy))
        self.go(f"/domain/{LATE}")
        self.assertEqual(self.run_js("return document.querySelectorAll('[style], style, script:not([src])').length"), 0)
        self.calm()


class WhatCanBeDone(Pages):
    def test_typing_filters_at_once_and_show_asks_for_all(self):
        self.go("/")
        self.browser.type("input[name=q]", "LATE-")
        self.assertEqual(self.names(), [LATE])
        self.browser.press(ENTER)
        self.wait_for("the answer", lambda: "q=LATE-" in self.browser.url())
        self.assertEqual(self.names(), [LATE])
        self.go("/?q=certificate-expiring")
        self.assertEqual(self.names(), [LATE])
        self.go("/")
        self.browser.click("select[name=status] option[value=ok]")
        self.wait_for("the answer", lambda: "status=ok" in self.browser.url())
        self.assertEqual(set(self.names()), {d["domain"] for d in self.api("domains") if d["status"] == "ok"})
        self.calm()

    def test_headings_sort(self):
        self.go("/")
        for column, key in ((1, lambda row: row[0]), (2, lambda row: URGENCY.index(row[1].split("\n")[0]))):
            self.browser.click(f"table.list thead th:nth-child({column}) a")
            rows = self.rows()
            self.assertEqual([key(row) for row in rows], sorted(key(row) for row in rows))
            self.assertEqual(self.run_js("return [...document.querySelectorAll('table.list thead th')].map((th) => th.ariaSort)"),
                             ["ascending" if n == column else None for n in range(1, 7)])
        self.calm()

    def test_without_scripts_everything_works(self):
        self.browser.allow_scripts(False)
        self.go("/")
        self.browser.type("input[name=q]", "late-")
        self.assertEqual(len(self.names()), len(DOMAINS))        # nothing happens before it is sent
        self.browser.click("form.filter button")
        self.wait_for("the answer", lambda: self.names() == [LATE])
        self.browser.click("table.list tbody a")
        self.wait_for("the domain", lambda: self.browser.url().endswith(f"/domain/{LATE}"))
        self.browser.click("details.silence summary")
        self.assertTrue(self.run_js("return document.querySelector('details.silence').open"))
        self.calm()

    def ask_for_a_look(self, domain):
        """Within five seconds of a look the button shows that one: then it is pressed again."""
        def asked():
            self.go(f"/domain/{domain}")
            self.browser.click("form[action$='/check'] button")
            end = time.monotonic() + 2
            while time.monotonic() < end:
                if self.browser.url().startswith(f"{self.base}/domain/{domain}?asked="):
                    return True
            return False
        self.wait_for("the answer", asked)

    def test_look_again_shows_what_has_changed(self):
        self.browser.allow_scripts(False)
        moved = f"mx3.{MOVES}"
        with live.Live() as lab:
            self.go(f"/domain/{MOVES}")
            self.assertNotIn(moved, self.text())
            lab.set_mx(MOVES, [(10, moved)], hosts={moved: live.Mail()})

            def look_again():
                self.ask_for_a_look(MOVES)
                return "Mail of enforcing senders stops now" in self.text()
            self.wait_for("the new host", look_again)
            page = self.text()
            self.assertIn("No MX host is listed in the policy", page)
            self.assertRegex(page, rf"{re.escape(moved)}\s+not listed")
            self.assertRegex(page, rf"version: STSv1\s+mode: enforce\s+mx: {re.escape(moved)}\s+max_age: 604800")
            self.assertRegex(page, rf"An MX host has been added\s+mx1.*{re.escape(moved)}")
        self.wait_for("all as before", lambda: look_again() is False)
        self.wait_for("the incident to be past", lambda: look_again() is False and re.search(
            r"Past incidents\s.*No MX host is listed in the policy\s+breaks\.test\s+critical", self.text(), re.DOTALL))
        self.calm()

    def test_the_page_loads_itself_again_until_the_look_is_over(self):
        for domain in DOMAINS:
            with self.subTest(domain):
                before = self.api(f"domains/{domain}")["checked_at"]
                self.wait_for("another second", lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()) > before)
                self.ask_for_a_look(domain)
                self.wait_for("the end of the look", lambda: self.run_js("return !document.getElementById('looking')"))
                self.assertGreater(self.api(f"domains/{domain}")["checked_at"], before)
        self.go(f"/domain/{SOUND}?asked=2000-01-01T00:00:00Z")
        self.assertEqual(self.text("#looking"), "")
        self.calm()

    def test_a_look_that_is_under_way_is_said_so_without_scripts(self):
        self.browser.allow_scripts(False)
        self.go(f"/domain/{SOUND}?asked=" + time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        self.assertIn("A new look is under way.", self.text("#looking"))
        self.browser.click("#looking a")
        self.assertEqual((self.browser.url(), self.text("#looking")), (f"{self.base}/domain/{SOUND}", ""))
        self.calm()

    def silences(self):
        listed = self.run_it("silence", "list", "--json", "--state", str(self.state / "state.db"))
        self.assertEqual(listed.returncode, 0, listed.stderr)
        return json.loads(listed.stdout)

    def test_a_finding_is_silenced_by_a_button_and_told_again_by_another(self):
        self.go(f"/domain/{LATE}")
        article = "article.critical"
        self.browser.click(f"{article} details.silence summary")
        self.browser.click(f"{article} select option[value='1d']")
        self.browser.type(f"{article} input[name=comment]", "<b>ordered</b>")
        self.browser.click(f"{article} details.silence button")
        self.wait_for("the word that it is silenced", lambda: "Silenced until" in self.text(article))
        self.assertIn("<b>ordered</b>", self.text(article))
        self.assertEqual(self.browser.url(), f"{self.base}/domain/{LATE}")
        (silence,) = self.wait_for("the store to have it", self.silences)
        self.assertEqual({key: silence[key] for key in ("domain", "code", "subject", "comment")}, {
            "domain": LATE, "code": "certificate-expiring", "subject": "mx1.late-renewal.test",
            "comment": "<b>ordered</b>"})
        self.browser.click(f"{article} form[action$='/unsilence'] button")
        self.wait_for("the form again", lambda: "Silence this" in self.text(article))
        self.wait_for("the store to forget it", lambda: not self.silences())
        self.calm()

    def test_a_whole_domain_is_silenced_without_scripts(self):
        self.browser.allow_scripts(False)
        self.go(f"/domain/{SOUND}")
        self.browser.click(".acts summary")
        self.browser.click(".acts details button")
        self.wait_for("the word that it is silenced", lambda: "Silenced until" in self.text(".acts"))
        (silence,) = self.wait_for("the store to have it", self.silences)
        self.assertEqual([silence[key] for key in ("domain", "code", "subject")], [SOUND, "*", "*"])
        self.browser.click("form[action$='/unsilence'] button")
        self.wait_for("the store to forget it", lambda: not self.silences())
        self.calm()

    def test_what_changes_something_cannot_be_sent_by_other_sites(self):
        """The other site is a page that sends forms by itself, opened in the browser of somebody who may use ours."""
        actions = {"silence": f"/domain/{LATE}/silence", "check": f"/domain/{LATE}/check",
                   "api": f"/api/v1/domains/{LATE}/check", "reload": "/-/reload"}
        with other_site({f"/{name}": f'<form method=post action="{self.base}{path}"><input name=for value=1h></form>'
                         "<script>document.forms[0].submit()</script>" for name, path in actions.items()}) as other:
            for name, path in actions.items():
                with self.subTest(name):
                    self.browser.go(f"{other}/{name}")
                    self.wait_for("the answer", lambda: self.browser.url() == self.base + path)
                    self.assertIn("another site", self.text("body"))
                    self.assertNotEqual(get(self.port, path)[0], 200, "GET changes nothing")
        self.assertEqual(self.silences(), [])
        for origin, status in ((f"http://127.0.0.1:{self.port}", 202), ("https://elsewhere.example", 403), ("null", 403)):
            self.assertEqual(get(self.port, actions["api"], data=b"", headers={"Origin": origin})[0], status, origin)


class ForEverybody(Pages):
    def each_page(self, sizes=SIZES, schemes=("light", "dark")):
        """(path, how it is shown)"""
        for size in sizes:
            for scheme in schemes:
                self.browser.resize(*SIZES[size])
                self.browser.prefer(scheme)
                for path in PAGES:
                    self.go(path)
                    yield path, f"{path} {size} {scheme}"

    def test_all_text_has_contrast(self):
        for path, how in self.each_page():
            found = self.examine("contrast")
            self.assertGreater(found["looked"], 5 if "not" in path else 30, how)
            self.assertEqual(found["low"], [], how)

    def test_light_and_dark_differ(self):
        colors = []
        for scheme in ("light", "dark"):
            self.browser.prefer(scheme)
            self.go("/")
            colors.append(self.run_js("return getComputedStyle(document.body).backgroundColor"))
        self.assertEqual(colors[0], "rgb(255, 255, 255)")
        self.assertNotEqual(*colors)

    def test_nothing_is_cut_at_360_pixels(self):
        for _, how in self.each_page(sizes=("narrow",), schemes=("light",)):
            self.assertEqual(self.examine("beyond"), {"width": SIZES["narrow"][0], "wide": []}, how)

    def test_the_examination_sees_planted_faults(self):
        plant = "document.querySelector(arguments[0]).style.setProperty(arguments[1], arguments[2])"
        self.go("/")
        self.run_js(plant, "h1", "color", "#999")
        self.assertEqual([fault["text"] for fault in self.examine("contrast")["low"]], ["Domains"])
        self.run_js(plant, "h1", "width", "2000px")
        self.assertEqual(self.examine("beyond")["wide"], ["H1 Domains"])
        self.browser.press(TAB)
        self.assertTrue(self.examine("focused")["ring"])
        self.run_js(plant, ":focus", "outline", "none")
        self.assertFalse(self.examine("focused")["ring"])

    def test_everything_has_a_role_and_a_name(self):
        named = {"link", "button", "textbox", "searchbox", "combobox", "DisclosureTriangle", "region", "navigation",
                 "heading", "columnheader", "rowheader", "option", "RootWebArea"}
        for path, how in self.each_page(schemes=("light",)):
            self.examine("openAll")
            tree = self.browser.accessibility_tree()
            self.assertEqual([node for node in tree if node["role"] in named and not (node["name"] or "").strip()], [], how)
            roles = [node["role"] for node in tree]
            for landmark in ("main", "banner", "navigation"):
                self.assertEqual(roles.count(landmark), 1, f"{landmark} {how}")
            levels = [node["level"] for node in tree if node["role"] == "heading"]
            self.assertEqual((levels[0], levels.count(1)), (1, 1), f"{levels} {how}")
            self.assertTrue(all(after <= before + 1 for before, after in zip(levels, levels[1:])), f"{levels} {how}")
            self.assertEqual(self.run_js("return document.documentElement.lang"), "en", how)
            if path == f"/domain/{LATE}":
                self.assertTrue({"table", "row", "columnheader", "rowheader", "cell"} <= set(roles), how)

    def test_the_same_name_is_not_given_to_buttons_that_do_different_things(self):
        self.go(f"/domain/{LATE}")
        self.examine("openAll")
        buttons = [node["name"] for node in self.browser.accessibility_tree() if node["role"] == "button"]
        self.assertEqual(len(buttons), len(set(buttons)), buttons)

    def test_the_keyboard_reaches_everything_in_order_and_shows_where_it_is(self):
        for path in ("/", f"/domain/{LATE}"):
            for size in SIZES.values():
                with self.subTest(f"{path} {size}"):
                    self.browser.resize(*size)
                    self.go(path)
                    wanted = self.examine("focusables")
                    self.assertGreater(len(wanted), 10)
                    for name in wanted:
                        self.browser.press(TAB)
                        self.assertEqual(self.examine("focused"), {"name": name, "ring": True, "seen": True})

    def test_the_first_stop_skips_to_the_content(self):
        self.go("/")
        self.browser.press(TAB, ENTER)
        self.browser.press(TAB)
        self.assertTrue(self.run_js("return document.querySelector('main').contains(document.activeElement)"))
        self.calm()

    def test_the_picture_is_also_a_table(self):
        self.go(f"/domain/{LATE}")
        drawn = self.run_js("return [...document.querySelectorAll('svg text')].map((one) => one.textContent)")
        told = self.run_js("""const details = document.querySelector('svg').parentElement.nextElementSibling;
                              return [...details.querySelectorAll('tbody th')].map((one) => one.textContent)""")
        self.assertGreater(len(told), 4)
        for name in told:
            self.assertTrue(any(name in text for text in drawn), name)


def minutes(utc):
    """As the pages write it; what is over is not written."""
    return f"{utc[:10]} {utc[11:16]} UTC"


class other_site:
    """An origin of its own that serves these pages; as a context its address."""

    def __init__(self, pages):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200 if self.path in pages else 404)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(pages.get(self.path, "").encode())

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://localhost:{self.server.server_port}"

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


if __name__ == "__main__":
    unittest.main()
