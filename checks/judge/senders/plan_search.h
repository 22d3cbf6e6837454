// Which steps: the few scripts that can lead from a world to a goal, and of those that are proven the one
// that is done soonest with the fewest steps. Private to the planner.
#pragma once

#include "checks/judge/senders/plan_course.h"

namespace stswatch::planner {

/// Null where no script is proven.
std::optional<Course> best_course(const Task& task, bool host_ok);

/// The policy served once all steps are done; null where none is.
std::optional<Policy> final_policy(const Task& task);

}  // namespace stswatch::planner
