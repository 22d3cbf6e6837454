#include "alerts/outbox.h"

#include <algorithm>
#include <cmath>

namespace stswatch {

Seconds back_off(int failures, std::optional<Seconds> retry_after, double spread) {
  constexpr double kFirst = 5, kLongest = 600;
  const double base = std::min(kFirst * std::pow(2.0, std::clamp(failures - 1, 0, 20)), kLongest);
  const Seconds wait{static_cast<std::int64_t>(std::ceil(base * (0.75 + spread / 2)))};
  return std::max(wait, std::min(retry_after.value_or(Seconds{0}), Seconds{86400}));
}

}  // namespace stswatch
