// What becomes of a message under each cache a sender may have (RULES 4.4). Private to the sender simulation.
#pragma once

#include <vector>

#include "checks/judge/senders_cache.h"
#include "checks/judge/senders_hosts.h"

namespace stswatch::senders {

/// One sender for no cache, one for the current policy, one for each live pair with another policy.
std::vector<SenderOutcome> outcomes(const World& world, const Caches& caches, const Hosts& hosts);

}  // namespace stswatch::senders
