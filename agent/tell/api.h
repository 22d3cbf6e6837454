// The JSON documents of /api/v1, rendered from a snapshot.
#pragma once

#include <optional>
#include <string>

#include "agent/tell/snapshot.h"

namespace stswatch {

std::string api_domains(const Snapshot& snapshot);
/// nullopt: not watched, or not looked at yet.
std::optional<std::string> api_domain(const Snapshot& snapshot, const std::string& name);
std::string api_findings(const Snapshot& snapshot);

}  // namespace stswatch
