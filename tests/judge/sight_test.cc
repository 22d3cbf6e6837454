// What is said when nobody can deliver, when the MX set has gone, and of a pool behind one address.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "checks/judge/rules/readings.h"
#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {

SmtpProbe proven(SmtpProbe probe) {
  probe.repeated = true;
  return probe;
}

Look with_both(const SmtpProbe& first, const SmtpProbe& second) {
  auto look = base();
  look.set_mx(mx_host("mx1.example.com", {first}));
  look.set_mx(mx_host("mx2.example.com", {second}));
  return look;
}

const Finding& finding(const Verdict& v, std::string_view code) {
  const auto it = std::ranges::find(v.findings, code, &Finding::code);
  REQUIRE(it != v.findings.end());
  return *it;
}

/// The history of one address: g good, b bad.
HostPast attempts(std::string_view story, std::string_view address = kMail1) {
  HostPast past;
  for (const char c : story)
    past.attempts.push_back({kNow, std::string(address), c == 'g' ? "" : "starttls-not-supported"});
  return past;
}

}  // namespace

TEST_CASE("no host that anybody can use: one page, and no advice about the policy") {
  const auto dead = [](std::string_view at) {
    return proven(failed_probe(at, Stage::connect, Cause::refused));
  };
  const auto mute = [](std::string_view at) {
    return proven(failed_probe(at, Stage::greeting, Cause::timeout));
  };
  for (const auto& look : {with_both(dead(kMail1), dead(kMail2)), with_both(mute(kMail1), dead(kMail2)),
                           with_both(mute(kMail1), mute(kMail2))}) {
    const auto v = judged(look);
    CHECK(finding(v, "mx-all-down").severity == Severity::critical);
    CHECK(finding(v, "mx-all-down").route == Route::page);
    CHECK_FALSE(has(v, "enforce-breakage-now"));
    CHECK((v.enforce_usable_mx == UsableMx{0, 0, 2}));
  }
}

TEST_CASE("it pages in every mode, since everybody loses mail") {
  auto look = with_both(proven(failed_probe(kMail1, Stage::connect, Cause::refused)),
                        proven(failed_probe(kMail2, Stage::connect, Cause::refused)));
  look.set_policy(policy({kMx1, kMx2}, "testing"));
  CHECK(finding(judged(look), "mx-all-down").route == Route::page);
}

TEST_CASE("one look alone does not prove that all are down, and one host that lives refutes it") {
  const auto refused = failed_probe(kMail1, Stage::connect, Cause::refused);
  CHECK_FALSE(
      has(judged(with_both(refused, failed_probe(kMail2, Stage::connect, Cause::refused))), "mx-all-down"));
  CHECK_FALSE(has(judged(with_both(proven(refused), probe(kMail2, "mx2.example.com"))), "mx-all-down"));
}

TEST_CASE("a silent server is told as such, and not as unreachable") {
  const auto v = judged(
      with_both(probe(kMail1, "mx1.example.com"), proven(failed_probe(kMail2, Stage::ehlo, Cause::closed))));
  CHECK(finding(v, "smtp-silent").subject == "mx2.example.com");
  CHECK(finding(v, "smtp-silent").severity == Severity::critical);
  CHECK_FALSE(has(v, "mx-unreachable"));
  CHECK((v.enforce_usable_mx == UsableMx{1, 1, 2}));
}

TEST_CASE(
    "the MX set that mail went to has gone: a page in every mode, unless it was planned or never there") {
  struct Row {
    const char* code;
    Look look;
  };
  Row null{"mx-became-null", base()}, none{"mx-vanished", base()};
  null.look.null_mx();
  none.look.domain.mx = absent<MxAnswer>("example.com", false);
  none.look.domain.apex = addresses("example.com", {kMail1});
  none.look.set_mx(mx_host("example.com", {probe(kMail1, "example.com")}));
  for (Row& row : {std::ref(null), std::ref(none)}) {
    CAPTURE(row.code);
    Past past;
    CHECK_FALSE(has(judged(row.look, {&past, {}}), row.code));
    past.mx = {{"mx1.example.com", {kNow - days(9), kNow}}, {"example.com", {kNow, {}}}};
    for (const auto* mode : {"enforce", "testing", "none"}) {
      row.look.set_policy(policy({kMx1, kMx2}, mode));
      const auto told = finding(judged(row.look, {&past, {}}), row.code);
      CHECK(told.severity == Severity::critical);
      CHECK(told.route == Route::page);
      CHECK(told.detail.find("mail went to mx1.example.com") != std::string::npos);
      CHECK(told.fix.find("(mx1.example.com)") != std::string::npos);
    }
    past.changes = {{kNow, "mx-removed", "example.com", "mx1.example.com, mx2.example.com", "", true}};
    CHECK_FALSE(has(judged(row.look, {&past, {}}), row.code));
    past.changes[0].planned = false;
    CHECK(finding(judged(row.look, {&past, {}}), row.code).fix.find("mx2.example.com") != std::string::npos);
    row.look.limits.change_planned = true;
    CHECK_FALSE(has(judged(row.look, {&past, {}}), row.code));
    row.look.limits.change_planned = false;
  }
}

