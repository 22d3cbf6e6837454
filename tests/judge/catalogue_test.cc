#include "checks/judge/catalogue/catalogue.h"
#include "checks/judge/catalogue/finding.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>

using namespace stswatch;

namespace {

constexpr std::array<std::string_view, 12> kPlaceholders = {"domain", "policy_host", "record",   "subject",
                                                            "host",   "where",       "fetchers", "address",
                                                            "until",  "new_id",      "who",      "value"};

/// The first thing in braces that is no placeholder, or a brace without its partner; empty when all is well.
std::string stray_placeholder(std::string_view text) {
  for (auto open = text.find_first_of("{}"); open != text.npos; open = text.find_first_of("{}", open)) {
    const auto close = text.find('}', open);
    if (text[open] == '}' || close == text.npos) return std::string(text.substr(open));
    const auto name = text.substr(open + 1, close - open - 1);
    if (std::ranges::find(kPlaceholders, name) == kPlaceholders.end()) return std::string(name);
    open = close + 1;
  }
  return {};
}

std::filesystem::path shared_findings() {
  if (const char* samples = std::getenv("STSWATCH_SAMPLES")) {
    const auto path = std::filesystem::path(samples) / ".." / "findings.json";
    if (std::filesystem::exists(path)) return path;
  }
  return SOURCE_DIR "/../shared/findings.json";
}

/// The shared findings number their groups by letters.
char letter_of(Theme theme) { return "ABCDEFGHIJKLMNOPQR"[static_cast<std::size_t>(theme)]; }

std::optional<Severity> severity_of(const nlohmann::json& value) {
  if (value.is_null()) return std::nullopt;
  for (const auto severity : {Severity::info, Severity::warning, Severity::critical}) {
    if (value == to_string(severity)) return severity;
  }
  FAIL("unknown severity " << value);
  return std::nullopt;
}

}  // namespace

TEST_CASE("every code is there once, is found, and stands with its theme") {
  std::set<std::string_view> seen;
  Theme theme = Theme::record;
  for (const CatalogueEntry& entry : catalogue()) {
    CAPTURE(entry.code);
    CHECK(seen.insert(entry.code).second);
    CHECK(find_in_catalogue(entry.code) == &entry);
    CHECK(entry.theme >= theme);
    theme = entry.theme;
  }
  CHECK(seen.size() >= 160);
  CHECK(find_in_catalogue("no-such-code") == nullptr);
}

TEST_CASE("what suppresses a finding is in the catalogue, and does not suppress itself") {
  for (const CatalogueEntry& entry : catalogue()) {
    CAPTURE(entry.code);
    for (const auto codes : {entry.beside.suppressed_by(), entry.beside.suppressed_from_elsewhere_by()}) {
      for (const auto code : codes) {
        CHECK(find_in_catalogue(code) != nullptr);
        CHECK(code != entry.code);
      }
    }
  }
}

TEST_CASE("the codes that have a constant are in the catalogue") {
  for (const auto code : codes::all)
    CHECK(find_in_catalogue(code) != nullptr);
}

TEST_CASE("changes of the MX set are told apart from those of its hosts") {
  for (const std::string_view code : {"mx-added", "mx-removed", "mx-provider-changed"})
    CHECK(is_of_mx_set(code));
  for (const std::string_view code : {"certificate-issuer-changed", "sts-mode-downgraded", "mx-null", "id"})
    CHECK_FALSE(is_of_mx_set(code));
}

TEST_CASE("what is wrong with the policy host is no fault of an MX host") {
  const CatalogueEntry* entry = find_in_catalogue("address-not-public");
  REQUIRE(entry);
  CHECK(entry->told.of(false).of_host);
  CHECK(entry->told.of(false).aspect == Aspect::reach);
  CHECK_FALSE(entry->told.of(true).of_host);
  CHECK(entry->told.of(true).aspect == Aspect::policy);
}

TEST_CASE("a title that names nobody can be told of somebody") {
  const CatalogueEntry* entry = find_in_catalogue("certificate-expired");
  REQUIRE(entry);
  CHECK(entry->title.whom() == Whom::mx_host);
  CHECK(entry->title.rest() == "'s certificate has expired");
  CHECK(find_in_catalogue("sts-txt-missing")->title.whom() == Whom::nobody);
}

