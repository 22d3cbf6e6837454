// One notice for one cause, however many domains it hits (RULES 5.5, 5.6): findings on the same host are one
// problem; symptoms go with their cause; what comes up together in one domain is told together; and the same
// fault of many domains at once is one message with the list of them. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "alerts/open_finding.h"

namespace stswatch {

struct AlertGroup {
  Problem problem;
  bool is_new = false;
  std::vector<const OpenFinding*> items;  // none: it is over
};

/// `topics`: those told of, by id. All of them are in the result, then the new ones, without an id.
std::vector<AlertGroup> gather(const std::vector<const OpenFinding*>& items,
                               const std::map<std::string, Problem>& problems);

/// For a new one that is told at `now`: no two are alike, since each begins with a key of its own.
std::string problem_id(const Problem& problem, TimePoint now);

inline constexpr std::size_t kSharedBy = 3;  // RULES 5.6: so many domains with the same fault on one platform
inline constexpr std::size_t kSameFault = 10;  // so many tickets that read the same, whatever they share

}  // namespace stswatch
