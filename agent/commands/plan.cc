// plan: the steps that lead from a domain as it is to a goal, proven by simulation.
#include "checks/judge/senders/plan.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include "agent/commands/commands.h"
#include "agent/commands/plan_report.h"
#include "agent/commands/saved_files.h"
#include "agent/remember/plan_row.h"
#include "agent/remember/store.h"
#include "agent/watch/live_config.h"
#include "checks/facts/policy.h"

namespace stswatch {
namespace {

constexpr std::uint64_t kUsualAge = 604800, kAgeOfNone = 86400;

int tell(const PlanCommand& command, const std::string& domain, const Plan& plan, Streams io) {
  if (command.json)
    io.out << to_json(plan).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  else
    print_plan(domain, plan, io.out);
  return exit_code(plan.verdict);
}

int plan_files(const PlanCommand& command, Streams io) {
  const auto world_text = read_text(command.world, io.in);
  if (!world_text) return complain(io, world_text.error(), kExitUsage);
  const auto world = read_world(*world_text);
  if (!world) return complain(io, command.world + ": " + world.error(), kExitUsage);
  const auto goal_text = read_text(command.goal, io.in);
  if (!goal_text) return complain(io, goal_text.error(), kExitUsage);
  const auto goal = read_goal(*goal_text);
  if (!goal) return complain(io, command.goal + ": " + goal.error(), kExitUsage);
  return tell(command, world->domain, make_plan(*world, *goal), io);
}

const WorldPolicy* served_now(const World& world) {
  const auto it = std::ranges::find(world.policies, world.current_policy, &WorldPolicy::name);
  return world.current_policy && it != world.policies.end() ? &*it : nullptr;
}

/// --mode and --max-age change what is served now; its patterns stay where they list every host of the goal.
GoalPolicy changed_policy(const PlanCommand& command, const World& world, const Goal& goal) {
  const WorldPolicy* now = served_now(world);
  GoalPolicy out;
  const auto mode = parse_mode(command.mode);
  out.mode = mode ? *mode : now ? now->mode : Mode::testing;
  const bool same = now && now->mode == out.mode;
  out.max_age = command.max_age.value_or(same                     ? now->max_age
                                         : out.mode == Mode::none ? kAgeOfNone
                                                                  : kUsualAge);
  const auto& hosts = goal.mx ? *goal.mx : world.mx;
  const bool lists_all =
      now && std::ranges::all_of(hosts, [&](const WorldMx& mx) { return matches_any(mx.host, now->mx); });
  if (lists_all && !goal.mx) out.mx = now->mx;
  return out;
}

int plan_domain(const PlanCommand& command, Streams io) {
  const auto domain = Domain::parse(command.domain);
  if (!domain) return complain(io, domain.error(), kExitUsage);
  const auto hosts = read_hosts(command.mx);
  if (!hosts) return complain(io, hosts.error(), kExitUsage);
  std::optional<Policy> file;
  if (!command.policy.empty()) {
    auto read = read_policy_file(command.policy, io.in);
    if (!read) return complain(io, read.error(), kExitUsage);
    file = std::move(*read);
  }
  auto config = effective_config(command.flags);
  if (!config) return complain(io, config.error().what, config.error().exit_code);
  if (command.follow) {
    if (const auto fit = can_follow(*config, *domain); !fit) return complain(io, fit.error(), kExitUsage);
  }
  if (command.flags.config_file.empty()) config->agent.state = kInRam;  // no service, no memory
  const auto known = look_and_recall(*config, *domain, *hosts);
  if (!known) return complain(io, known.error(), kExitConfig);
  if (!command.key_of.empty()) return plan_key(command, *known, io);
  Goal goal;
  goal.retire = command.retire;
  if (!hosts->empty()) goal.mx = goal_mx(*known, *hosts);
  if (file) goal.policy = GoalPolicy{file->mode, file->mx, file->max_age};
  if (!command.mode.empty() || command.max_age) goal.policy = changed_policy(command, known->world(), goal);
  const auto made = plan_of(*known, goal);
  if (command.follow) {
    if (const auto kept = keep_plan(*config, *domain, made, known->now); !kept)
      return complain(io, kept.error(), kExitOutput);
  }
  return tell(command, domain->str(), made, io);
}

/// The plan that is followed, shown or dropped.
int kept_plan(const PlanCommand& command, Streams io) {
  const auto domain = Domain::parse(command.domain);
  if (!domain) return complain(io, domain.error(), kExitUsage);
  const auto config = effective_config(command.flags);
  if (!config) return complain(io, config.error().what, config.error().exit_code);
  if (const auto fit = can_follow(*config, *domain); !fit) return complain(io, fit.error(), kExitUsage);
  return command.drop ? drop_plan(*config, *domain, io) : show_plan(*config, *domain, command.json, io);
}

}  // namespace

int plan(const PlanCommand& given, Streams io) {
  auto command = given;
  const bool policy_parts = !command.mode.empty() || command.max_age;
  const bool parts = !command.mx.empty() || policy_parts || !command.policy.empty() || command.retire;
  const bool of_the_store = command.follow || command.show || command.drop;
  // As run takes it: the plan is kept where the service has its memory.
  const char* const around = std::getenv("STSWATCH_CONFIG");
  if (of_the_store && command.flags.config_file.empty() && around != nullptr)
    command.flags.config_file = around;
  if (of_the_store && !command.domain.empty() && command.flags.config_file.empty())
    return complain(io,
                    "plans are kept in the service's store: give --config with its configuration, or set "
                    "STSWATCH_CONFIG",
                    kExitUsage);
  if (command.show || command.drop) {
    if (command.domain.empty() || parts || command.follow || (command.show && command.drop))
      return complain(io, "--show and --drop stand alone: give DOMAIN and one of them", kExitUsage);
    return kept_plan(command, io);
  }
  if (command.follow && command.domain.empty())
    return complain(io, "--follow needs DOMAIN: a plan of files is of no domain that is watched", kExitUsage);
  if (!command.domain.empty()) {
    if (!command.world.empty() || !command.goal.empty())
      return complain(io, "--world and --goal stand for a domain: give them, or DOMAIN", kExitUsage);
    if (!command.key_of.empty() && (parts || command.follow))
      return complain(io, "--key-of stands alone: a key changes by itself, and its plan is not followed",
                      kExitUsage);
    if (!parts && command.key_of.empty())
      return complain(io, "plan DOMAIN needs a goal: --mx, --mode, --max-age, --policy, --retire or --key-of",
                      kExitUsage);
    if (!command.policy.empty() && policy_parts)
      return complain(io, "--policy says mode and max_age: give it, or --mode and --max-age", kExitUsage);
    if (command.retire && (policy_parts || !command.policy.empty()))
      return complain(io, "--retire leaves no policy: give it without --policy, --mode and --max-age",
                      kExitUsage);
    return plan_domain(command, io);
  }
  if (command.world.empty() || command.goal.empty() || (command.world == "-" && command.goal == "-"))
    return complain(io, "plan needs DOMAIN, or --world FILE and --goal FILE: see stswatch plan --help",
                    kExitUsage);
  return plan_files(command, io);
}

}  // namespace stswatch
