#include "agent/commands/plan_report.h"

#include <ostream>

namespace stswatch {

void print_steps(const Plan& plan, std::ostream& out) {
  for (const auto& step : plan.steps)
    out << "  " << step.n << ". " << to_string(step.deed) << "  not before " << to_utc(step.not_before)
        << "\n     " << step.text << "\n";
}

void print_plan(const std::string& domain, const Plan& plan, std::ostream& out) {
  out << domain << "  " << to_string(plan.verdict);
  if (!plan.steps.empty()) out << "  done at " << to_utc(plan.done_at) << " at the earliest";
  out << "\n  " << plan.why << "\n";
  print_steps(plan, out);
}

int exit_code(PlanVerdict verdict) {
  switch (verdict) {
    case PlanVerdict::safe:
      return 0;
    case PlanVerdict::unsafe:
      return 2;
    case PlanVerdict::unknown:
      return 3;
  }
  return 3;
}

}  // namespace stswatch
