// A plan that is being carried out: which of its steps have been seen done, whether each was late enough, and
// from when the next is safe. Pure; the service keeps the value and brings what looks have confirmed.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "checks/judge/senders/plan.h"

namespace stswatch {

/// What a plan can move, as looks have confirmed it.
struct PlanSight {
  TimePoint at{};
  std::optional<std::string> id;              // of a usable record
  bool record_absent = false;                 // proven
  std::vector<Policy> policies{};             // distinct ones over the addresses of the policy host
  bool every_copy = false;                    // each address serves one of them
  bool policy_absent = false;                 // proven
  std::optional<std::set<std::string>> mx{};  // the hosts; null: not seen
  std::map<std::string, bool> usable{};  // hosts that were seen, and whether enforcing senders can use them
};

/// Done after the one time, seen by the other: between the two nobody looked.
struct StepDone {
  TimePoint from{}, seen{};
  bool operator==(const StepDone&) const = default;
};

struct FollowedPlan {
  Plan plan;
  TimePoint since{};  // step 0
  // How far it has come.
  std::vector<std::optional<StepDone>> done{};  // of each step
  std::optional<PlanSight> start{};             // of the first look after it was made
  std::string id{};                             // the newest that a step or the start showed
  TimePoint looked{};                           // the newest look

  /// Null: step `i`, counted from 0, has not been seen done.
  const StepDone* done_at(std::size_t i) const { return i < done.size() && done[i] ? &*done[i] : nullptr; }
  bool complete() const;
};

/// The plan after this look. A step is done once the look shows what it asks for; any new id will do.
FollowedPlan follow(FollowedPlan plan, const PlanSight& seen);

/// What is seen belongs to the plan: the state that it began with, or one that its steps lead to.
bool belongs(const FollowedPlan& plan, const PlanSight& seen);

/// The first step that is not done, and from when it is safe; counted from when its forerunners were seen
/// done.
struct NextStep {
  const PlanStep* step = nullptr;
  std::optional<TimePoint> safe_from;  // null: an earlier step of which it waits is not done
};
std::optional<NextStep> next_step(const FollowedPlan& plan);

/// It turns testing into enforce: better not before the domain is ready for that (RULES 3.3).
bool turns_on_enforce(const FollowedPlan& plan, const PlanStep& step);

/// By step: when it was seen done, or from when it is safe if all is done as early as it may be, not before
/// `now`.
std::vector<TimePoint> course_from(const FollowedPlan& plan, TimePoint now);

/// A step that was surely done before its time.
struct EarlyStep {
  const PlanStep* step = nullptr;
  const PlanStep* missing = nullptr;  // it waits for this one, which is not done
  TimePoint seen{};
  std::optional<TimePoint>
      safe_from;  // from then on no cache is left that it hurts; null: not before `missing`
};
std::vector<EarlyStep> early_steps(const FollowedPlan& plan, TimePoint now);

}  // namespace stswatch