TEST_CASE("flapping: a bad attempt has followed a good one three times, whatever comes between") {
  CHECK_FALSE(flapping_at(attempts("gggbbbbbb"), std::string(kMail1)));
  CHECK_FALSE(flapping_at(attempts("gbgb"), std::string(kMail1)));
  CHECK_FALSE(flapping_at(attempts("bgbgb"), std::string(kMail1)));
  CHECK(flapping_at(attempts("gbgbgb"), std::string(kMail1)));
  CHECK(flapping_at(attempts("ggbbggbbggbb"), std::string(kMail1)));
  CHECK_FALSE(flapping_at(attempts("gbgbgb"), std::string(kMail2)));
  CHECK(flapping_at(attempts("gbgbgb"), std::string(kMail1))->mostly_bad());
  CHECK_FALSE(flapping_at(attempts("ggbgbgb"), std::string(kMail1))->mostly_bad());
}

TEST_CASE("a pool is told once, its bad attempts are not told beside it, and it counts as perhaps usable") {
  auto look =
      with_both(failed_probe(kMail1, Stage::starttls, Cause::not_offered), probe(kMail2, "mx2.example.com"));
  const auto v =
      judged(look, {nullptr, {{"mx1.example.com", std::make_shared<HostPast>(attempts("gbgbgb"))}}});
  CHECK(finding(v, "smtp-flapping").subject == "mx1.example.com");
  CHECK(finding(v, "smtp-flapping").severity == Severity::critical);
  CHECK(finding(v, "smtp-flapping").detail.find("starttls-not-supported") != std::string::npos);
  CHECK_FALSE(has(v, "starttls-not-supported"));
  CHECK(v.mx[0].usable == std::nullopt);
}

TEST_CASE("a pool's bad certificate is not told beside it, whichever of its machines answered last") {
  auto bad = probe(kMail1, "mx1.example.com");
  bad.tls.peer = expired("mx1.example.com");
  const auto look = with_both(std::move(bad), probe(kMail2, "mx2.example.com"));
  CHECK(has(judged(look), "certificate-expired"));
  auto past = attempts("gbgbgb");
  for (auto& attempt : past.attempts)
    if (!attempt.fault.empty()) attempt.fault = "certificate-expired";
  const auto v = judged(look, {nullptr, {{"mx1.example.com", std::make_shared<HostPast>(std::move(past))}}});
  CHECK(finding(v, "smtp-flapping").detail.find("certificate-expired") != std::string::npos);
  CHECK_FALSE(has(v, "certificate-expired"));
}

TEST_CASE("an odd copy is kept as long as it says itself, and one that is no policy not at all") {
  auto look = base();
  look.set_fetches(
      {fetch(kWeb), fetch(kWeb2), fetch("198.51.101.3", policy({kMx1, kMx2}, "enforce", "86400"))});
  const auto odd = finding(judged(look), "sts-policy-address-inconsistent");
  CHECK(odd.detail.starts_with("198.51.101.3: enforce, max_age 86400"));
  CHECK(odd.effect.find(to_utc(kNow + days(1))) != std::string::npos);
  look.set_fetches({fetch(kWeb), fetch(kWeb2), fetch("198.51.101.3", "<html>hi</html>")});
  const auto page = finding(judged(look), "sts-policy-address-inconsistent");
  CHECK(page.severity == Severity::warning);
  CHECK(page.effect.find("get no policy from it") != std::string::npos);
  CHECK(page.effect.find("apply it until") == std::string::npos);
}

TEST_CASE("what one copy of several excludes is told of that copy alone") {
  auto look = base();
  look.set_fetches({fetch(kWeb), fetch(kWeb2), fetch("198.51.101.3", policy({"old.example.com"}))});
  const auto v = judged(look);
  CHECK(finding(v, "sts-policy-address-inconsistent").severity == Severity::critical);
  CHECK_FALSE(has(v, "mx-none-in-policy"));
  const auto stops = finding(v, "enforce-breakage-now");
  CHECK(stops.effect.starts_with("Senders that fetched the policy from 198.51.101.3 defer mail"));
  CHECK(stops.detail.find("still hold") == std::string::npos);
  CHECK(stops.fix.find("serve at 198.51.101.3 too") != std::string::npos);
  REQUIRE(v.enforce_usable_mx);
  CHECK(in_words(*v.enforce_usable_mx) == "0 to 2 of 2");
}

}  // namespace stswatch::facts
