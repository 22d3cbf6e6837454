// How much life left is too little: relative to the certificate's own lifetime (RULES 5.2).
#pragma once

#include "checks/facts/certificate.h"

namespace stswatch {

enum class Life { healthy, overdue, critical, expired };

struct ExpiryLimits {
  Seconds warn{0};  // absolute floors; the larger of relative and absolute counts
  Seconds crit{0};
};

/// overdue: left < min(L/4, 21 d); L < 10 d: 0.375 L. critical: left < 0.10 L, at least 24 h, at most 7 d; L
/// < 10 d: 0.25 L, at least 24 h. expired: left <= 0. L = not_after - not_before.
Life judge_life(TimePoint not_before, TimePoint not_after, TimePoint now, const ExpiryLimits& limits);

}  // namespace stswatch
