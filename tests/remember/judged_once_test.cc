// What a look costs the judge, counted: a domain in steady state is read, judged and simulated once a look.
#include <doctest/doctest.h>

#include "agent/remember/update.h"
#include "tests/judge/call_counts.h"
#include "tests/judge/facts_builder.h"
#include "tests/remember/timeline.h"

namespace stswatch::facts {
namespace {

template <class Act>
CallCounts counted(Act act) {
  call_counts = {};
  act();
  return call_counts;
}

Timeline settled() {
  Timeline t;
  t.see_well();
  t.wait(300s);
  return t;
}

JudgeInputs inputs(const Timeline& t) {
  return {t.look.mx, t.look.mx, t.hosts, t.look.vantage, t.look.limits};
}

constexpr CallCounts kOnce{.cases = 1, .judgements = 1, .simulations = 1};

}  // namespace

TEST_CASE(
    "a steady look is judged once, with a fetch and without, and a policy that is known is not parsed") {
  auto t = settled();
  CHECK(counted([&] { t.see(); }) == kOnce);
  t.wait(300s);
  CHECK(counted([&] { t.see(false); }) == kOnce);
}

TEST_CASE("a look at an MX host costs one judgement for each domain that uses it") {
  auto t = settled();
  CHECK(counted([&] { after_mx_look(*t.record, std::string(kMx1), true, t.now(), inputs(t)); }) == kOnce);
}

TEST_CASE("a text is parsed when it is new, however many addresses serve it") {
  auto t = settled();
  const auto fresh = policy({kMx1, kMx2}, "enforce", "604801");
  t.look.set_fetches({fetch(kWeb, fresh), fetch(kWeb2, fresh), fetch(kWeb6, fresh)});
  CHECK(counted([&] { t.see(); }).parses == 1);
  t.wait(300s);
  CHECK(counted([&] { t.see(); }).parses == 0);
}

TEST_CASE("what is seen and not yet proved is judged beside what is") {
  auto t = settled();
  t.look.no_record();
  const auto cost = counted([&] { t.see(); });
  CHECK(cost.judgements == 2);
  CHECK(t.record->known != t.record->confirmed);
}

TEST_CASE("a verdict carries what it was given on, so that nobody works it out again") {
  const auto t = settled();
  REQUIRE(t.verdict().foresight != nullptr);
  const auto& [world, usable] = *t.verdict().foresight;
  CHECK(world.domain == "example.com");
  CHECK(world.mx.size() == t.verdict().mx.size());
  CHECK(usable == t.verdict().enforce_usable_mx);
}

}  // namespace stswatch::facts

using namespace stswatch;

TEST_CASE("after a restart the record is judged as it was, and nothing opens or closes") {
  const auto base = facts::base();
  JudgeInputs around;
  around.known = around.confirmed = base.mx;
  around.vantage = base.vantage;
  auto broken = base.domain;
  broken.sts = facts::txt("_mta-sts.example.com", {"v=STSv1; id=not-allowed;"});
  const auto turn = after_look(nullptr, broken, true, around);
  REQUIRE(!turn.record->incidents.empty());

  auto stored = *turn.record;
  stored.verdict = Verdict(base.domain.domain);  // it is not stored
  const auto now = broken.at + Seconds{7200};
  const auto again = judged_again(stored, now, around);
  CHECK(again->verdict.findings == turn.record->verdict.findings);
  CHECK(again->verdict.status == turn.record->verdict.status);
  CHECK(again->verdict.policy.outcome == Outcome::ok);
  CHECK(again->verdict.checked_at == now);
  CHECK(again->incidents == stored.incidents);
  CHECK(again->past == stored.past);
  CHECK(*again->known == *stored.known);
}
