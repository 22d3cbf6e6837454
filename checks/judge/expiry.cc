#include "checks/judge/expiry.h"

#include <algorithm>

namespace stswatch {
namespace {

using namespace std::chrono_literals;

constexpr Seconds kDay = 24h;
constexpr Seconds kShortLived =
    10 * kDay;  // ACME clients renew these at half of their life, others at two thirds

Seconds overdue_below(Seconds life) {
  return life < kShortLived ? life * 3 / 8 : std::min(life / 4, 21 * kDay);
}

Seconds critical_below(Seconds life) {
  return life < kShortLived ? std::max(life / 4, kDay) : std::clamp(life / 10, kDay, 7 * kDay);
}

}  // namespace

Life judge_life(TimePoint not_before, TimePoint not_after, TimePoint now, const ExpiryLimits& limits) {
  const Seconds life = not_after - not_before;
  const Seconds left = not_after - now;
  if (left <= 0s) return Life::expired;
  // RULES 5.2: "the larger of the relative and the absolute threshold counts"
  if (left < std::max(critical_below(life), limits.crit)) return Life::critical;
  if (left < std::max(overdue_below(life), limits.warn)) return Life::overdue;
  return Life::healthy;
}

}  // namespace stswatch
