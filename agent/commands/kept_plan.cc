#include "agent/commands/plan_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "agent/remember/store.h"
#include "agent/watch/clock.h"
#include "checks/facts/text.h"

namespace stswatch {
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

}  // namespace stswatch
