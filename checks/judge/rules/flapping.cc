#include "checks/judge/rules/flapping.h"

#include <set>

namespace stswatch {

std::optional<Flapping> flapping_at(const HostPast& past, const std::string& address) {
  constexpr int kFalls = 3;  // one outage is one; a second may be chance
  Flapping out;
  int falls = 0;
  bool was_good = false;
  std::set<std::string> faults;
  for (const Attempt& attempt : past.attempts) {
    if (attempt.address != address) continue;
    const bool good = attempt.fault.empty();
    ++out.of;
    if (!good) {
      ++out.bad;
      faults.insert(attempt.fault);
      if (was_good) ++falls;
    }
    was_good = good;
  }
  if (falls < kFalls) return std::nullopt;
  for (const std::string& fault : faults)
    out.faults += (out.faults.empty() ? "" : ", ") + fault;
  return out;
}

}  // namespace stswatch
