#include "checks/judge/senders/plan.h"

#include <algorithm>

namespace stswatch {
namespace {

bool serves(const PlanSight& seen, const Policy& wanted) {
  return seen.every_copy && seen.policies.size() == 1 && same_policy(seen.policies.front(), wanted);
}

std::set<std::string> hosts_in(const std::vector<WorldMx>& mx) {
  std::set<std::string> out;
  for (const auto& one : mx)
    out.insert(one.host);
  return out;
}

bool repaired(const std::string& host, const PlanSight& seen) {
  const auto mx = seen.usable.find(host);
  return mx != seen.usable.end() ? mx->second : seen.every_copy && !seen.policies.empty();
}

bool shows(const PlanSight& seen, const PlanStep& step, const std::string& last_id) {
  switch (step.deed) {
    case Deed::repair:
      return repaired(step.host, seen);
    case Deed::serve_policy:
      return step.policy && serves(seen, *step.policy);
    case Deed::publish_id:
      return seen.id && *seen.id != last_id;
    case Deed::set_mx:
      return seen.mx && *seen.mx == hosts_in(step.mx);
    case Deed::remove_record:
      return seen.record_absent;
    case Deed::remove_policy:
      return seen.policy_absent;
  }
  return false;
}

std::size_t index_of(int n) { return static_cast<std::size_t>(n) - 1; }

/// Some step that it waits for is not done.
const PlanStep* missing_before(const FollowedPlan& f, const PlanStep& step) {
  for (const auto& wait : step.after)
    if (wait.step > 0 && !f.done_at(index_of(wait.step))) return &f.plan.steps.at(index_of(wait.step));
  return nullptr;
}

/// The end of its waits, each counted from the earliest or from the latest moment at which its step was done.
TimePoint ready_at(const FollowedPlan& f, const PlanStep& step, bool latest) {
  TimePoint out = f.since;
  for (const auto& wait : step.after) {
    const StepDone begin{f.since, f.since};
    const StepDone* before = wait.step == 0 ? &begin : f.done_at(index_of(wait.step));
    if (before) out = std::max(out, (latest ? before->seen : before->from) + wait.seconds);
  }
  return out;
}

}  // namespace

bool FollowedPlan::complete() const {
  return done.size() == plan.steps.size() &&
         std::ranges::all_of(done, [](const auto& d) { return d.has_value(); });
}

FollowedPlan follow(FollowedPlan f, const PlanSight& seen) {
  f.done.resize(f.plan.steps.size());
  if (!f.start) {
    f.start = seen;
    f.looked = f.since;
    f.id = seen.id.value_or("");
  }
  bool id_is_taken = false;  // one new id is one step
  for (std::size_t i = 0; i < f.done.size(); ++i) {
    const PlanStep& step = f.plan.steps[i];
    const bool publishes = step.deed == Deed::publish_id;
    if (f.done[i] || (publishes && id_is_taken)) continue;
    if (publishes) id_is_taken = true;
    if (!shows(seen, step, f.id)) continue;
    f.done[i] = StepDone{std::max(f.looked, f.since), seen.at};
    if (publishes) f.id = *seen.id;
  }
  f.looked = seen.at;
  return f;
}

bool belongs(const FollowedPlan& f, const PlanSight& seen) {
  if (!f.start || f.complete()) return false;
  const auto& steps = f.plan.steps;
  const auto some = [&](auto&& fits) { return std::ranges::any_of(steps, fits); };
  const bool mx = !seen.mx || seen.mx == f.start->mx || some([&](const PlanStep& s) {
    return s.deed == Deed::set_mx && hosts_in(s.mx) == *seen.mx;
  });
  const bool policies = std::ranges::all_of(seen.policies, [&](const Policy& p) {
    const auto same = [&](const Policy& other) { return same_policy(p, other); };
    return std::ranges::any_of(f.start->policies, same) ||
           some([&](const PlanStep& s) { return s.policy && same(*s.policy); });
  });
  const auto removes = [&](Deed deed) { return some([&](const PlanStep& s) { return s.deed == deed; }); };
  const bool record = !seen.record_absent || f.start->record_absent || removes(Deed::remove_record);
  const bool file = !seen.policy_absent || f.start->policy_absent || removes(Deed::remove_policy);
  return mx && policies && record && file;
}

std::optional<NextStep> next_step(const FollowedPlan& f) {
  for (const PlanStep& step : f.plan.steps) {
    if (f.done_at(index_of(step.n))) continue;
    if (missing_before(f, step)) return NextStep{&step, std::nullopt};
    return NextStep{&step, ready_at(f, step, true)};
  }
  return std::nullopt;
}

bool turns_on_enforce(const FollowedPlan& f, const PlanStep& step) {
  if (step.deed != Deed::serve_policy || !step.policy || step.policy->mode != Mode::enforce) return false;
  const auto testing = [](const Policy& policy) { return policy.mode == Mode::testing; };
  const PlanStep* before = nullptr;
  for (const PlanStep& one : f.plan.steps)
    if (one.n < step.n && one.policy) before = &one;
  return before ? testing(*before->policy) : f.start && std::ranges::any_of(f.start->policies, testing);
}

std::vector<TimePoint> course_from(const FollowedPlan& f, TimePoint now) {
  std::vector<TimePoint> out;
  for (const PlanStep& step : f.plan.steps) {
    TimePoint at = now;
    for (const auto& wait : step.after)
      at = std::max(at, (wait.step == 0 ? f.since : out.at(index_of(wait.step))) + wait.seconds);
    const auto* done = f.done_at(index_of(step.n));
    out.push_back(done ? done->seen : at);
  }
  return out;
}

std::vector<EarlyStep> early_steps(const FollowedPlan& f, TimePoint now) {
  std::vector<EarlyStep> out;
  for (const PlanStep& step : f.plan.steps) {
    const auto* done = f.done_at(index_of(step.n));
    if (!done) continue;
    const auto safe_from = ready_at(f, step, true);
    if (const auto* missing = missing_before(f, step))
      out.push_back({&step, missing, done->seen, std::nullopt});
    else if (done->seen < ready_at(f, step, false) && now < safe_from)
      out.push_back({&step, nullptr, done->seen, safe_from});
  }
  return out;
}

}  // namespace stswatch
