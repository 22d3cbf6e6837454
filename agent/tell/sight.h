// How old what is told of a domain is: read when it is told, by pages, API and metrics alike (CONTRACT 2).
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "agent/tell/snapshot.h"
#include "checks/judge/claims.h"

namespace stswatch {

FactTimes fact_times(const Snapshot& snapshot, const DomainMemory& memory);

/// What of its verdict may be told as what is, now.
Claims claims_of(const Snapshot& snapshot, const DomainMemory& memory);
Status told_status(const Snapshot& snapshot, const DomainMemory& memory);

/// {"sts_record": {"last_success": …, "failing_since": …}, "policy": …, "mx": …, "hosts": …}
nlohmann::ordered_json sight_json(const FactTimes& times);

}  // namespace stswatch
