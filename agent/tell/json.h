// A verdict as the JSON of CONTRACT 2.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "agent/tell/snapshot.h"
#include "checks/judge/claims.h"
#include "checks/judge/verdict.h"

namespace stswatch {

/// Of one look by itself: all that it tells is of its own time.
nlohmann::ordered_json to_json(const Verdict& verdict);
/// What is remembered, as old as it is: what may not be claimed any more is unknown, or null.
nlohmann::ordered_json to_json(const Verdict& verdict, const FactTimes& times, const Claims& claims);
/// What a list of many needs of it; findings are their number.
nlohmann::ordered_json summary_json(const Verdict& verdict, const Claims& claims);
nlohmann::ordered_json to_json(const Finding& finding);

// How old what is told of a domain is: read when it is told, by pages, API and metrics alike (CONTRACT 2).

/// When the fault began as far as the facts tell: no later than `opened`, and `opened` of one that is over.
TimePoint began(const Incident& incident, const DomainMemory& memory, const Snapshot& snapshot);

FactTimes fact_times(const Snapshot& snapshot, const DomainMemory& memory);

/// What of its verdict may be told as what is, now.
Claims claims_of(const Snapshot& snapshot, const DomainMemory& memory);
Status told_status(const Snapshot& snapshot, const DomainMemory& memory);

/// {"sts_record": {"last_success": …, "failing_since": …}, "policy": …, "mx": …, "hosts": …}
nlohmann::ordered_json sight_json(const FactTimes& times);

}  // namespace stswatch
