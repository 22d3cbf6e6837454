// The scenarios of RULES 6 that need a memory, as time-lines of made facts: the exact set of open findings.
// Precise codes of groups A and B stand beside the consequence where a row of RULES 6 names only that.
#include <doctest/doctest.h>

#include "tests/remember/timeline.h"

namespace stswatch::facts {
namespace {

/// RULES 6, 33: mode none with a new id; both are seen together.
Timeline opted_out(std::initializer_list<std::string_view> mx = {kMx1, kMx2}) {
  auto t = steady();
  t.wait(1h);
  t.file(mx, "none", "86400");
  t.id("20261202T010000Z");
  t.see();
  return t;
}

}  // namespace

TEST_CASE("9 the policy host answers 301: no page, the date of the lapse is shown") {
  auto t = steady();
  t.wait(1h);
  auto moved = fetch(kWeb, "", 301);
  moved.location = "https://www.example.com/";
  t.look.set_fetches({moved});
  t.see_well();
  CHECK(joined(t.open()) ==
        joined({"sts-policy-http-redirect critical ticket", "protection-lapse-predicted warning ticket"}));
  const auto* lapse = t.find("protection-lapse-predicted");
  REQUIRE(t.verdict().forecast.lapse);
  CHECK(lapse->effect.find(to_utc(*t.verdict().forecast.lapse)) != std::string::npos);
  // It was last served at some moment before the look that proved it gone: seven days from then.
  CHECK(*t.verdict().forecast.lapse <= t.now() + days(7));
  CHECK(*t.verdict().forecast.lapse >= t.now() + days(7) - 2h);
  // RULES 5.1: a page once half of the cache life is gone.
  t.run(days(3) + 13h);
  CHECK(t.find("protection-lapse-predicted")->severity == Severity::critical);
  CHECK(t.find("protection-lapse-predicted")->route == Route::page);
}

TEST_CASE("11 the policy host's certificate expired an hour ago: no page") {
  auto t = steady();
  t.wait(1h);
  t.look.set_fetches({distrusted_fetch(expired("mta-sts.example.com", -days(1)))});
  t.see();
  CHECK(joined(t.open()) ==
        joined({"sts-webpki-cert-expired critical ticket", "protection-lapse-predicted warning ticket"}));
}

TEST_CASE("29 file and MX set changed, the id was not") {
  auto t = steady();
  t.wait(1h);
  t.file({kMx2, kMx3});
  t.mx_set({std::string(kMx2), kMx3});
  t.run(2h);
  const std::string want =
      joined({"sts-policy-changed-id-unchanged critical page", "cached-policy-excludes-mx warning ticket",
              "mx-added warning ticket", "mx-removed info log"});
  CHECK(joined(t.open()) == want);
  CHECK(t.verdict().enforce_usable_mx == UsableMx{1, 1, 2});
  // Putting the file back does not help those who fetched the other one; only a new id does.
  t.file({kMx1, kMx2});
  t.run(1h);
  CHECK(t.find("sts-policy-changed-id-unchanged"));
  t.file({kMx2, kMx3});
  t.see();
  t.wait(5min);
  t.id("20261203T000000Z");
  t.see_well();
  CHECK_FALSE(t.find("sts-policy-changed-id-unchanged"));
  CHECK(t.verdict().enforce_usable_mx == UsableMx{2, 2, 2});
}

TEST_CASE("29 the MX host that both policies list is gone too: broken") {
  auto t = steady();
  t.wait(1h);
  t.file({kMx3});
  t.mx_set({kMx3});
  t.see();
  CHECK(t.find("sts-policy-changed-id-unchanged")->route == Route::page);
  CHECK(t.find("cached-policy-excludes-all-mx")->route == Route::page);
  CHECK(t.find("enforce-breakage-now"));
  CHECK_FALSE(t.find("cached-policy-excludes-mx"));
  CHECK_FALSE(t.find("mx-none-in-policy"));  // the file of now lists it: the cached one has its own code
}

TEST_CASE("30 a move in the right order: no page, nothing but the changes") {
  auto t = steady();
  t.wait(1h);
  t.file({kMx1, kMx2, kMx3});
  t.see();
  CHECK(t.find("sts-policy-changed-id-unchanged")->severity == Severity::info);  // it costs no host
  t.wait(5min);
  t.id("20261202T011000Z");
  t.see_well();
  CHECK(joined(t.open()).empty());
  t.wait(1h);
  t.mx_set({std::string(kMx1), std::string(kMx2), kMx3});
  t.see();
  CHECK(joined(t.open()) == joined({"cached-policy-excludes-mx info log", "mx-added info log"}));
  CHECK(t.verdict().enforce_usable_mx == UsableMx{3, 3, 3});
  t.run(days(7));
  CHECK_FALSE(t.find("cached-policy-excludes-mx"));  // closed after one TTL and an hour
  for (const auto& told : t.told)
    CHECK(told.incident.finding.route != Route::page);
}

TEST_CASE("30 a file whose id does not follow within an hour is a ticket") {
  auto t = steady();
  t.wait(1h);
  t.file({kMx1, kMx2, kMx3});
  t.see();
  CHECK(t.find("sts-policy-changed-id-unchanged")->route == Route::log);
  t.wait(59min);
  t.see();
  CHECK(t.find("sts-policy-changed-id-unchanged")->route == Route::log);
  t.wait(2min);
  t.see();
  CHECK(t.find("sts-policy-changed-id-unchanged")->route == Route::ticket);
}

TEST_CASE("30 a file that is mended before its id is no page") {
  auto t = steady();
  t.wait(1h);
  t.file({kMx1});  // mx2 is forgotten
  t.see();
  t.wait(5min);
  t.id("20261202T011000Z");
  t.see_well();
  t.run(days(2));
  t.told.clear();
  t.file({kMx1, kMx2});
  t.see();
  REQUIRE(t.find("sts-policy-changed-id-unchanged"));
  CHECK(t.find("sts-policy-changed-id-unchanged")->route == Route::log);
  t.wait(5min);
  t.id("20261202T041000Z");
  t.see_well();
  CHECK_FALSE(t.find("sts-policy-changed-id-unchanged"));
  for (const auto& told : t.told)
    CHECK(told.incident.finding.route != Route::page);
}

TEST_CASE("30 a file that is mended on the same day is no page, and one whose id does not follow is") {
  auto t = steady();
  t.wait(1h);
  t.file({kMx1});
  t.see();
  t.wait(5min);
  t.id("20261202T011000Z");
  t.see_well();
  t.run(2h);
  t.told.clear();
  t.file({kMx1, kMx2});
  t.see();
  REQUIRE(t.find("sts-update-order-race"));  // the old file was seen under this id, and not for long
  CHECK(t.find("sts-update-order-race")->route == Route::log);
  for (const auto& told : t.told)
    CHECK(told.incident.finding.route != Route::page);
  t.run(2h);
  CHECK(t.find("sts-update-order-race")->route == Route::page);
}

TEST_CASE("30 file and id changed between two looks, in the right order: no race is made up") {
  auto t = steady();
  t.wait(1h);
  t.file({kMx1, kMx2, kMx3});
  t.id("20261202T011000Z");
  t.mx_set({std::string(kMx1), std::string(kMx2), kMx3});
  t.see();
  CHECK(joined(t.open()) == joined({"cached-policy-excludes-mx info log", "mx-added warning ticket",
                                    "sts-update-order-unknown info log"}));
  t.run(1h, 5min);
  CHECK_FALSE(t.find("sts-update-order-race"));
}

TEST_CASE("31 the record changed 20 min before the file, the MX hosts at once: broken") {
  auto t = steady();
  t.wait(1h);
  t.id("20261202T010000Z");
  t.mx_set({kMx3});
  t.see();
  CHECK(t.find("mx-none-in-policy"));
  t.wait(20min);
  t.file({kMx3});
  t.see_well();
  CHECK(joined(t.open()) ==
        joined({"sts-update-order-race critical page", "cached-policy-excludes-all-mx critical page",
                "enforce-breakage-now critical page", "mx-added warning ticket", "mx-removed info log",
                "mx-single info log"}));
  CHECK(t.verdict().enforce_usable_mx == UsableMx{0, 0, 1});
  const auto until = to_utc(kNow + days(1) + 1h + 20min + days(7));
  CHECK(t.find("sts-update-order-race")->effect.find(until) != std::string::npos);
  // One more new id frees everyone caught in the window.
  t.id("20261202T013000Z");
  t.see_well();
  CHECK_FALSE(t.find("sts-update-order-race"));
  CHECK_FALSE(t.find("enforce-breakage-now"));
}

TEST_CASE("32 record and policy host removed, enforce cached for a year") {
  Timeline t;
  t.file({kMx1, kMx2}, "enforce", "31557600");
  t.run(days(1));
  t.wait(1h);
  t.look.no_record();
  t.look.no_policy_host();
  t.see_well();
  std::vector<std::string> want{"sts-txt-missing critical ticket",
                                "sts-policy-host-no-address critical ticket",
                                "protection-lapse-predicted warning ticket"};
  CHECK(joined(t.open()) == joined(want));
  t.wait(2h);
  t.see();
  want.push_back("sts-policy-disappeared critical ticket");
  CHECK(joined(t.open()) == joined(want));
  CHECK(t.verdict().live_mode == Mode::enforce);
  CHECK(t.verdict().enforce_usable_mx == UsableMx{2, 2, 2});
  CHECK(t.verdict().mode == std::nullopt);
}

TEST_CASE("33 mode none with a new id, three days on: opting out") {
  auto t = opted_out();
  t.run(days(3));
  CHECK(joined(t.open()) == joined({"sts-mode-none-published info log", "sts-mode-downgraded warning ticket",
                                    "sts-max-age-lowered info log", "sts-update-order-unknown info log"}));
  CHECK(t.verdict().live_mode == Mode::enforce);
  const auto until = to_utc(kNow + days(1) + 1h - 1s + days(7));
  CHECK(t.find("sts-mode-none-published")->fix.find(until) != std::string::npos);
}

TEST_CASE("34 the policy host removed on day 4: too early") {
  auto t = opted_out();
  t.run(days(4));
  t.look.no_policy_host();
  t.see_well();
  CHECK(t.find("sts-removal-unsafe")->severity == Severity::critical);
  CHECK_FALSE(t.find("sts-policy-disappeared"));
  CHECK_FALSE(t.find("protection-lapse-predicted"));  // its end is what the owner wants
  t.run(days(4));
  CHECK_FALSE(t.find("sts-removal-unsafe"));  // nobody holds it any more
}

TEST_CASE("35 mode none on day 8: it may all be removed, and is") {
  auto t = opted_out();
  t.run(days(8));
  CHECK(joined(t.open()) == joined({"sts-removal-complete info log"}));
  CHECK(t.verdict().live_mode == Mode::none);
  t.look.no_record();
  t.see_well();
  t.look.no_policy_host();
  t.see_well();
  CHECK(joined(t.open()) == joined({"sts-not-deployed info log"}));
}

TEST_CASE("36 mode none without mx lines while enforce is cached") {
  auto t = opted_out({});
  t.run(days(1));
  CHECK(joined(t.open()) == joined({"sts-mode-none-published info log", "sts-none-without-mx warning log",
                                    "sts-mode-downgraded warning ticket", "sts-max-age-lowered info log",
                                    "sts-update-order-unknown info log"}));
  t.run(days(8));
  CHECK_FALSE(t.find("sts-none-without-mx"));
}

TEST_CASE("46 enforce to testing: live mode stays enforce for as long as it is cached") {
  auto t = steady();
  t.wait(1h);
  t.file({kMx1, kMx2}, "testing");
  t.id("20261202T010000Z");
  t.run(days(6));
  CHECK(joined(t.open()) ==
        joined({"sts-mode-downgraded warning ticket", "sts-update-order-unknown info log"}));
  CHECK(t.verdict().live_mode == Mode::enforce);
  t.run(days(1) + 3h);
  CHECK(t.verdict().live_mode == Mode::testing);
}

TEST_CASE("50 the usual fetch takes 5 s") {
  auto t = steady();
  t.look.domain.fetches[0].duration = 5s;
  t.run(2h);
  CHECK(t.find("sts-policy-fetch-slow"));
  CHECK(t.find("sts-policy-fetch-slow")->severity == Severity::warning);
  t.look.domain.fetches[0].duration = 80ms;
  t.run(days(1) + 2h);
  CHECK(joined(t.open()).empty());
}

}  // namespace stswatch::facts
