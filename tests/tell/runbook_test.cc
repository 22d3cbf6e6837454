#include "agent/tell/runbook.h"

#include <doctest/doctest.h>

#include <set>
#include <vector>

#include "checks/judge/catalogue/catalogue.h"

using namespace stswatch;

namespace {

std::vector<std::string_view> runbook_names() {
  std::vector<std::string_view> out;
  for (const auto& entry : catalogue())
    out.push_back(entry.code);
  for (const auto& alert : alert_pages())
    out.push_back(alert.name);
  return out;
}

}  // namespace

TEST_CASE("every finding and every alert has a page, by a name of its own") {
  std::set<std::string_view> names;
  for (const auto name : runbook_names()) {
    CAPTURE(name);
    CHECK(names.insert(name).second);
    const auto page = runbook_page(name);
    REQUIRE(page);
    CHECK(page->starts_with("# " + std::string(name) + "\n\n"));
    for (const auto* part :
         {"## What senders do", "## What to check", "## How to mend it", "## When it is over"})
      CHECK(page->find(part) != std::string::npos);
  }
  CHECK(names.size() == catalogue().size() + 28);
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
