#include "agent/tell/runbook.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "checks/judge/catalogue/catalogue.h"

using namespace stswatch;

TEST_CASE("every finding and every alert has a page, by a name of its own") {
  std::set<std::string_view> names;
  for (const auto name : runbook_names()) {
    CAPTURE(name);
    CHECK(names.insert(name).second);
    if (name == kRunbookIndex) continue;
    const auto page = runbook_page(name);
    REQUIRE(page);
    CHECK(page->starts_with("# " + std::string(name) + "\n\n"));
    for (const auto* part :
         {"## What senders do", "## What to check", "## How to mend it", "## When it is over"})
      CHECK(page->find(part) != std::string::npos);
  }
  CHECK(names.size() == 1 + catalogue().size() + alert_pages().size());
}

TEST_CASE("the index leads to every page") {
  const auto index = *runbook_page(kRunbookIndex);
  for (const auto name : runbook_names())
    if (name != kRunbookIndex)
      CHECK(index.find("- [" + std::string(name) + "](" + std::string(name) + ".md): ") != std::string::npos);
}

TEST_CASE("as HTML: what is marked is marked, links lead to pages beside it, all else is escaped") {
  CHECK(runbook_as_html("# a-code\n\nOne line.\nAnd [RFC 1](https://x.example/1.md), `code`.\n")
            .find("<h1>a-code</h1>\n<p>One line.\nAnd <a href=\"https://x.example/1.md\">RFC 1</a>, "
                  "<code>code</code>.</p>\n</body>") != std::string::npos);
  CHECK(runbook_as_html("## <b>\n- [a](a.md): b\n- c\n")
            .find("<h2>&lt;b&gt;</h2>\n<ul>\n<li><a href=\"a.html\">a</a>: b</li>\n<li>c</li>\n</ul>\n") !=
        std::string::npos);
  CHECK(runbook_as_html("| a | b |\n|---|---|\n| c | d |\n")
            .find("<table>\n<tr><th>a</th><th>b</th></tr>\n<tr><td>c</td><td>d</td></tr>\n</table>") !=
        std::string::npos);
  CHECK(runbook_as_html("```sh\n# <no heading>\n\n- x [y](z)\n```\n")
            .find("<pre># &lt;no heading&gt;\n\n- x [y](z)\n</pre>") != std::string::npos);
  for (const auto* open : {"a [b", "a [b](c", "a `b", "[", "`", "[]"})
    CHECK(runbook_as_html(open).find("<p>" + std::string(open) + "</p>") != std::string::npos);
  CHECK(runbook_as_html("").ends_with("</body></html>\n"));
}

TEST_CASE("no placeholder is left in a page, and every section of an RFC is a link") {
  for (const auto& entry : catalogue()) {
    const auto page = *runbook_page(entry.code);
    CAPTURE(page);
    CHECK(page.find('{') == std::string::npos);
    for (auto at = page.find("§"); at != std::string::npos; at = page.find("§", at + 1))
      CHECK(page.substr(page.rfind('[', at), 5) == "[RFC ");
  }
}

TEST_CASE("every group of the catalogue has advice of its own") {
  std::set<std::string_view> fallback;
  for (const auto& entry : catalogue())
    if (advice_on(entry).check == "stswatch check DOMAIN --explain") fallback.insert(entry.code);
  CHECK(fallback.empty());
}

TEST_CASE("a reference becomes a link, several are told apart") {
  const auto page = *runbook_page("mx-none-in-policy");
  CHECK(page.find("[RFC 8461 §4.1](https://www.rfc-editor.org/rfc/rfc8461#section-4.1), "
                  "[RFC 8461 §5](https://www.rfc-editor.org/rfc/rfc8461#section-5).") != std::string::npos);
  CHECK(page.find("Senders report it as `certificate-host-mismatch`") != std::string::npos);
  CHECK(page.find("[MtaStsBreakageNow](MtaStsBreakageNow.md)") != std::string::npos);
}

TEST_CASE("an unknown name has no page") { CHECK_FALSE(runbook_page("no-such-code")); }
