// Whether a forecast moment comes from a certificate that a healthy automation would have renewed by now.
#pragma once

#include "checks/judge/expiry.h"
#include "checks/judge/senders.h"

namespace stswatch::senders {

/// The address a reason "certificate-expired HOST ADDRESS" speaks of; null for any other reason.
const WorldAddress* certificate_behind(const World& world, const std::string& reason);

/// Some certificate among the reasons of this moment is past its renewal point at `now` (RULES 5.2). A
/// certificate without a known start has no renewal point.
bool past_renewal(const World& world, const WorldPoint& point, const ExpiryLimits& limits);

}  // namespace stswatch::senders
