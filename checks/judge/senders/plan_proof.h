// The proof of a plan: it is carried out on paper, at its earliest times and late in every step, and the
// caches of every moment in between are simulated. Private to the planner.
#pragma once

#include <string>

#include "checks/judge/senders/plan_course.h"

namespace stswatch::planner {

/// Where and how the course would hurt, or empty: it does not.
std::string disprove(const Task& task, const Course& course, bool host_ok);

}  // namespace stswatch::planner
