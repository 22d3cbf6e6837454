// The windows of records and policies (RULES 4.1): from when to when a sender could have fetched each, as far
// as looks can tell. What was not seen is possible: a new id and an old policy are kept apart only by looks
// that lie no further apart than the schedule explains. Internal to the fold; pure.
#pragma once

#include <functional>
#include <string>

#include "checks/judge/case.h"

namespace stswatch {

struct LookAtWindows {
  const Case& confirmed;                             // its time is now
  const DomainObservation& seen;                     // this look by itself
  const std::vector<PolicyCopy>* fetched = nullptr;  // what it saw of the policy; null: it did not ask
};

/// Tells a change: its code, what was, what is.
using TellChange = std::function<void(std::string code, std::string from, std::string to)>;

void fold_record(Past& past, const LookAtWindows& look, const TellChange& changed);
/// After the record, so that what both became at once is known.
void fold_policies(Past& past, const LookAtWindows& look, const TellChange& changed);

}  // namespace stswatch
