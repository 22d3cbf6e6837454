#include "agent/watch/plan_watch.h"

#include "agent/remember/store.h"
#include "agent/watch/log.h"

namespace stswatch {
namespace {

constexpr Seconds kReadAgain{10};

}  // namespace

PlanWatch::PlanWatch(KeyValueStore& rows, std::string state, Clock& clock)
    : rows_(rows), state_(std::move(state)), clock_(clock) {}

std::shared_ptr<const FollowedPlan> PlanWatch::of(const std::string& domain) {
  const std::lock_guard lock(mutex_);
  read_again();
  const auto it = plans_.find(domain);
  return it == plans_.end() ? nullptr : it->second;
}

std::map<std::string, std::shared_ptr<const FollowedPlan>> PlanWatch::all() {
  const std::lock_guard lock(mutex_);
  read_again();
  return plans_;
}

void PlanWatch::keep(const std::string& domain, std::shared_ptr<const FollowedPlan> plan) {
  const std::lock_guard lock(mutex_);
  const auto it = plans_.find(domain);
  if (it == plans_.end() || it->second->since != plan->since) return;
  const bool further = it->second->done != plan->done || !it->second->start;
  it->second = std::move(plan);
  // The time of the newest look alone is not worth a write: it is the lower bound of a step, and an earlier
  // one is as true.
  if (further) rows_.put(kPlanProgressTable, domain, progress_row(*it->second));
}

void PlanWatch::read_again() {
  const auto now = clock_.steady();
  if (state_ == kInRam || (read_at_ && now - *read_at_ < kReadAgain)) return;
  read_at_ = now;
  auto rows = read_key_values(state_, kPlanTable);
  if (!rows || *rows == seen_) return;
  const auto progress = rows_.all(kPlanProgressTable);
  for (const auto& [domain, text] : *rows) {
    if (const auto before = seen_.find(domain); before != seen_.end() && before->second == text) continue;
    const auto done = progress.find(domain);
    auto plan = plan_from_rows(text, done == progress.end() ? nullptr : &done->second);
    if (!plan) {
      log_error({.event = "plan-unreadable", .domain = domain},
                "{}: the plan that the store holds is not understood: make it again", domain);
      plans_.erase(domain);
      continue;
    }
    log_info({.event = "plan-followed", .domain = domain}, "{}: a plan of {} steps is followed", domain,
             plan->plan.steps.size());
    plans_[domain] = std::make_shared<const FollowedPlan>(std::move(*plan));
  }
  for (const auto& [domain, text] : seen_) {
    if (rows->contains(domain)) continue;
    log_info({.event = "plan-dropped", .domain = domain}, "{}: its plan is followed no longer", domain);
    plans_.erase(domain);
    rows_.erase(kPlanProgressTable, domain);
  }
  seen_ = std::move(*rows);
}

}  // namespace stswatch
