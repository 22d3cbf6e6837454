// What a look saw, boiled down to a key: two looks have the same key when they saw the same, whatever the
// clock, the time to live and the duration said. Pure.
#pragma once

#include <array>
#include <cstdint>

#include "checks/facts/observation.h"

namespace stswatch {

using FactsKey = std::array<std::uint8_t, 16>;

FactsKey key_of(const DomainObservation& look);
FactsKey key_of(const MxHostObservation& look);

}  // namespace stswatch
