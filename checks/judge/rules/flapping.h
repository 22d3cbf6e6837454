// A pool behind one address: STARTTLS or the certificate answers differently from one connection to the next.
// The last attempts tell it from a fault that has come to stay and from one that has gone. Pure.
#pragma once

#include <optional>
#include <string>

#include "checks/judge/past.h"

namespace stswatch {

inline constexpr std::size_t kAttempts = 20;  // that are remembered of one address

struct Flapping {
  std::size_t bad = 0, of = 0;  // attempts
  std::string faults;           // the codes of the bad ones, joined
  bool mostly_bad() const { return 2 * bad >= of; }
};

/// A bad attempt at this address has followed a good one at least three times among those remembered.
std::optional<Flapping> flapping_at(const HostPast& past, const std::string& address);

}  // namespace stswatch
