// A plan as text, for the commands that print one.
#pragma once

#include <iosfwd>
#include <string>

#include "checks/judge/senders/plan.h"

namespace stswatch {

void print_plan(const std::string& domain, const Plan& plan, std::ostream& out);
void print_steps(const Plan& plan, std::ostream& out);

/// 0 safe, 2 unsafe, 3 unknown (CONTRACT 8).
int exit_code(PlanVerdict verdict);

}  // namespace stswatch
