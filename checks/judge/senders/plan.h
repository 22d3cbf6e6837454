// The planner: the steps that lead from a domain as it is to what its owner wants, in an order and with waits
// under which no enforcing sender of either level loses its last usable MX host or has to skip a better one,
// however late each step is done (RFC 8461 §8.1 to §8.3). Pure; a plan is a value.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checks/facts/policy.h"
#include "checks/judge/senders/simulation.h"

namespace stswatch {

struct GoalPolicy {
  Mode mode = Mode::none;
  std::optional<std::vector<std::string>> mx;  // null: the goal's MX hosts by name
  std::uint64_t max_age = 0;
};

/// What is null stays as it is; a policy that would then not list every goal host follows.
struct Goal {
  std::optional<std::vector<WorldMx>> mx;
  std::optional<GoalPolicy> policy;
  bool retire = false;  // in the end neither record nor file (RFC 8461 §8.3)
};

enum class Deed { repair, serve_policy, publish_id, set_mx, remove_record, remove_policy };
std::string_view to_string(Deed deed);
std::optional<Deed> parse_deed(std::string_view text);

/// This long after that step; step 0 is the moment of the plan.
struct Wait {
  int step = 0;
  Seconds seconds{};
  bool operator==(const Wait&) const = default;
};

struct PlanStep {
  int n = 0;
  Deed deed = Deed::repair;
  std::vector<Wait> after;
  TimePoint not_before{};        // if every step is done as early as it may be
  std::optional<Policy> policy;  // serve_policy: at every address of the policy host
  std::string id;                // publish_id
  std::vector<WorldMx> mx;       // set_mx: the whole MX set
  std::string host;              // repair: an MX host or the policy host
  std::string text;              // for people
};

enum class PlanVerdict { safe, unsafe, unknown };
std::string_view to_string(PlanVerdict verdict);

struct Plan {
  PlanVerdict verdict = PlanVerdict::unknown;
  std::string why;
  std::vector<PlanStep> steps;
  TimePoint done_at{};
};

/// Certificates that are good at world.now count as renewed in time; the texts name those that end before the
/// plan does.
Plan make_plan(const World& world, const Goal& goal);

}  // namespace stswatch
