// The commands that print a plan: of a world, of a domain as it is now, of a key, and the one that is
// followed.
#pragma once

#include <iosfwd>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "agent/commands/check_looks.h"
#include "agent/commands/commands.h"
#include "agent/remember/saved_look.h"
#include "checks/judge/senders/plan.h"
#include "config/config.h"

namespace stswatch {

void print_plan(const std::string& domain, const Plan& plan, std::ostream& out);
void print_steps(const Plan& plan, std::ostream& out);

/// 0 safe, 2 unsafe, 3 unknown (CONTRACT 8).
int exit_code(PlanVerdict verdict);

// The plan of a domain as it is remembered and seen now: what plan and simulate share, from the parts on the
// command line to the plan.

/// A valid policy file of at most 1 MiB.
tl::expected<Policy, std::string> read_policy_file(const std::string& path, std::istream& in);

/// Names as they were typed, each as a domain.
tl::expected<std::vector<std::string>, std::string> read_hosts(const std::vector<std::string>& typed);

/// The MX set of the goal: these hosts, best first; with the preferences of now where it is the set of now.
std::vector<WorldMx> goal_mx(const Remembered& known, const std::vector<std::string>& hosts);

/// Unknown, without a step, where something of the domain was never seen.
Plan plan_of(const Remembered& known, const Goal& goal);

// The plan that the service follows, as the command keeps, shows and drops it in the store.

/// A service with this configuration would see the plan. The error says what is missing.
tl::expected<void, std::string> can_follow(const Config& config, const Domain& domain);

/// In place of an earlier one. A plan that is unknown, or has no step, is not kept.
tl::expected<void, std::string> keep_plan(const Config& config, const Domain& domain, const Plan& plan,
                                          TimePoint now);

/// 0; 3 where none is followed.
int show_plan(const Config& config, const Domain& domain, bool json, Streams io);
int drop_plan(const Config& config, const Domain& domain, Streams io);

// plan DOMAIN --key-of HOST --next-tlsa RECORD: the roll-over of an MX host's key under DANE, of what is
// remembered and seen of its TLSA records (RFC 7671 §8.1).

int plan_key(const PlanCommand& command, const Remembered& known, Streams io);

}  // namespace stswatch
