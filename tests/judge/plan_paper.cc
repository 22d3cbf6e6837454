// A plan as a piece of paper: its numbers, its ids, where it ends, and what it wastes.
#include <algorithm>
#include <map>

#include "checks/facts/policy.h"
#include "tests/judge/plan_executor.h"
#include "tests/judge/senders_world.h"

namespace stswatch::worlds {
namespace {

Seconds age(const WorldPolicy& p) { return Seconds(static_cast<Seconds::rep>(p.max_age)); }

std::string numbers(const World& world, const Plan& plan) {
  std::map<int, TimePoint> at{{0, world.now}};
  std::set<std::string> ids;
  for (const auto& i : world.ids)
    ids.insert(i.id);
  int n = 0;
  for (const auto& step : plan.steps) {
    if (step.n != ++n) return "steps are not numbered 1, 2, 3";
    if (step.after.empty()) return "a step without after";
    TimePoint t = world.now;
    for (const auto& wait : step.after) {
      if (!at.contains(wait.step) || wait.seconds < 0s) return "a wait for a step that does not come before";
      t = std::max(t, at[wait.step] + wait.seconds);
    }
    at[step.n] = t;
    if (t != step.not_before) return "not_before is not the earliest moment of step " + std::to_string(n);
    if (step.text.empty()) return "a step without a text";
    if (step.deed != Deed::publish_id) continue;
    const bool proper = !step.id.empty() && step.id.size() <= 32 && std::ranges::all_of(step.id, [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0;
    });
    if (!proper || !ids.insert(step.id).second) return "id " + step.id + " was used before, or is no id";
  }
  if (plan.done_at != at[n]) return "done_at is not the moment of the last step";
  return {};
}

struct End {
  std::optional<Policy> file;
  bool record = false;
  std::vector<WorldMx> mx;
};

End end_of(const World& world, const Plan& plan) {
  End end;
  for (const auto& p : world.policies)
    if (p.name == world.current_policy) end.file = Policy{p.mode, p.mx, p.max_age, {}};
  end.record = world.current_id.has_value();
  end.mx = world.mx;
  for (const auto& step : plan.steps) {
    if (step.deed == Deed::serve_policy) end.file = step.policy;
    if (step.deed == Deed::remove_policy) end.file.reset();
    if (step.deed == Deed::publish_id) end.record = true;
    if (step.deed == Deed::remove_record) end.record = false;
    if (step.deed == Deed::set_mx) end.mx = step.mx;
  }
  return end;
}

std::set<std::pair<int, std::string>> keys(const std::vector<WorldMx>& mx) {
  std::set<std::pair<int, std::string>> out;
  for (const auto& m : mx)
    out.emplace(m.preference, m.host);
  return out;
}

std::string where_it_ends(const World& world, const Goal& goal, const Plan& plan) {
  const End start = end_of(world, {}), end = end_of(world, plan);
  const auto& wanted = goal.mx ? *goal.mx : world.mx;
  if (keys(end.mx) != keys(wanted)) return "the MX set of the goal is not there in the end";
  if (goal.retire) return end.file || end.record ? "record or file are left" : "";
  if (goal.policy) {
    Policy policy{goal.policy->mode, {}, goal.policy->max_age, {}};
    for (const auto& mx : wanted)
      policy.mx.push_back(mx.host);
    if (goal.policy->mx) policy.mx = *goal.policy->mx;
    if (!end.file || !same_policy(*end.file, policy)) return "another policy is served in the end";
    return end.record ? "" : "the record is missing in the end";
  }
  if (!start.file) return {};
  const bool lists =
      std::ranges::all_of(wanted, [&](const WorldMx& m) { return matches_any(m.host, start.file->mx); });
  if (start.file->mode == Mode::none || lists)
    return same_policy(*end.file, *start.file) ? "" : "the policy did not stay";
  if (end.file->mode != start.file->mode || end.file->max_age != start.file->max_age)
    return "the policy that follows has another mode or max_age";
  for (const auto& m : wanted)
    if (!matches_any(m.host, end.file->mx)) return m.host + " is not listed in the end";
  return {};
}

/// RFC 8461 §8.3.
std::string removals(const World& world, const Plan& plan) {
  TimePoint over = world.now, none_served = world.now;
  for (const auto& step : plan.steps)
    if (step.deed == Deed::serve_policy) none_served = step.not_before;
  for (const auto& p : world.policies)
    if (p.mode == Mode::enforce)
      over = std::max(over, (p.last_ub >= world.now ? none_served : p.last_ub) + age(p));
  for (const auto& step : plan.steps) {
    if (step.deed != Deed::remove_record && step.deed != Deed::remove_policy) continue;
    if (step.not_before < over) return "removed before the last enforce policy is over";
  }
  return {};
}

std::string waste(const World& world, const Goal& goal, const Plan& plan) {
  Seconds longest = 0s, ttl = 3600s;
  const bool had = world.current_policy && world.current_id;
  for (const auto& p : world.policies) {
    if (p.mode != Mode::enforce || (!goal.mx && !goal.retire)) continue;
    const Seconds rest = p.last_ub - world.now + age(p);
    const Seconds kept = p.last_ub - world.now + std::min(age(p), kMonth);
    longest = std::max(longest, goal.retire || !had ? rest : kept);
  }
  for (const auto& i : world.ids)
    ttl = std::max(ttl, Seconds(i.ttl));
  const auto steps = static_cast<int>(plan.steps.size());
  if (plan.done_at > world.now + longest + steps * (days(1) + ttl + Seconds(world.mx_ttl)))
    return "waits until " + to_utc(plan.done_at);
  int serves = 0, moves = 0;
  for (const auto& step : plan.steps) {
    serves += step.deed == Deed::serve_policy;
    moves += step.deed == Deed::set_mx;
  }
  return serves > 2 || moves > 1 ? "more steps than it takes" : "";
}

/// The dates of certificates that are good now and end before it is done.
std::string dates(const World& world, const Goal& goal, const Plan& plan) {
  std::string said = plan.why;
  for (const auto& step : plan.steps)
    said += step.text;
  const auto told = [&](TimePoint end) { return said.find(to_utc(end).substr(0, 10)) != said.npos; };
  const std::vector<WorldMx> goal_hosts = goal.mx.value_or(std::vector<WorldMx>{});
  for (const auto* mx : {&world.mx, &goal_hosts})
    for (const auto& m : *mx)
      for (const auto& a : m.addresses)
        if (a.not_after && *a.not_after > world.now && *a.not_after < plan.done_at && !told(*a.not_after))
          return "the certificate of " + m.host + " is not told";
  return {};
}

}  // namespace

std::string read_closely(const World& world, const Goal& goal, const Plan& plan) {
  for (const auto& what : {numbers(world, plan), where_it_ends(world, goal, plan), removals(world, plan),
                           waste(world, goal, plan), dates(world, goal, plan)})
    if (!what.empty()) return what;
  return {};
}

}  // namespace stswatch::worlds
