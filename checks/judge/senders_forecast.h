// The one figure (RULES 4.6): usable MX now, and the first moments at which it falls. Private to the sender
// simulation.
#pragma once

#include "checks/judge/senders_cache.h"
#include "checks/judge/senders_hosts.h"

namespace stswatch::senders {

/// U, degradation, breakage, recovery at one level.
LevelResult forecast(const World& world, const Caches& caches, const Hosts& hosts, Level level);

/// When protection ends if nothing is repaired (RULES 4.6 rule 1). A lapse lets mail flow again and hides no
/// breakage.
std::optional<TimePoint> lapse(const World& world, const Caches& caches);

/// The latest end of a live pair whose policy is not the current one.
std::optional<TimePoint> safe_after(const World& world, const Caches& caches);

}  // namespace stswatch::senders
