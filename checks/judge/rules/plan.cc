// A plan that is followed: what may be done now, and what was done before its time.
#include "checks/judge/followed.h"

#include <algorithm>

#include "checks/facts/bounds.h"
#include "checks/facts/text.h"
#include "checks/judge/case.h"
#include "checks/judge/rules/rules.h"

namespace stswatch {
namespace {

constexpr Seconds kOverdue{86400};
constexpr std::size_t kOpenListed = 600;  // characters, with what speaks against the step
constexpr Seconds kToldDone{7 * 86400};
constexpr std::string_view kDue = "plan-step-due";

std::string name_of(const FollowedPlan& f, const PlanStep& step) {
  return "step " + std::to_string(step.n) + " of " + std::to_string(f.plan.steps.size());
}

void judge_next(const Verdict& verdict, const FollowedPlan& f, Findings& out) {
  const auto next = next_step(f);
  if (!next || !next->safe_from || verdict.checked_at < *next->safe_from) return;
  TimePoint since = *next->safe_from;
  std::string open;  // whoever enforces before the gates hold takes a risk, and is not urged to
  if (turns_on_enforce(f, *next->step)) {
    for (const std::string& gate : verdict.readiness_open)
      open += (open.empty() ? "; not ready for enforce yet: gate " : "; gate ") + gate;
    if (verdict.testing_clean_since) since = std::max(since, *verdict.testing_clean_since + kReadinessHeld);
  }
  const bool overdue = open.empty() && verdict.checked_at - since >= kOverdue;
  const auto detail = printable(name_of(f, *next->step) + ", its waits are over since " +
                                    to_utc(*next->safe_from) + ": " + next->step->text + open,
                                open.empty() ? bounds::kDetail : kOpenListed);
  out.raise(overdue ? "plan-step-overdue" : kDue, verdict.domain.str(), detail);
}

void judge_early(const Domain& domain, const FollowedPlan& f, TimePoint now, Findings& out) {
  for (const auto& early : early_steps(f, now)) {
    std::string detail = name_of(f, *early.step) + " was seen done at " + to_utc(early.seen);
    if (early.missing)
      detail += ", and step " + std::to_string(early.missing->n) +
                ", of which it waits, has not been seen done: " + early.missing->text;
    else
      detail += ": it would have been safe from " + to_utc(*early.safe_from) + " on";
    out.raise(early.missing ? "plan-step-out-of-order" : "plan-step-early", domain.str(),
              printable(detail, bounds::kDetail),
              {{"until", early.safe_from ? to_utc(*early.safe_from) : std::string()}});
    if (!early.missing) return;  // the first is the one to act on; the rest follows from it
  }
}

void judge_done(const Domain& domain, const FollowedPlan& f, TimePoint now, Findings& out) {
  if (!f.complete()) return;
  TimePoint last = f.since;
  for (const auto& done : f.done)
    last = std::max(last, done->seen);
  if (now - last > kToldDone) return;
  out.raise("plan-complete", domain.str(), "the last step was seen done at " + to_utc(last));
}

}  // namespace

std::vector<Finding> judge_plan(const Verdict& verdict, const FollowedPlan& plan) {
  const TimePoint now = verdict.checked_at;
  Findings out(verdict.domain, verdict.live_mode, now);
  judge_next(verdict, plan, out);
  judge_early(verdict.domain, plan, now, out);
  judge_done(verdict.domain, plan, now, out);
  return out.all();
}

std::optional<TimePoint> happened_at(const Finding& finding, const FollowedPlan& plan) {
  if (finding.code != kDue) return std::nullopt;
  const auto next = next_step(plan);
  return next ? next->safe_from : std::nullopt;
}

PlanSight sight_of_plan(const Case& c) {
  PlanSight out;
  out.at = c.now;
  if (c.record.usable()) out.id = c.record.id;
  out.record_absent = c.facts.sts.lookup == Lookup::absent;
  out.policies = c.policies;
  out.every_copy = !c.copies.empty() && std::ranges::all_of(c.copies, [](const PolicyCopy& p) {
    return p.outcome == Outcome::ok;
  });
  const bool none_there = !c.copies.empty() && std::ranges::all_of(c.copies, [](const PolicyCopy& p) {
    return p.outcome == Outcome::absent;
  });
  out.policy_absent = none_there || c.facts.policy_host.lookup() == Lookup::absent;
  if (c.facts.mx.lookup != Lookup::unknown) {
    out.mx.emplace();
    for (const MxCase& mx : c.mx)
      out.mx->insert(mx.host);
  }
  for (const MxCase& mx : c.mx)
    if (mx.usable) out.usable[mx.host] = *mx.usable;
  return out;
}

}  // namespace stswatch
