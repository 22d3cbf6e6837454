// One course of steps and its waits: each step is put as early as no cache that is left at that moment can be
// hurt by it, and each wait is counted from the step that began it, so that it holds however late that step
// is. Private to the planner.
#pragma once

#include "checks/judge/senders/plan_task.h"

namespace stswatch::planner {

struct Act {
  Deed deed = Deed::set_mx;
  std::optional<Policy> policy;  // serve_policy
};
using Script = std::vector<Act>;

struct Course {
  std::vector<PlanStep> steps;  // numbered from 1; no texts yet
  TimePoint done_at{};
};

/// Null where some step of the script could never be done safely. `host_ok`: the policy host can be fetched
/// from.
std::optional<Course> course_of(const Task& task, const Script& script, bool host_ok);

}  // namespace stswatch::planner
