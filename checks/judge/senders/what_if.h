// What if these parts were published all at once: the world a moment after the change. The order that loses
// no mail is the planner's. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "checks/judge/senders/simulation.h"

namespace stswatch {

/// Parts that are to be replaced; what is empty stays as it is.
struct Proposal {
  std::optional<Policy> policy;
  std::optional<std::string> id;
  std::vector<WorldMx> mx;  // the whole MX set, each host as it was seen (or unknown)
};

/// All parts are replaced at one moment, a second after `world.now`. What was published before was seen until
/// then, and senders keep what they stored.
World after(const World& world, const Proposal& proposal);

}  // namespace stswatch
