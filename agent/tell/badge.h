// A domain's status as a small picture for a README or a wiki page. It says its word, so that nobody needs to
// see colours, and loads nothing. Pure.
#pragma once

#include <string>

#include "agent/tell/snapshot.h"

namespace stswatch {

/// A picture as SVG of what may be told of this domain now (CONTRACT 2): "enforce, ok", "warning",
/// "critical", "unknown" where that is too old.
std::string badge_svg(const Snapshot& snapshot, const DomainMemory& memory);

}  // namespace stswatch
