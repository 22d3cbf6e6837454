// When each domain was last looked at because somebody asked: who asks often does not get often
//. By monotonic time, so that a clock that is set back holds up nothing. Thread-safe.
#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <string>

#include "checks/facts/text.h"

namespace stswatch {

/// A look that is younger is an answer to whoever wants one.
inline constexpr Seconds kFreshLook{5};

class RecentLooks {
 public:
  using Steady = std::chrono::steady_clock;

  /// How long until the domain may be looked at again; 0: now.
  Steady::duration left(const std::string& domain, Steady::time_point now) const {
    const std::lock_guard lock(mutex_);
    const auto found = began_.find(domain);
    if (found == began_.end()) return Steady::duration::zero();
    return std::max(Steady::duration::zero(), found->second + kFreshLook - now);
  }

  void began(const std::string& domain, Steady::time_point now) {
    const std::lock_guard lock(mutex_);
    std::erase_if(began_, [&](const auto& entry) { return entry.second + kFreshLook <= now; });
    began_[domain] = now;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Steady::time_point> began_;  // of the last few seconds
};

}  // namespace stswatch
