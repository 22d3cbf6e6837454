// Unknown never changes what is known (RULES 0.3): a new look laid over the old one, part by part. Pure.
#pragma once

#include "checks/judge/verdict.h"

namespace stswatch {

/// `known` may be null. `fetched`: this look asked for the policy; otherwise the known fetches are kept for
/// the addresses that the policy host still has.
DomainObservation lay_over(const DomainObservation* known, DomainObservation seen, bool fetched,
                           const Vantage& vantage);

MxHostObservation lay_over(const MxHostObservation* known, MxHostObservation seen, const Vantage& vantage);

}  // namespace stswatch
