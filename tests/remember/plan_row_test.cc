// The rows of a followed plan come back as they went, and what is none of them is no plan.
#include "agent/remember/saved_look.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace stswatch {
namespace {

const TimePoint kNow = *parse_utc("2026-11-28T10:00:00Z");

FollowedPlan plan_of_two_steps() {
  Policy policy;
  policy.mode = Mode::enforce;
  policy.mx = {"*.example.net"};
  policy.max_age = 604800;
  FollowedPlan out{.plan = {PlanVerdict::safe, "because", {}, kNow + Seconds{60}}, .since = kNow};
  PlanStep serve, move;
  serve.n = 1;
  serve.deed = Deed::serve_policy;
  serve.after = {{0, Seconds{0}}};
  serve.not_before = kNow;
  serve.policy = policy;
  serve.text = "Serve it \"now\".";
  move.n = 2;
  move.deed = Deed::set_mx;
  move.after = {{1, Seconds{60}}};
  move.not_before = kNow + Seconds{60};
  move.mx = {{.preference = 10, .host = "mx.example.net", .addresses = {}}};
  out.plan.steps = {serve, move};
  out.done = {StepDone{kNow, kNow + Seconds{30}}, std::nullopt};
  PlanSight start;
  start.policies = {policy};
  start.mx = std::set<std::string>{"a", "b"};
  out.start = start;
  out.id = "x1";
  out.looked = kNow + Seconds{30};
  return out;
}

}  // namespace

TEST_CASE("a plan and how far it has come are read as they were written") {
  const auto plan = plan_of_two_steps();
  const auto progress = progress_row(plan);
  const auto read = plan_from_rows(plan_row(plan), &progress);
  REQUIRE(read);
  CHECK(plan_row(*read) == plan_row(plan));
  CHECK(progress_row(*read) == progress);
  CHECK(to_json(*read, kNow) == to_json(plan, kNow));
  CHECK(to_json(plan, kNow)["steps"][0]["done"] == "2026-11-28T10:00:30Z");
  CHECK(to_json(plan, kNow)["steps"][1]["safe_from"] == "2026-11-28T10:01:30Z");
}

TEST_CASE("progress of another plan is none") {
  auto plan = plan_of_two_steps();
  const auto progress = progress_row(plan);
  plan.since += Seconds{1};
  const auto read = plan_from_rows(plan_row(plan), &progress);
  REQUIRE(read);
  CHECK(read->done.empty());
}

TEST_CASE("a row that is none of ours is not followed") {
  const auto row = plan_row(plan_of_two_steps());
  for (const std::string& bad :
       {std::string("{"), std::string("[]"), std::string("{}"), row.substr(0, row.size() / 2)})
    CHECK_FALSE(plan_from_rows(bad, nullptr));
  auto json = nlohmann::ordered_json::parse(row);
  json["steps"][0]["after"][0]["step"] = 7;  // waits for what comes later
  CHECK_FALSE(plan_from_rows(json.dump(), nullptr));
  json = nlohmann::ordered_json::parse(row);
  json["steps"][1]["do"] = "dance";
  CHECK_FALSE(plan_from_rows(json.dump(), nullptr));
}

}  // namespace stswatch
