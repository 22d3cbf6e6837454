// The plan of a domain as it is remembered and seen now: what plan and simulate share, from the parts on the
// command line to the plan.
#pragma once

#include <iosfwd>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "agent/commands/remembered.h"
#include "checks/judge/senders/plan.h"

namespace stswatch {

/// The file, or standard input for -. The error says how to mend it.
tl::expected<std::string, std::string> read_text(const std::string& path, std::istream& in);

/// A valid policy file of at most 1 MiB.
tl::expected<Policy, std::string> read_policy_file(const std::string& path, std::istream& in);

/// Names as they were typed, each as a domain.
tl::expected<std::vector<std::string>, std::string> read_hosts(const std::vector<std::string>& typed);

/// The MX set of the goal: these hosts, best first; with the preferences of now where it is the set of now.
std::vector<WorldMx> goal_mx(const Remembered& known, const std::vector<std::string>& hosts);

/// Unknown, without a step, where something of the domain was never seen.
Plan plan_of(const Remembered& known, const Goal& goal);

}  // namespace stswatch