TEST_CASE("no text is empty, too long, or holds an unknown placeholder") {
  for (const CatalogueEntry& entry : catalogue()) {
    CAPTURE(entry.code);
    CHECK_FALSE(entry.title.empty());
    CHECK(entry.title.size() <= 80);
    CHECK_FALSE(entry.title.ends_with('.'));
    CHECK(entry.title.find('{') == entry.title.npos);  // a title is told without being filled in
    CHECK_FALSE(entry.effect.empty());
    CHECK_FALSE(entry.fix.empty());
    CHECK(entry.fix.size() <= 420);
    CHECK((entry.reference.starts_with("RFC ") || entry.reference.starts_with("contrib/docs/findings.md#")));
    for (const auto text : {entry.effect, entry.fix, entry.reference}) {
      CHECK(stray_placeholder(text) == "");
      CHECK(text.find("  ") == text.npos);
      CHECK(text == text.substr(text.find_first_not_of(' '), text.find_last_not_of(' ') + 1));
    }
  }
}

TEST_CASE("a change of the policy is always told in the same order: file, every address, new id") {
  for (const CatalogueEntry& entry : catalogue()) {
    CAPTURE(entry.code);
    const auto verified = entry.fix.find("erify");
    const auto id = entry.fix.find("{new_id}", verified == entry.fix.npos ? 0 : verified);
    if (entry.theme == Theme::policy_text && entry.fix.find("{new_id}") != entry.fix.npos) {
      CHECK(verified != entry.fix.npos);
      CHECK(id != entry.fix.npos);
    }
    // Nothing tells the reader to verify the file only after the id was published.
    if (verified != entry.fix.npos) CHECK(entry.fix.find("{new_id}") == id);
  }
}

TEST_CASE("severity and route by live mode") {
  const CatalogueEntry* page = find_in_catalogue("mx-none-in-policy");  // - / w / c, page
  REQUIRE(page);
  CHECK(page->severity_in(Mode::none) == std::nullopt);
  CHECK(page->severity_in(Mode::testing) == Severity::warning);
  CHECK(page->severity_in(Mode::enforce) == Severity::critical);
  CHECK(page->route_in(Mode::testing) == Route::ticket);
  CHECK(page->route_in(Mode::enforce) == Route::page);

  const CatalogueEntry* missing = find_in_catalogue("sts-txt-missing");  // i / w / c, ticket
  REQUIRE(missing);
  CHECK(missing->route_in(Mode::none) == Route::log);
  CHECK(missing->route_in(Mode::testing) == Route::ticket);

  const CatalogueEntry* agent = find_in_catalogue("vantage-port25-blocked");  // - / - / -, ticket
  REQUIRE(agent);
  CHECK(agent->of_the_agent());
  for (const auto mode : {Mode::none, Mode::testing, Mode::enforce}) {
    CHECK(agent->severity_in(mode) == Severity::info);
    CHECK(agent->route_in(mode) == Route::ticket);
  }

  CatalogueEntry dane = *page;  // DANE and DNSSEC findings stop mail whatever the mode
  dane.severity = {Severity::critical, Severity::critical, Severity::critical};
  CHECK(dane.route_in(Mode::none) == Route::ticket);
  dane.route = Routing(Route::page).in_every_mode();
  CHECK(dane.route_in(Mode::none) == Route::page);
}

TEST_CASE("the catalogue agrees with the shared findings") {
  const auto path = shared_findings();
  if (!std::filesystem::exists(path)) {
    MESSAGE("skipped: " << path.string() << " is not here");
    return;
  }
  std::ifstream file(path);
  const auto findings = nlohmann::json::parse(file);
  std::size_t compared = 0;
  for (const CatalogueEntry& entry : catalogue()) {
    CAPTURE(entry.code);
    const auto found = std::ranges::find_if(findings, [&](const auto& f) { return f["code"] == entry.code; });
    if (found == findings.end()) continue;  // codes may be added, none renamed
    ++compared;
    const auto& finding = *found;
    CHECK(finding["group"].get<std::string>().front() == letter_of(entry.theme));
    CHECK(severity_of(finding["severity"]["none"]) == entry.severity[Mode::none]);
    CHECK(severity_of(finding["severity"]["testing"]) == entry.severity[Mode::testing]);
    CHECK(severity_of(finding["severity"]["enforce"]) == entry.severity[Mode::enforce]);
    CHECK(finding["route"] == to_string(static_cast<Route>(entry.route)));
    // "A or B": the first; "as the failing check", "(as reported)": not known beforehand.
    std::string type = finding["tlsrpt"].is_null() ? "" : finding["tlsrpt"].get<std::string>();
    type = type.substr(0, type.find(" or "));
    CHECK((type.starts_with("as ") || type.starts_with("(as ") ? "" : type) == to_string(entry.reported_as));
  }
  CHECK(compared >= 160);
}
