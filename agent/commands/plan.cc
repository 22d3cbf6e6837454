// plan: the steps that lead from a domain as it is to a goal, proven by simulation.
#include "checks/judge/senders/plan.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <ostream>

#include "agent/commands/commands.h"
#include "agent/commands/plan_report.h"
#include "agent/commands/saved_files.h"
#include "agent/remember/saved_look.h"
#include "agent/remember/store.h"
#include "agent/watch/clock.h"
#include "agent/watch/live_config.h"
#include "checks/facts/policy.h"
#include "checks/facts/text.h"

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

// Of a domain as it is now.

namespace {

constexpr std::size_t kPolicyFile = 1U << 20;

}  // namespace

tl::expected<Policy, std::string> read_policy_file(const std::string& path, std::istream& in) {
  const auto text = read_text(path, in);
  if (!text) return tl::make_unexpected(text.error());
  if (text->size() > kPolicyFile)
    return tl::make_unexpected(path + " is larger than 1 MiB: name a policy file");
  const auto reading = read_policy(*text);
  if (!reading.valid())
    return tl::make_unexpected(path + " is no valid policy: see stswatch lint policy " + path);
  return *reading.strict;
}

tl::expected<std::vector<std::string>, std::string> read_hosts(const std::vector<std::string>& typed) {
  std::vector<std::string> out;
  for (const auto& name : typed) {
    const auto host = Domain::parse(name);
    if (!host) return tl::make_unexpected(host.error());
    out.push_back(host->str());
  }
  return out;
}

std::vector<WorldMx> goal_mx(const Remembered& known, const std::vector<std::string>& hosts) {
  auto now = known.world().mx;
  std::ranges::stable_sort(now, {}, &WorldMx::preference);
  std::vector<std::string> names;
  for (const auto& mx : now)
    names.push_back(mx.host);
  return names == hosts ? now : known.world(hosts).mx;
}

Plan plan_of(const Remembered& known, const Goal& goal) {
  const World world = known.world();
  const auto unseen = known.unseen();
  if (unseen.empty()) {
    Plan plan = make_plan(world, goal);
    const bool enforces = std::ranges::any_of(
        plan.steps, [](const PlanStep& step) { return step.policy && step.policy->mode == Mode::enforce; });
    const auto& verdict = known.record->verdict;
    if (enforces && verdict.mode == Mode::testing && !verdict.readiness_open.empty()) {
      plan.why += " Not ready for enforce yet:";
      for (const auto& gate : verdict.readiness_open)
        plan.why += (&gate == &verdict.readiness_open.front() ? " gate " : "; gate ") + gate;
      plan.why += '.';
    }
    return plan;
  }
  std::string why = "Not seen, so nothing is proven:";
  for (std::size_t i = 0; i < unseen.size(); ++i)
    why += (i == 0 ? " " : ", ") + unseen[i];
  return {PlanVerdict::unknown, why + ". Look again when the resolver answers.", {}, world.now};
}

// The plan that is followed.

namespace {

constexpr int kExitUnknown = 3;

int none_kept(const Domain& domain, Streams io) {
  return complain(io,
                  "no plan of " + domain.str() + " is followed: make one with stswatch plan " + domain.str() +
                      " ... --follow",
                  kExitUnknown);
}

tl::expected<std::optional<FollowedPlan>, std::string> kept(const Config& config, const Domain& domain) {
  const auto plans = read_key_values(config.agent.state, kPlanTable);
  if (!plans) return tl::make_unexpected(plans.error());
  const auto row = plans->find(domain.str());
  if (row == plans->end()) return std::nullopt;
  const auto progress = read_key_values(config.agent.state, kPlanProgressTable);
  if (!progress) return tl::make_unexpected(progress.error());
  const auto done = progress->find(domain.str());
  auto plan = plan_from_rows(row->second, done == progress->end() ? nullptr : &done->second);
  if (!plan)
    return tl::make_unexpected("the plan of " + domain.str() +
                               " in the store is not understood: make it again");
  return plan;
}

void print_step(const FollowedPlan& f, std::size_t i, TimePoint at, TimePoint now, std::ostream& out) {
  const auto& step = f.plan.steps[i];
  const auto* done = f.done_at(i);
  const char* const state = done ? "seen done" : at <= now ? "its waits are over since" : "not before";
  out << "  " << step.n << ". " << to_string(step.deed) << "  " << state << ' ' << to_utc(at) << "\n     "
      << text::one_line(step.text) << "\n";
}

}  // namespace

