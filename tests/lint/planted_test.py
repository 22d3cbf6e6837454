"""The lints refuse what is planted, each line by itself, and let pass what is right."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
import contributing  # noqa: E402
import includes  # noqa: E402
import words  # noqa: E402

REFUSED = {
    "facts know nobody": ("checks/facts/policy.cc", '#include "checks/judge/verdict.h"'),
    "facts do no I/O": ("checks/facts/policy.cc", "#include <sys/socket.h>"),
    "facts call idn2 in domain.cc alone": ("checks/facts/policy.cc", "#include <idn2.h>"),
    "observe has no opinions": ("checks/observe/https.cc", '#include "checks/judge/finding.h"'),
    "judge has no senses": ("checks/judge/record.cc", '#include "checks/observe/resolver.h"'),
    "judge has no lock": ("checks/judge/record.cc", "#include <mutex>"),
    "judge has no thread": ("checks/judge/record.cc", "#include <thread>"),
    "judge has no clock": ("checks/judge/record.cc", "#include <chrono>"),
    "judge has no vendor": ("checks/judge/record.cc", "#include <openssl/x509.h>"),
    "judge does not log": ("checks/judge/record.cc", "#include <spdlog/spdlog.h>"),
    "config knows options, not sockets": ("config/load.cc", '#include "checks/observe/tls.h"'),
    "config is not included by tell": ("agent/tell/json.cc", '#include "config/config.h"'),
    "remember does not tell": ("agent/remember/ram.cc", '#include "agent/tell/json.h"'),
    "remember does not observe": ("agent/remember/ram.cc", '#include "checks/observe/observer.h"'),
    "tell does not observe": ("agent/tell/json.cc", '#include "checks/observe/x509.h"'),
    "tell does not know the agent": ("agent/tell/json.cc", '#include "agent/service.h"'),
    "tell does not know alerts": ("agent/tell/json.cc", '#include "alerts/notice.h"'),
    "alerts do not tell": ("alerts/render.cc", '#include "agent/tell/json.h"'),
    "alerts do not observe": ("alerts/render.cc", '#include "checks/observe/x509.h"'),
    "CLI11 in main.cc only": ("agent/check.cc", "#include <CLI/CLI.hpp>"),
    "c-ares in observe only": ("agent/check.cc", "#include <ares.h>"),
    "toml++ in config only": ("agent/run.cc", "#include <toml++/toml.h>"),
    "json in headers forward only": ("agent/tell/json.h", "#include <nlohmann/json.hpp>"),
    "a library nobody has placed": ("agent/tell/json.cc", "#include <curl/curl.h>"),
    "spaces change nothing": ("checks/judge/record.cc", '  #  include   "checks/observe/tcp.h"'),
}
LET_PASS = {
    "facts in facts": ("checks/facts/policy.cc", '#include "checks/facts/text.h"'),
    "time.h holds the clock's types": ("checks/facts/text.h", "#include <chrono>"),
    "idn2 in domain.cc": ("checks/facts/domain.cc", "#include <idn2.h>"),
    "openssl in observe": ("checks/observe/tls.cc", "#include <openssl/ssl.h>"),
    "the verdict's limits in config": ("config/config.h", '#include "checks/judge/verdict.h"'),
    "the version in tell": ("agent/tell/json.cc", '#include "agent/version.h"'),
    "everyone in agent": ("agent/check.cc", '#include "checks/observe/observer.h"'),
    "json in a source": ("agent/tell/json.cc", "#include <nlohmann/json.hpp>"),
    "json declared in a header": ("agent/tell/json.h", "#include <nlohmann/json_fwd.hpp>"),
}
BAD_WORDS = {
    "a home folder": ("README.md", "see /ho" "me/someone/notes"),
    "a build machine": ("contrib/run", "cd /wo" "rk/tree"),
    "getaddrinfo": ("checks/observe/tcp.cc", "  ::getaddrinfo (host, nullptr, &hints, &found);"),
    "a sleep": ("tests/observe/tcp_test.cc", "  std::this_thread::sleep_for(1s);"),
}
GOOD_WORDS = {
    "a comment": ("checks/observe/resolver.h", "/// never getaddrinfo()"),
    "a path everyone has": ("contrib/run", "cat /etc/resolv.conf /tmp/x /var/lib/x"),
    "part of a path": ("README.md", "build/wo" "rk/x, https://example.com/wo" "rk/"),
}


class Planted(unittest.TestCase):
    def complaints(self, lint, name, text):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"// First line.\n{text}\n")
            return list(lint.complaints(folder))

    def each(self, lint, table, wanted):
        for why, (name, text) in table.items():
            with self.subTest(why):
                found = self.complaints(lint, name, text)
                self.assertEqual(len(found), wanted, found)
                self.assertTrue(all(one.startswith(f"{name}:2: ") for one in found), found)

    def test_bad_includes_are_refused(self):
        self.each(includes, REFUSED, 1)

    def test_good_includes_pass(self):
        self.each(includes, LET_PASS, 0)

    def test_bad_words_are_refused(self):
        self.each(words, BAD_WORDS, 1)

    def test_good_words_pass(self):
        self.each(words, GOOD_WORDS, 0)

    def test_a_contributors_page_that_fell_behind_is_refused(self):
        page = "`checks/facts/gone.cc` `checks/facts/a.h`\n\n| word | means |\n|---|---|\n| sprocket, look | x |\n"
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {contributing.PAGE: page, "checks/facts/a.h": "int look;", "config/b.h": ""}.items():
                Path(folder, name).parent.mkdir(parents=True, exist_ok=True)
                Path(folder, name).write_text(text)
            found = "\n".join(contributing.complaints(folder))
        for complaint in ("checks/facts/gone.cc: is not there", "config: a room", "checks/facts: a room", '"sprocket"'):
            self.assertIn(complaint, found)
        self.assertEqual(found.count("\n"), 3, found)


if __name__ == "__main__":
    unittest.main()
