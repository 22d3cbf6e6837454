// simulate: what senders do with a world as it is written down, or with a domain as it would be.

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "agent/commands/check_looks.h"
#include "agent/commands/commands.h"
#include "agent/commands/plan_report.h"
#include "agent/commands/saved_files.h"
#include "agent/remember/saved_look.h"
#include "agent/remember/store.h"
#include "agent/watch/live_config.h"
#include "checks/facts/text.h"
#include "checks/judge/senders/forecast.h"

namespace stswatch {
namespace {

std::string usable_words(const LevelResult& level) {
  if (!level.usable) return "no enforce policy in effect";
  const auto& u = *level.usable;
  const std::string count =
      u.min == u.max ? std::to_string(u.max) : std::to_string(u.min) + " to " + std::to_string(u.max);
  return count + " of " + std::to_string(u.of) + " MX usable";
}

void print_point(const char* what, const std::optional<WorldPoint>& point, TimePoint now, std::ostream& out) {
  if (!point) return;
  std::vector<std::string> words;
  for (const auto& reason : point->reason)
    words.push_back(reason.str());
  out << "    " << what
      << (point->at <= now ? "now" : to_utc(point->at) + ", in " + to_words(point->at - now)) << ": "
      << text::joined(words) << " (" << point->policy << ")\n";
}

void print_level(const char* name, const LevelResult& level, TimePoint now, std::ostream& out) {
  out << "  " << name << usable_words(level) << "\n";
  print_point("degradation  ", level.degradation, now, out);
  print_point("breakage     ", level.breakage, now, out);
  if (level.recovery) out << "    recovery     " << to_utc(*level.recovery) << "\n";
  if (level.lapse) out << "    lapse        " << to_utc(*level.lapse) << "\n";
}

void print(const World& world, const Simulation& result, std::ostream& out) {
  out << world.domain << "  " << to_string(result.status) << "  at " << to_utc(world.now) << "\n";
  print_level("RFC 8461    ", result.rfc, world.now, out);
  print_level("in the field ", result.field, world.now, out);
  out << "  A sender that holds\n";
  for (const auto& s : result.senders) {
    std::string row = "    " + s.holds.str();
    row.resize(std::max<std::size_t>(row.size() + 2, 28), ' ');
    row += s.outcome;
    if (!s.hosts.empty()) row += "  " + text::joined(s.hosts);
    if (s.live_until)
      row += "  (until " + to_utc(*s.live_until) +
             (s.refreshable ? ", sees the new id)" : ", cannot learn of a change)");
    out << row << "\n";
  }
  if (!result.safe_after)
    out << "  Old caches: no end is foreseen\n";
  else if (*result.safe_after > world.now)
    out << "  Old caches are gone after " << to_utc(*result.safe_after) << "\n";
}

int simulate_file(const SimulateCommand& command, Streams io) {
  const auto text = read_text(command.world, io.in);
  if (!text) return complain(io, text.error(), kExitUsage);
  const auto world = read_world(*text);
  if (!world) return complain(io, command.world + ": " + world.error(), kExitUsage);
  const auto result = simulate(*world);
  if (command.json)
    io.out << to_json(result).dump() << "\n";
  else
    print(*world, result, io.out);
  return exit_code(result.status);
}

tl::expected<Proposal, std::string> proposal_of(const SimulateCommand& command, Streams io) {
  Proposal out;
  if (!command.policy.empty()) {
    auto policy = read_policy_file(command.policy, io.in);
    if (!policy) return tl::make_unexpected(policy.error());
    out.policy = std::move(*policy);
  }
  if (!command.id.empty()) {
    const bool valid = command.id.size() <= 32 && std::ranges::all_of(command.id, [](char c) {
                         return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
                       });
    if (!valid)
      return tl::make_unexpected("--id \"" + printable(command.id, 60) +
                                 "\" is no id: give 1 to 32 letters and digits (RFC 8461 §3.1)");
    out.id = command.id;
  }
  return out;
}

Goal goal_of(const Proposal& proposal, const Remembered& known, const std::vector<std::string>& hosts) {
  Goal goal;
  if (!hosts.empty()) goal.mx = goal_mx(known, hosts);
  if (proposal.policy)
    goal.policy = GoalPolicy{proposal.policy->mode, proposal.policy->mx, proposal.policy->max_age};
  return goal;
}

void tell_json(const World& world, const Simulation& result, const std::optional<Plan>& plan,
               std::ostream& out) {
  auto json = to_json(result);
  auto steps = nlohmann::ordered_json::array();
  if (plan)
    for (const auto& step : plan->steps)
      steps.push_back(step.text);
  json["steps"] = steps;
  json["plan"] = plan ? to_json(*plan) : nlohmann::ordered_json(nullptr);
  json["before"] = to_json(simulate(world));
  out << json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
}

int simulate_domain(const SimulateCommand& command, Streams io) {
  const auto domain = Domain::parse(command.domain);
  if (!domain) return complain(io, domain.error(), kExitUsage);
  const auto hosts = read_hosts(command.mx);
  if (!hosts) return complain(io, hosts.error(), kExitUsage);
  auto proposal = proposal_of(command, io);
  if (!proposal) return complain(io, proposal.error(), kExitUsage);
  auto config = effective_config(command.flags);
  if (!config) return complain(io, config.error().what, config.error().exit_code);
  if (command.flags.config_file.empty()) config->agent.state = kInRam;  // no service, no memory
  const auto known = look_and_recall(*config, *domain, *hosts);
  if (!known) return complain(io, known.error(), kExitConfig);
  const World world = known->world();
  if (!hosts->empty()) proposal->mx = goal_mx(*known, *hosts);
  const bool change = proposal->policy || proposal->id || !proposal->mx.empty();
  const World then = change ? after(world, *proposal) : world;
  auto result = simulate(then);
  // From nothing nothing follows, least of all that it is well.
  const auto unseen = known->unseen();
  if (!unseen.empty() && result.status == Status::ok) result.status = Status::unknown;
  std::optional<Plan> plan;
  if (change) plan = plan_of(*known, goal_of(*proposal, *known, *hosts));
  if (command.json) {
    tell_json(world, result, plan, io.out);
    return exit_code(result.status);
  }
  if (change) io.out << "If it were published at this moment, all at once:\n";
  print(then, result, io.out);
  if (!unseen.empty()) io.out << "  Not seen: " << text::joined(unseen) << "\n";
  if (plan) {
    io.out << "The plan (stswatch plan): " << to_string(plan->verdict) << "\n  " << plan->why << "\n";
    print_steps(*plan, io.out);
  }
  return exit_code(result.status);
}

}  // namespace

int simulate(const SimulateCommand& command, Streams io) {
  if (command.world.empty() == command.domain.empty())
    return complain(io, "simulate needs a DOMAIN or --world FILE: see stswatch simulate --help", kExitUsage);
  return command.world.empty() ? simulate_domain(command, io) : simulate_file(command, io);
}

}  // namespace stswatch
