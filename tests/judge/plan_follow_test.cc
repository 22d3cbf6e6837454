// A plan that is followed: what counts as done, when the next is safe, what was too early or out of order,
// and what belongs to it.
#include "checks/judge/senders/plan.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/judge/senders_world.h"

namespace stswatch::worlds {
namespace {

constexpr Seconds kLook{600};

Policy serving(std::vector<std::string> mx) {
  Policy out;
  out.mode = Mode::enforce;
  out.mx = std::move(mx);
  out.max_age = 864000;
  return out;
}

PlanSight sight(TimePoint at, std::string id, std::vector<std::string> patterns,
                std::set<std::string> hosts) {
  return {.at = at,
          .id = std::move(id),
          .policies = {serving(std::move(patterns))},
          .every_copy = true,
          .mx = std::move(hosts),
          .usable = {}};
}

/// From a to b, as the planner makes it: file, id, MX after ten days, file, id.
FollowedPlan move_to_b() {
  const Goal goal{{{host(10, "b.example.org")}},
                  GoalPolicy{.mode = Mode::enforce, .mx = std::nullopt, .max_age = 864000},
                  false};
  FollowedPlan out{.plan = make_plan(one_host(), goal), .since = kNow};
  REQUIRE(out.plan.steps.size() == 5);
  return follow(std::move(out), sight(kNow + kLook, "x1", {"a.example.net"}, {"a.example.net"}));
}

Verdict verdict_at(TimePoint now) {
  Verdict out(*Domain::parse("example.net"));
  out.live_mode = Mode::enforce;
  out.checked_at = now;
  return out;
}

std::vector<std::string> told(const FollowedPlan& f, TimePoint now) {
  std::vector<std::string> out;
  for (const auto& finding : judge_plan(verdict_at(now), f))
    out.push_back(finding.code);
  return out;
}

using Told = std::vector<std::string>;
const std::vector<std::string> kBoth{"a.example.net", "b.example.org"};

}  // namespace

TEST_CASE("a plan done in its order and time: each step is ticked, the next told when it is safe") {
  auto f = move_to_b();
  CHECK(told(f, kNow + kLook) == Told{"plan-step-due"});
  CHECK(told(f, kNow + days(2)) == Told{"plan-step-overdue"});
  auto at = kNow + 2 * kLook;
  f = follow(std::move(f), sight(at, "x2", kBoth, {"a.example.net"}));
  CHECK(f.done[0] == StepDone{at - kLook, at});
  CHECK(f.done[1] == f.done[0]);
  CHECK(told(f, at).empty());  // the old caches have ten days
  const auto safe = *next_step(f)->safe_from;
  CHECK(next_step(f)->step->deed == Deed::set_mx);
  CHECK(safe >= at + days(10));
  CHECK(told(f, safe) == Told{"plan-step-due"});
  CHECK(happened_at(judge_plan(verdict_at(safe), f)[0], f) == safe);
  at = safe + days(3);  // however late
  f = follow(std::move(f), sight(at, "x2", kBoth, {"b.example.org"}));
  CHECK(early_steps(f, at).empty());
  at = *next_step(f)->safe_from + kLook;
  f = follow(std::move(f), sight(at, "any-new-id", {"b.example.org"}, {"b.example.org"}));
  CHECK(f.complete());
  CHECK(told(f, at) == Told{"plan-complete"});
  CHECK(told(f, at + days(8)).empty());
}

TEST_CASE("hosts that were moved too early are told at once, until no cache is left that it hurts") {
  auto f = move_to_b();
  const auto at = kNow + 2 * kLook;
  f = follow(std::move(f), sight(at, "x2", kBoth, {"a.example.net"}));
  f = follow(std::move(f), sight(at + days(3), "x2", kBoth, {"b.example.org"}));
  const auto early = early_steps(f, at + days(3));
  REQUIRE(early.size() == 1);
  CHECK(early[0].step->deed == Deed::set_mx);
  CHECK(*early[0].safe_from >= at + days(10));
  const auto codes = told(f, at + days(3) + Seconds{3600});
  CHECK(std::ranges::find(codes, "plan-step-early") != codes.end());
  CHECK(early_steps(f, *early[0].safe_from).empty());
}

TEST_CASE(
    "who is to go from testing to enforce is told what speaks against it, and not urged while it does") {
  Goal goal{std::nullopt, GoalPolicy{.mode = Mode::enforce, .mx = std::nullopt, .max_age = 864000}, false};
  World world = one_host();
  for (WorldPolicy& held : world.policies)
    held.mode = Mode::testing;
  FollowedPlan f{.plan = make_plan(world, goal), .since = kNow};
  REQUIRE(f.plan.steps.at(0).deed == Deed::serve_policy);
  CHECK(f.plan.steps[0].text.find("readiness gates") != std::string::npos);
  PlanSight now = sight(kNow + kLook, "x1", {"a.example.net"}, {"a.example.net"});
  now.policies.front().mode = Mode::testing;
  f = follow(std::move(f), now);
  CHECK(turns_on_enforce(f, f.plan.steps[0]));

  Verdict verdict = verdict_at(kNow + days(20));
  verdict.readiness_open = {"5: no TLS reports seen here"};
  REQUIRE(judge_plan(verdict, f).size() == 1);
  CHECK(judge_plan(verdict, f)[0].code == "plan-step-due");
  CHECK(judge_plan(verdict, f)[0].detail.find(
            "not ready for enforce yet: gate 5: no TLS reports seen here") != std::string::npos);
  verdict.readiness_open.clear();
  verdict.testing_clean_since = kNow + days(5);  // ready for a day and a look
  verdict.checked_at = kNow + days(19) + kLook;
  REQUIRE(judge_plan(verdict, f).size() == 1);
  CHECK(judge_plan(verdict, f)[0].code == "plan-step-due");
  verdict.checked_at = kNow + days(20);
  CHECK(judge_plan(verdict, f)[0].code == "plan-step-overdue");
}

TEST_CASE("who waited as long as the looks can tell is not accused") {
  auto f = move_to_b();
  // Served a moment after the look before; seen a look later; the MX moved ten days after the deed.
  f = follow(std::move(f), sight(kNow + 2 * kLook, "x2", kBoth, {"a.example.net"}));
  const auto wait = f.plan.steps[2].after[0].seconds;
  f = follow(std::move(f), sight(kNow + kLook + wait, "x2", kBoth, {"b.example.org"}));
  CHECK(early_steps(f, kNow + kLook + wait).empty());
}

TEST_CASE("a step before one that it waits for is told as that, and ends when the other is done") {
  auto f = move_to_b();
  auto at = kNow + 2 * kLook;
  f = follow(std::move(f), sight(at, "x1", {"a.example.net"}, {"b.example.org"}));
  CHECK(told(f, at) == Told{"plan-step-due", "plan-step-out-of-order"});
  at += kLook;
  f = follow(std::move(f), sight(at, "x2", kBoth, {"b.example.org"}));
  const auto codes = told(f, at);
  CHECK(std::ranges::find(codes, "plan-step-out-of-order") == codes.end());
  CHECK(std::ranges::find(codes, "plan-step-early") != codes.end());
}

TEST_CASE("an id is one step, and what some address does not serve is not done") {
  auto f = move_to_b();
  auto torn = sight(kNow + 2 * kLook, "x1", kBoth, {"a.example.net"});
  torn.policies.push_back(serving({"a.example.net"}));
  f = follow(std::move(f), torn);
  CHECK_FALSE(f.done[0]);
  torn.policies.pop_back();
  torn.every_copy = false;
  f = follow(std::move(f), torn);
  CHECK_FALSE(f.done[0]);
  f = follow(std::move(f), sight(kNow + 4 * kLook, "x2", kBoth, {"a.example.net"}));
  CHECK(f.done[1]);
  CHECK_FALSE(f.done[4]);
}

TEST_CASE("only what the plan leads to belongs to it") {
  auto f = move_to_b();
  CHECK(belongs(f, sight(kNow, "x1", {"a.example.net"}, {"a.example.net"})));
  CHECK(belongs(f, sight(kNow, "x2", kBoth, {"a.example.net"})));
  CHECK(belongs(f, sight(kNow, "x2", kBoth, {"b.example.org"})));
  CHECK_FALSE(belongs(f, sight(kNow, "x2", {"*.stranger.test"}, {"a.example.net"})));
  CHECK_FALSE(belongs(f, sight(kNow, "x2", kBoth, {"mx.stranger.test"})));
  auto gone = sight(kNow, "", kBoth, {"a.example.net"});
  gone.record_absent = true;
  CHECK_FALSE(belongs(f, gone));
}

}  // namespace stswatch::worlds
