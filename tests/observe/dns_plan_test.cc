#include "checks/observe/dns/servers.h"

#include <doctest/doctest.h>

using namespace stswatch;
using namespace stswatch::dns;
using namespace std::chrono_literals;

namespace {

const DnsQuestion kAsk{"example.com", RecordType::txt};
const std::vector<std::size_t> kOrder{0, 1};

Reading definite() {
  Reading reading;
  TxtAnswer answer;
  answer.lookup = Lookup::absent;
  reading.answer = answer;
  reading.definite = true;
  return reading;
}

Reading failure(const std::string& why) {
  Reading reading;
  reading.answer = unknown_answer(kAsk, why);
  return reading;
}

Reading servfail(const std::string& why = "SERVFAIL") {
  Reading reading = failure(why);
  reading.unexplained = true;
  return reading;
}

AnswerFacts facts(Plan& plan) {
  DnsAnswer answer = plan.result(kAsk);
  return facts_of(answer);
}

}  // namespace

TEST_CASE("a definite answer settles it") {
  Plan plan(2, 3);
  const auto step = plan.next(kOrder);
  REQUIRE(step);
  CHECK(step->server == 0);
  CHECK(step->form.edns);
  CHECK_FALSE(step->tcp);
  plan.answered(definite());
  CHECK_FALSE(plan.next(kOrder));
  CHECK(facts(plan).lookup == Lookup::absent);
}

TEST_CASE("a refusal goes to the next server and never back; both are named") {
  Plan plan(2, 5);
  plan.next(kOrder);
  plan.answered(failure("REFUSED from a"));
  CHECK(plan.next(kOrder)->server == 1);
  plan.answered(failure("NOTIMP from b"));
  CHECK_FALSE(plan.next(kOrder));
  CHECK(facts(plan).detail == "REFUSED from a; NOTIMP from b");
  CHECK(facts(plan).lookup == Lookup::unknown);
}

TEST_CASE("silence is asked again, last and without EDNS, within the tries") {
  Plan plan(2, 3);
  CHECK(plan.next(kOrder)->server == 0);
  plan.silent("no answer from a");
  CHECK(plan.next(kOrder)->server == 1);
  plan.silent("no answer from b");
  const auto third = plan.next(kOrder);
  REQUIRE(third);
  CHECK(third->server == 0);
  CHECK_FALSE(third->form.edns);
  plan.silent("no answer from a");
  CHECK_FALSE(plan.next(kOrder));
  CHECK(facts(plan).detail == "no answer from a; no answer from b");
}

TEST_CASE("TCP after TC and no EDNS after FORMERR belong to the same try, once each") {
  const std::vector<std::size_t> only{0};
  Plan plan(1, 1);
  plan.next(only);
  Reading formerr = failure("FORMERR from a");
  formerr.dislikes_edns = true;
  plan.answered(formerr);
  auto step = plan.next(only);
  REQUIRE(step);
  CHECK_FALSE(step->form.edns);
  Reading truncated = failure("truncated answer from a");
  truncated.truncated = true;
  plan.answered(truncated);
  step = plan.next(only);
  REQUIRE(step);
  CHECK(step->tcp);
  CHECK_FALSE(step->form.edns);
  SUBCASE("then an answer") { plan.answered(definite()); }
  SUBCASE("then truncated again") { plan.answered(truncated); }
  SUBCASE("then FORMERR again") { plan.answered(formerr); }
  CHECK_FALSE(plan.next(only));
}

TEST_CASE("a SERVFAIL nobody explains is asked once more without validation: an answer then means bogus") {
  Plan plan(2, 2);
  plan.next(kOrder);
  plan.answered(servfail("SERVFAIL from a"));
  plan.next(kOrder);
  plan.answered(failure("REFUSED from b"));
  const auto unchecked = plan.next(kOrder);
  REQUIRE(unchecked);
  CHECK(unchecked->server == 0);
  CHECK(unchecked->form.checking_disabled);
  bool bogus = false;
  SUBCASE("an answer") {
    plan.answered(definite());
    bogus = true;
  }
  SUBCASE("again SERVFAIL") { plan.answered(servfail()); }
  SUBCASE("silence") { plan.silent("no answer"); }
  CHECK_FALSE(plan.next(kOrder));
  const auto result = facts(plan);
  CHECK(result.bogus == bogus);
  CHECK(result.lookup == Lookup::unknown);
  CHECK(result.detail.starts_with("SERVFAIL from a; REFUSED from b"));
}

TEST_CASE("an answer of another server wins over a SERVFAIL") {
  Plan plan(2, 2);
  plan.next(kOrder);
  Reading bogus = failure("SERVFAIL from a (EDE 6 DNSSEC bogus)");
  facts_of(bogus.answer).bogus = true;
  plan.answered(bogus);
  SUBCASE("answer") {
    plan.next(kOrder);
    plan.answered(definite());
    CHECK_FALSE(facts(plan).bogus);
  }
  SUBCASE("none") {
    plan.next(kOrder);
    plan.failed("b cannot be reached");
    CHECK_FALSE(plan.next(kOrder));
    CHECK(facts(plan).bogus);
  }
}

TEST_CASE("silent servers go last until they answer, and are probed ever more rarely") {
  ServerHealth health(3);
  const auto start = ServerHealth::Clock::time_point{} + 1h;
  using Order = std::vector<std::size_t>;
  CHECK(health.order() == Order{0, 1, 2});
  health.silent(0, start);
  health.silent(0, start + 1s);
  CHECK(health.order() == Order{1, 2, 0});
  CHECK_FALSE(health.take_due_probe(start + 4s));
  CHECK(health.take_due_probe(start + 5s) == 0);
  CHECK_FALSE(health.take_due_probe(start + 14s));
  CHECK(health.take_due_probe(start + 15s) == 0);
  CHECK(health.take_due_probe(start + 35s) == 0);
  auto now = start + 35s;
  for (int i = 0; i < 10; ++i)
    CHECK(health.take_due_probe(now += 5min) == 0);
  health.answered(0);
  CHECK(health.order() == Order{0, 1, 2});
  CHECK_FALSE(health.take_due_probe(now + 1h));
}
