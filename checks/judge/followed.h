// A plan that is followed, held against what was seen: what may be done next, what was done too early. Pure.
#pragma once

#include <vector>

#include "checks/judge/catalogue/finding.h"
#include "checks/judge/senders/plan_follow.h"
#include "checks/judge/verdict.h"

namespace stswatch {

struct Case;

/// `verdict`: of the domain, by the look that the plan was held against.
std::vector<Finding> judge_plan(const Verdict& verdict, const FollowedPlan& plan);

/// When the next step became safe, for the finding that tells it; null for the others.
std::optional<TimePoint> happened_at(const Finding& finding, const FollowedPlan& plan);

/// What a plan can move, of a case on confirmed facts.
PlanSight sight_of_plan(const Case& c);

}  // namespace stswatch
