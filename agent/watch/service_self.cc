// What the service says of its own clock, means and sight.
#include <algorithm>

#include "agent/remember/dated.h"
#include "agent/remember/store.h"
#include "agent/remember/update.h"
#include "agent/watch/calendar.h"
#include "agent/watch/log.h"
#include "agent/watch/means.h"
#include "agent/watch/service.h"
#include "agent/watch/service_parts.h"

namespace stswatch {

Seconds Service::redate() {
  const auto plan = this->plan();
  Seconds ahead{0};
  for (const auto& domain : plan->config.domains)
    ahead = std::max(ahead, redate(domain));
  return ahead;
}

Seconds Service::redate(const DomainConfig& domain) {
  const auto now = clock_.now();
  const std::lock_guard lock(judging(domain.name));
  const auto record = memory_.domain(domain.name);
  if (!record) return Seconds{0};
  auto dated = dated_by(record, now);
  std::set<std::string> hosts{domain.name.str()};  // the implicit MX among them
  for (const auto& mx : record->known->mx.records)
    hosts.insert(mx.host);
  for (const auto& host : hosts) {
    const auto known = memory_.mx(host);
    if (!known) continue;
    auto look = dated_by(known, now);
    if (look.ahead == Seconds{0}) continue;
    memory_.remember(std::move(look.record), nullptr);
    dated.ahead = std::max(dated.ahead, look.ahead);
  }
  if (dated.record != record) memory_.remember(std::move(dated.record), nullptr, {});
  return dated.ahead;
}

/// RFC 9110 §6.6.1: Date is when the answer was made; one that was kept meanwhile says nothing of now.
void Service::hear_dates(const DomainObservation& facts) {
  for (const auto& fetch : facts.fetches) {
    const auto said = fetch.date && !fetch.age ? parse_http_date(*fetch.date) : std::nullopt;
    if (said) clock_.heard(facts.domain.policy_host(), *said);
  }
  plan()->probes.vantage->heard_dates(facts.domain.policy_host(), facts.fetches, facts.at, clock_.now());
}

/// The clock was put right while that look was made: its date is that of the wrong one.
bool Service::look_again_if_misdated(const LiveConfig& plan, const LookSubject& subject, TimePoint at) {
  if (std::chrono::abs(clock_.now() - at) <= kClockStep + plan.config.network.look_timeout) return false;
  pool_.hurry(subject);
  return true;
}

/// The root is signed, and dnssec-failed.org is kept bogus for those who want to know.
void Service::ask_to_validate(const LiveConfig& plan) {
  if (!plan.config.dns.trust_ad) return plan.probes.vantage->asked_to_validate(nullptr, nullptr);
  if (!plan.probes.vantage->validation_is_due(clock_.now())) return;
  const auto deadline = Deadline::in(Millis{10'000}, &cancel_);
  const auto answers =
      plan.probes.resolver->ask({{"", RecordType::ns}, {"dnssec-failed.org", RecordType::a}}, deadline);
  if (answers.size() != 2 || cancel_.cancelled()) return;
  plan.probes.vantage->asked_to_validate(std::get_if<NsAnswer>(&answers[0]),
                                         std::get_if<AddressAnswer>(&answers[1]));
}

std::optional<std::string> Service::lacking() const {
  const auto plan = this->plan();
  const auto now = clock_.steady();
  if (auto what = means_.lacking(plan->config.schedule.confirmations, now)) return what;
  const auto pool = pool_.state();
  if (pool.cramped)
    return "the system gives no thread beyond " + std::to_string(pool.busy + pool.idle) + " workers";
  const auto wanted = static_cast<std::size_t>(plan->config.agent.workers);
  const auto suffices = workers_within(descriptor_limit(), wanted);
  const auto late = std::max(pool.late_domain, pool.late_mx);
  const auto& schedule = plan->config.schedule;
  if (suffices >= wanted || late < 3 * std::max(schedule.dns, schedule.mx)) return std::nullopt;
  return std::to_string(descriptor_limit()) + " descriptors suffice for " + std::to_string(suffices) +
         " workers of " + std::to_string(wanted) + ", and looks are late by " + to_words(late);
}

std::optional<std::string> Service::port25_blocked() const {
  if (plan()->probes.vantage->port25_ok(clock_.now())) return std::nullopt;
  return "no canary and no MX host answers on port 25";
}

bool Service::port25_tried() const { return plan()->probes.vantage->port25_tried(); }

// A service that is one of a fleet: which domains it looks at, and what it shows of the others'.

void Service::take_up(const DomainConfig& domain, const LiveConfig& plan) {
  const auto& name = domain.name.str();
  if (!ours_(name) || !looked_at_.insert(name).second) return;
  const auto record = memory_.domain(domain.name);
  if (!record) return pool_.add({Kind::domain, name});
  const auto& schedule = plan.config.schedule;
  const auto rest = [&](TimePoint looked, Seconds interval) {
    const Seconds since = clock_.now() - looked;
    if (since < Seconds{0}) return Seconds{0};  // by a clock that was ahead
    return after_restart(interval - since, interval, plan.config.domains.size());
  };
  const auto times = record->times.find(Part::sts_record);  // which each look asks for
  const auto looked = times == record->times.end() ? std::nullopt : times->second.last_look;
  pool_.add({Kind::domain, name},
            looked ? rest(*looked, next_look_in(*record, *looked, schedule.confirm_after, schedule.dns))
                   : Seconds{0});
  std::set<std::string> hosts;
  for (const auto& mx : record->verdict.mx) {
    hosts.insert(mx.host);
    const auto seen = memory_.mx(mx.host);
    if (!seen || !seen->times.last_look) continue;
    const auto at = *seen->times.last_look;
    const bool found = seen->known->addresses.lookup() != Lookup::unknown;
    const Seconds routine = found ? schedule.mx : std::min(schedule.dns, schedule.mx);
    const Seconds interval = wants_confirmation(*record, mx.host)
                                 ? schedule.confirm_after
                                 : settle_in(seen->debounces, at, schedule.confirm_after, routine);
    pool_.add({Kind::mx, mx.host}, rest(at, interval));
    pool_.hurry({Kind::mx, mx.host}, rest(at, interval));  // another of its domains may have been content
  }
  use_mx_hosts(name, hosts);
}

void Service::leave(const std::string& domain, const LiveConfig& plan) {
  if (looked_at_.erase(domain) == 0) return;
  pool_.remove({Kind::domain, domain});
  address_queue_.forget({Kind::domain, domain});
  fetch_now_.erase(domain);
  plan.probes.vantage->forget(domain);
  use_mx_hosts(domain, {});
}

void Service::share_anew() {
  const auto plan = this->plan();
  const std::lock_guard lock(mutex_);
  if (plan != plan_) return;  // adopt() has just done so
  for (const auto& d : plan->config.domains) {
    take_up(d, *plan);
    if (!ours_(d.name.str())) leave(d.name.str(), *plan);
  }
}

void Service::heard(const std::vector<std::string>& domains) {
  const auto plan = this->plan();
  for (const auto& name : domains)
    if (const auto* domain = plan->find(name)) recall(*plan, *domain);
}

// The plans that are followed.

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