tl::expected<void, std::string> can_follow(const Config& config, const Domain& domain) {
  if (config.agent.state == kInRam)
    return tl::make_unexpected(
        "plans are kept in a store on disk, and agent.state is none: set it to a file");
  const bool watched = std::ranges::any_of(config.domains, [&](const auto& d) { return d.name == domain; });
  if (!watched)
    return tl::make_unexpected(
        domain.str() + " is not among the domains of the configuration: nobody would follow its plan");
  return {};
}

tl::expected<void, std::string> keep_plan(const Config& config, const Domain& domain, const Plan& plan,
                                          TimePoint now) {
  if (plan.verdict == PlanVerdict::unknown || plan.steps.empty()) return {};
  return edit_key_values(config.agent.state,
                         {{kPlanTable, domain.str(), plan_row({.plan = plan, .since = now})}});
}

int show_plan(const Config& config, const Domain& domain, bool json, Streams io) {
  const auto plan = kept(config, domain);
  if (!plan) return complain(io, plan.error(), kExitOutput);
  if (!*plan) return none_kept(domain, io);
  const auto& f = **plan;
  const auto now = SystemClock().now();
  if (json) {
    io.out << to_json(f, now).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
    return 0;
  }
  io.out << domain.str() << "  followed since " << to_utc(f.since)
         << (f.complete() ? "  all steps are done" : "") << "\n";
  const auto course = course_from(f, f.since);
  for (std::size_t i = 0; i < course.size(); ++i)
    print_step(f, i, course[i], now, io.out);
  for (const auto& early : early_steps(f, now)) {
    io.out << "  Step " << early.step->n << " was seen done at " << to_utc(early.seen);
    if (early.missing)
      io.out << ", before step " << early.missing->n << ", of which it waits\n";
    else
      io.out << ", too early: it would have been safe from " << to_utc(*early.safe_from) << " on\n";
  }
  return 0;
}

int drop_plan(const Config& config, const Domain& domain, Streams io) {
  const auto plans = read_key_values(config.agent.state, kPlanTable);
  if (!plans) return complain(io, plans.error(), kExitOutput);
  if (!plans->contains(domain.str())) return none_kept(domain, io);
  const auto done = edit_key_values(config.agent.state, {{kPlanTable, domain.str(), std::nullopt}});
  return done ? 0 : complain(io, done.error(), kExitOutput);
}

// What is printed of any.

void print_steps(const Plan& plan, std::ostream& out) {
  for (const auto& step : plan.steps)
    out << "  " << step.n << ". " << to_string(step.deed) << "  not before " << to_utc(step.not_before)
        << "\n     " << step.text << "\n";
}

void print_plan(const std::string& domain, const Plan& plan, std::ostream& out) {
  out << domain << "  " << to_string(plan.verdict);
  if (!plan.steps.empty()) out << "  done at " << to_utc(plan.done_at) << " at the earliest";
  out << "\n  " << plan.why << "\n";
  print_steps(plan, out);
}

int exit_code(PlanVerdict verdict) {
  switch (verdict) {
    case PlanVerdict::safe:
      return 0;
    case PlanVerdict::unsafe:
      return 2;
    case PlanVerdict::unknown:
      return 3;
  }
  return 3;
}

}  // namespace stswatch
