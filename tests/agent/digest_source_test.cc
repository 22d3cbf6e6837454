// What a digest is made of: the domains that a receiver wants, also those that nobody has looked at, and what
// people have announced.
#include "agent/watch/notifier.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/agent/manual_clock.h"

using namespace stswatch;
using namespace std::chrono_literals;

namespace {

Config watching(std::initializer_list<const char*> names) {
  Config out;
  for (const char* name : names)
    out.domains.push_back({*Domain::parse(name), {}, {}, 100});
  return out;
}

std::shared_ptr<const FollowedPlan> plan_of(Deed deed, std::string text, TimePoint since) {
  FollowedPlan out;
  out.since = since;
  PlanStep& step = out.plan.steps.emplace_back();
  step.n = 1;
  step.deed = deed;
  step.after = {{0, 3600s}};
  step.text = std::move(text);
  out.done.resize(1);
  return std::make_shared<const FollowedPlan>(std::move(out));
}

Silence silence_of(std::string domain, std::string by = "") {
  Silence out;
  out.domain = std::move(domain);
  out.by = std::move(by);
  return out;
}

}  // namespace

TEST_CASE("a digest knows of each wanted domain, and that nobody has looked at it yet") {
  Snapshot snapshot;
  snapshot.now = kStart;
  snapshot.own.emplace_back();
  const auto source =
      digest_source(snapshot, watching({"b.example", "a.example", "other.test"}), {.domains = {"*.example"}});
  REQUIRE(source.domains.size() == 2);
  CHECK(source.domains[0].name == "a.example");
  CHECK(source.domains[0].memory == nullptr);
  CHECK(source.own.size() == 1);
  CHECK(digest_source(snapshot, watching({"a.example"}), {.own = false}).own.empty());
  CHECK(compose_digest(source, kStart - 7 * 24h, kStart).unseen.lines.size() >= 2);
}

TEST_CASE("a digest has the silences that touch its domains, whoever made them") {
  Snapshot snapshot;
  snapshot.now = kStart;
  snapshot.configured_silences = {silence_of("*.example"), silence_of("other.test")};
  snapshot.silences = {{"1", silence_of("a.example", "root")}, {"2", silence_of("c.test")}};
  const auto source = digest_source(snapshot, watching({"a.example"}), {});
  REQUIRE(source.silences.size() == 2);
  CHECK(source.silences[0].domain == "*.example");
  CHECK(source.silences[1].by == "root");
}

TEST_CASE(
    "a digest has what is planned: windows that are not over, and the next step of a plan that is followed") {
  Snapshot snapshot;
  snapshot.now = kStart;
  snapshot.plans = {{"a.example", plan_of(Deed::set_mx, "Make this the whole MX set: 10 b.example.", kStart)},
                    {"other.test", plan_of(Deed::set_mx, "Not for this receiver.", kStart)}};
  auto config = watching({"a.example", "other.test"});
  config.planned = {{*Domain::parse("a.example"), kStart + 48h, kStart + 50h},
                    {*Domain::parse("a.example"), kStart - 50h, kStart - 48h}};
  const auto source = digest_source(snapshot, config, {.domains = {"a.example"}});
  REQUIRE(source.planned.size() == 2);
  CHECK(source.planned[0].first == kStart + 48h);
  CHECK(source.planned[1].first == kStart + 1h);
  CHECK(source.planned[1].second.find("step 1 of the plan: Make this") != std::string::npos);
}
