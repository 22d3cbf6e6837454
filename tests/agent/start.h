// When the time of a test begins.
#pragma once

#include "checks/facts/text.h"

namespace stswatch {

inline constexpr TimePoint kStart{Seconds{1'800'000'000}};

}  // namespace stswatch
