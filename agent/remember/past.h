// History from looks: what was there before and what is there now become windows and changes (RULES 4.1).
// Pure.
#pragma once

#include "checks/judge/past.h"
#include "checks/judge/verdict.h"

namespace stswatch {

/// `confirmed` holds what is confirmed now, known parts of earlier looks included; its time is now. `seen`:
/// this look by itself; `fetched`: it asked for the policy. The first look that knows a part is its baseline.
Past remember_look(Past past, const DomainObservation& confirmed, const MxLooks& mx, const Vantage& vantage,
                   const Limits& limits, const DomainObservation& seen, bool fetched);

/// What this look proved of each address, as it was seen and before any confirmation: what tells a pool from
/// a fault.
HostPast note_attempts(HostPast past, const MxHostObservation& look, const Vantage& vantage);

/// Certificates of an MX host as a set, so that several nodes with keys of their own do not flap.
HostPast remember_look(HostPast past, const MxHostObservation& confirmed);

}  // namespace stswatch
