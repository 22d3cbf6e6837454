// History from looks: what was there before and what is there now become windows and changes (RULES 4.1).
// Pure.
#pragma once

#include "checks/judge/case.h"
#include "checks/judge/past.h"

namespace stswatch {

/// `confirmed` holds what is confirmed now, known parts of earlier looks included; its time is now. Its own
/// history is not asked. `seen`: this look by itself; `fetched`: what it saw of the policy, null if it did
/// not ask. The first look that knows a part is its baseline.
Past remember_look(Past past, const Case& confirmed, const DomainObservation& seen,
                   const std::vector<PolicyCopy>* fetched);
/// The same from the facts.
Past remember_look(Past past, const DomainObservation& confirmed, const MxLooks& mx, const Vantage& vantage,
                   const Limits& limits, const DomainObservation& seen, bool fetched);

/// What this look proved of each address, as it was seen and before any confirmation: what tells a pool from
/// a fault.
HostPast note_attempts(HostPast past, const MxHostObservation& look, const Vantage& vantage);

/// The same of its TLSA records: since when each is there, vouches, or is idle.
HostPast note_tlsa(HostPast past, const MxHostObservation& look);

/// Certificates of an MX host as a set, so that several nodes with keys of their own do not flap.
HostPast remember_look(HostPast past, const MxHostObservation& confirmed);

}  // namespace stswatch
