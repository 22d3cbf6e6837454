// The agent itself among those that people are told of: a record like a domain's, under a name that no domain
// has (RFC 6761 §6.4), so that its troubles are confirmed, kept, repeated and resolved as everything else is.
// What concerns it is told by itself and names no domain.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "agent/remember/memory.h"

namespace stswatch {

/// "stswatch.invalid"
const Domain& agent_itself();
bool is_agent_itself(std::string_view domain);

std::shared_ptr<const DomainMemory> record_of_agent(std::vector<Incident> incidents, TimePoint now);

/// Findings of domains that say what the agent itself says once for all of them.
bool told_of_agent(const Finding& finding);

}  // namespace stswatch
