// How many series a domain is worth: one that is well needs few where there are thousands of them. Aggregates
// over all domains are there in every form. Values; shared freely.
#pragma once

namespace stswatch {

/// Which domains have series of their own. failing: those whose status is not ok, and the MX hosts that are
/// not.
enum class PerDomain { all, failing, none };

/// Of a state with several words: a series for each (0 or 1), or for the one that is so alone.
enum class StateSets { all, current };

struct MetricsOptions {
  PerDomain per_domain = PerDomain::all;
  StateSets state_sets = StateSets::all;  // current: also no drift counter that stands at 0
  bool operator==(const MetricsOptions&) const = default;
};

}  // namespace stswatch
