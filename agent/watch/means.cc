#include "agent/watch/means.h"

#include <algorithm>

namespace stswatch {
namespace {

constexpr Seconds kQuiet{60};

}  // namespace

void Means::lacked(const std::string& what, SteadyPoint now) {
  const std::lock_guard lock(mutex_);
  looks_ = now - last_ >= kQuiet ? 1 : std::min(looks_ + 1, 1000);
  last_ = now;
  what_ = what;
}

std::optional<std::string> Means::lacking(int confirmations, SteadyPoint now) const {
  const std::lock_guard lock(mutex_);
  if (looks_ < confirmations || now - last_ >= kQuiet) return std::nullopt;
  return what_;
}

}  // namespace stswatch
