// What repetition has proved (RULES 5.3): a fact that turns bad and could be transient waits for more looks
// that say the same; facts that cannot be transient (texts, dates) are taken at once. Good news never waits,
// and what was never there has not turned bad.
#pragma once

#include <map>
#include <string>

#include "checks/facts/observation.h"

namespace stswatch {

struct ConfirmRules {
  int confirmations = 3;  // bad looks in a row for lookups and connections; one fewer for other faults
  /// When the policy was last asked for before: what is held from then says so.
  std::optional<TimePoint> fetched_before{};
};

/// One part that turned bad: a name asked, or an address of a host.
struct Debounce {
  int looks = 0;  // in a row
  TimePoint since{};
  bool operator==(const Debounce&) const = default;
};

using Debounces = std::map<std::string, Debounce>;  // by "sts", "mx", ... or address

/// How long until the look that may settle the newest of these doubts: `soon`, and ever longer while no look
/// settles it, since nobody answers this vantage. At most `routine`, which it is without a doubt.
Seconds settle_in(const Debounces& debounces, TimePoint now, Seconds soon, Seconds routine);

/// A second probe met a fault, and another shall say whether it lasts.
bool doubts_second_probe(const Debounces& debounces);

/// `before`: what was confirmed before, null at the first look. `seen`: this look alone, so that unknown
/// parts keep what was confirmed. `fetched`: this look asked for the policy. Doubts move with each look.
DomainObservation confirm(const DomainObservation* before, const DomainObservation& seen, bool fetched,
                          Debounces& debounces, const Vantage& vantage, const ConfirmRules& rules);
MxHostObservation confirm(const MxHostObservation* before, const MxHostObservation& seen,
                          Debounces& debounces, const Vantage& vantage, const ConfirmRules& rules);

/// Unknown never changes what is known (RULES 0.3): the new look laid over the old one at face value, part by
/// part. Silence may be our own: it is known once it is `confirmed`. `known` and `confirmed` may be null.
DomainObservation merge_seen(const DomainObservation* known, const DomainObservation& seen, bool fetched,
                             const Vantage& vantage, const DomainObservation* confirmed = nullptr,
                             std::optional<TimePoint> fetched_before = std::nullopt);
MxHostObservation merge_seen(const MxHostObservation* known, const MxHostObservation& seen,
                             const Vantage& vantage, const MxHostObservation* confirmed = nullptr);

}  // namespace stswatch
