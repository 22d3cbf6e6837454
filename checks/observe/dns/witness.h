// The second witness of a look: what of it the zone's own servers are asked, how many of them, and what that
// adds to the facts (RULES 5.8). No opinions beyond proof: who refuses, who differs, whose record is
// newer.
#pragma once

#include "checks/facts/observation.h"
#include "checks/observe/dns/source.h"

namespace stswatch::dns {

/// What the caller knows of the domain from before.
struct Beforehand {
  const DomainObservation* known = nullptr;
  bool thorough = false;  // ask each server for record and MX set, whatever is known
};

/// One server of the zone is asked for the `_mta-sts` record; all of them where the resolver failed, where it
/// or that server shows a change, and while they differ. `seen` holds the resolver's answers; an unknown one
/// gets its zone_error, and a newer record than the resolver's takes its place.
void hear_source(Source& source, DomainObservation& seen, const Beforehand& before, const Deadline& deadline);

/// Without a source: only what fails validation is proved.
void believe_resolver(DomainObservation& seen);

}  // namespace stswatch::dns
