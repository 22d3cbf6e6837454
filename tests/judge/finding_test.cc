#include "checks/judge/catalogue/finding.h"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>

using namespace stswatch;
using namespace std::chrono_literals;

namespace {

const TimePoint kNow = std::chrono::sys_days(std::chrono::year(2026) / 11 / 23) + 16h;

Findings in(Mode live) { return Findings(*Domain::parse("example.com"), live, kNow); }

bool contains(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("a fresh id is the time of the look in letters and digits") {
  CHECK(fresh_id(kNow) == "20261123T160000Z");
  CHECK(fresh_id(kNow + 61s) == "20261123T160101Z");
}

TEST_CASE("severity and route follow the live mode") {
  struct Row {
    std::string_view code;
    Mode live;
    bool raised;
    Severity severity;
    Route route;
  };
  using enum Severity;
  const Row rows[] = {
      {"mx-none-in-policy", Mode::none, false, info, Route::log},
      {"mx-none-in-policy", Mode::testing, true, warning, Route::ticket},  // a page only under enforce
      {"mx-none-in-policy", Mode::enforce, true, critical, Route::page},
      {"sts-txt-missing", Mode::none, true, info, Route::log},  // info is always log
      {"sts-txt-missing", Mode::enforce, true, critical, Route::ticket},
      {"sts-not-deployed", Mode::enforce, false, info, Route::log},
      {"sts-max-age-under-hour", Mode::enforce, true, warning, Route::log},
      {"vantage-port25-blocked", Mode::none, true, info, Route::ticket},  // the agent's own notice
      {"vantage-port25-blocked", Mode::enforce, true, info, Route::ticket},
      {"observation-unknown", Mode::testing, true, info, Route::log},
  };
  for (const Row& row : rows) {
    CAPTURE(row.code);
    CAPTURE(to_string(row.live));
    Findings findings = in(row.live);
    findings.raise(row.code, "example.com", "seen");
    REQUIRE(findings.all().size() == (row.raised ? 1U : 0U));
    if (!row.raised) continue;
    const Finding& finding = findings.all().front();
    CHECK(finding.code == row.code);
    CHECK(finding.severity == row.severity);
    CHECK(finding.route == row.route);
    CHECK(finding.detail == "seen");
    CHECK(finding.of_the_agent == find_in_catalogue(row.code)->of_the_agent());
  }
}

TEST_CASE("raise_as changes the severity, and info goes to the log") {
  Findings findings = in(Mode::enforce);
  findings.raise_as(Severity::info, "sts-policy-too-large", "mta-sts.example.com", "11 KiB");
  findings.raise_as(Severity::warning, "mx-none-in-policy", "example.com", "");
  findings.raise_as(Severity::critical, "observation-unknown", "example.com", "");  // stays the agent's info
  REQUIRE(findings.all().size() == 3);
  CHECK(findings.all()[0].severity == Severity::info);
  CHECK(findings.all()[0].route == Route::log);
  CHECK(findings.all()[1].severity == Severity::warning);
  CHECK(findings.all()[1].route == Route::page);
  CHECK(findings.all()[2].severity == Severity::info);

  Findings testing = in(Mode::testing);
  testing.raise_as(Severity::info, "sts-not-deployed", "example.com", "");
  CHECK(testing.all().empty());  // not raised in this mode, whatever the severity
}

TEST_CASE("the first raise of a code and subject stays") {
  Findings findings = in(Mode::enforce);
  findings.raise("mx-not-in-policy", "mx1.example.com", "first");
  findings.raise("mx-not-in-policy", "mx1.example.com", "second");
  findings.raise("mx-not-in-policy", "mx2.example.com", "third");
  findings.raise("mx-target-cname", "mx1.example.com", "fourth");
  REQUIRE(findings.all().size() == 3);
  CHECK(findings.all()[0].detail == "first");
  CHECK(findings.all()[1].detail == "third");
  CHECK(findings.has("mx-not-in-policy"));
  CHECK(findings.has("mx-not-in-policy", "mx2.example.com"));
  CHECK_FALSE(findings.has("mx-not-in-policy", "mx3.example.com"));
  CHECK_FALSE(findings.has("mx-null"));
}

TEST_CASE("placeholders are filled from the domain, the subject and the look") {
  Findings findings = in(Mode::enforce);
  findings.raise("sts-txt-missing", "example.com", "");
  findings.raise("sts-policy-connect-failed", "mta-sts.example.com 192.0.2.1", "");
  findings.raise("mx-not-in-policy", "mx1.example.com 192.0.2.1", "");
  findings.raise("address-not-public", "mx1.example.com 10.0.0.1", "");
  REQUIRE(findings.all().size() == 4);
  const auto& all = findings.all();
  CHECK(contains(all[0].effect, "until the end of max_age after their last fetch"));
  CHECK(contains(all[0].fix, "at _mta-sts.example.com; "));
  CHECK(contains(all[0].fix, "\"v=STSv1; id=20261123T160000Z;\""));
  CHECK(contains(all[1].fix, "443 at mta-sts.example.com 192.0.2.1,"));
  CHECK(contains(all[1].fix, "that mta-sts.example.com has"));
  CHECK(contains(all[2].fix, "\"mx: mx1.example.com\""));
  CHECK(contains(all[3].effect, "10.0.0.1"));
  CHECK(contains(all[3].fix, "for mx1.example.com."));
  CHECK(all[0].reference == "RFC 8461 §3.1, RFC 8461 §3.3, RFC 8461 §8.3");
}

TEST_CASE("what the rule supplies goes before the defaults, an empty value does not count") {
  Findings findings = in(Mode::enforce);
  findings.raise("sts-txt-missing", "example.com", "", {{"until", "2026-12-01T00:00:00Z"}, {"new_id", "X1"}});
  findings.raise("sts-txt-missing", "other", "", {{"until", ""}});
  CHECK(contains(findings.all()[0].effect, "until 2026-12-01T00:00:00Z "));
  CHECK(contains(findings.all()[0].fix, "id=X1;"));
  CHECK(contains(findings.all()[1].effect, "until the end of max_age"));
}

TEST_CASE("a value from outside is not read as a placeholder") {
  Findings findings = in(Mode::enforce);
  findings.raise("mx-not-in-policy", "{new_id}.example.com", "{domain}");
  CHECK(contains(findings.all()[0].fix, "\"mx: {new_id}.example.com\""));
  CHECK(findings.all()[0].detail == "{domain}");
}

TEST_CASE("no text keeps a placeholder once it is filled in") {
  for (const CatalogueEntry& entry : catalogue()) {
    CAPTURE(entry.code);
    for (const auto mode : {Mode::none, Mode::testing, Mode::enforce}) {
      Findings findings = in(mode);
      findings.raise(entry.code, "mx1.example.com 192.0.2.1", "seen");
      CHECK(findings.all().size() == (entry.severity_in(mode) ? 1U : 0U));
      for (const Finding& finding : findings.all()) {
        CHECK_FALSE(contains(finding.effect + finding.fix + finding.reference, "{"));
        CHECK_FALSE(contains(finding.effect + finding.fix + finding.reference, "}"));
      }
    }
  }
}
