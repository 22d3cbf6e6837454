// What is said when nobody can deliver, when the MX set has gone, and of a pool behind one address.
#include <doctest/doctest.h>

#include <algorithm>

#include "checks/judge/rules/flapping.h"
#include "tests/judge/facts_builder.h"

namespace stswatch {
namespace {

using namespace facts;

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

Verdict judged(const Look& look, const History& history = kNoHistory) {
  return judge(look.domain, look.mx, look.vantage, look.limits, history);
}

bool has(const Verdict& v, std::string_view code) {
  return std::ranges::any_of(v.findings, [&](const Finding& f) { return f.code == code; });
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

}  // namespace stswatch
