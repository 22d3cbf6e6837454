// Name servers of one zone that answer differently (codes *-ns-inconsistent).
#include <algorithm>
#include <set>

#include "checks/facts/bounds.h"
#include "checks/judge/case.h"
#include "checks/judge/rules/readings.h"

namespace stswatch {

namespace {

// Where no server tells its SOA: RFC 1912 §2.2 has refresh between 20 minutes and 12 hours, most say an hour.
constexpr Seconds kUsualRefresh{3600};

/// A secondary may lag behind by the zone's refresh (RFC 1035 §3.3.13); none lags behind at the same serial.
bool proven(const SourceAnswer& answer, TimePoint now) {
  const bool one_look = answer.differs_since == TimePoint{};
  if (answer.differs_at_one_serial()) return one_look || now > answer.differs_since;
  const Seconds refresh = answer.refresh > 0 ? Seconds{answer.refresh} : kUsualRefresh;
  return !one_look && now - answer.differs_since > refresh;
}

}  // namespace

void raise_disagreement(const Case& c, std::string_view code, const SourceAnswer& answer, Findings& out) {
  if (!answer.differs()) return;
  const std::string detail = printable(answer.str(), bounds::kDetail);
  if (proven(answer, c.now))
    out.raise(code, c.facts.domain.str(), detail);
  else
    out.raise_as(Severity::info, code, c.facts.domain.str(), detail);
}

std::optional<Flapping> flapping_at(const HostPast& past, const std::string& address) {
  constexpr int kFalls = 3;  // one outage is one; a second may be chance
  Flapping out;
  int falls = 0;
  bool was_good = false;
  for (const Attempt& attempt : past.attempts) {
    if (attempt.address != address) continue;
    const bool good = attempt.fault.empty();
    ++out.of;
    if (!good) {
      ++out.bad;
      out.faults.insert(attempt.fault);
      if (was_good) ++falls;
    }
    was_good = good;
  }
  if (falls < kFalls) return std::nullopt;
  return out;
}

bool named_by_pool(const HostPast& past, const std::string& code) {
  return std::ranges::any_of(past.attempts, [&](const Attempt& attempt) {
    if (attempt.fault != code) return false;
    const auto pool = flapping_at(past, attempt.address);
    return pool && pool->faults.contains(code);
  });
}

}  // namespace stswatch
