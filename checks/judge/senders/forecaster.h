// The one figure (RULES 4.6): usable MX now, and the first moments at which it falls. Private to the sender
// simulation.
#pragma once

#include <vector>

#include "checks/judge/rules/certificates.h"
#include "checks/judge/senders/caches.h"
#include "checks/judge/senders/simulation.h"

// Whether a forecast moment comes from a certificate that a healthy automation would have renewed by now.

namespace stswatch::senders {

/// The address whose certificate the reason speaks of; null for any other reason.
const WorldAddress* certificate_behind(const World& world, const WorldReason& reason);

/// Some certificate among the reasons of this moment is past its renewal point at `now` (RULES 5.2). A
/// certificate without a known start has no renewal point.
bool past_renewal(const World& world, const WorldPoint& point, const ExpiryLimits& limits);

}  // namespace stswatch::senders

// What becomes of a message under each cache a sender may have (RULES 4.4). Private to the sender simulation.

namespace stswatch::senders {

/// One sender for no cache, one for the current policy, one for each live pair with another policy.
std::vector<SenderOutcome> outcomes(const World& world, const Caches& caches, const Hosts& hosts);

}  // namespace stswatch::senders

namespace stswatch::senders {

/// U, degradation, breakage, recovery at one level.
LevelResult forecast(const World& world, const Caches& caches, const Hosts& hosts, Level level);

/// When protection ends if nothing is repaired (RULES 4.6 rule 1). A lapse lets mail flow again and hides no
/// breakage.
std::optional<TimePoint> lapse(const World& world, const Caches& caches);

/// The latest end of a live pair whose policy differs in content from the current one.
std::optional<TimePoint> safe_after(const World& world, const Caches& caches);

}  // namespace stswatch::senders
