// Policy texts that come again and again, read once (RFC 8461 §3.2): what is served is the same within a
// look, look after look, and for every domain of a provider. Each thread keeps its own, within bounds.
#pragma once

#include <memory>
#include <string>

#include "checks/facts/policy.h"

namespace stswatch {

/// As read_policy(), shared among all on this thread who ask for the same body.
std::shared_ptr<const PolicyReading> reading_of(const std::string& body);

}  // namespace stswatch
