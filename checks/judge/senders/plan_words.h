// What a plan says to people: why it is as it is, and what to do at each step. Private to the planner.
#pragma once

#include "checks/judge/senders/plan_course.h"

namespace stswatch::planner {

/// Fills in the text of every step.
void describe(const Task& task, Plan& plan);

/// Certificates that are good now and end before the plan does, and hosts that the goal has senders skip.
std::string remarks(const Task& task, const World& world, const Plan& plan);

std::string joined(const std::vector<std::string>& words);

}  // namespace stswatch::planner
