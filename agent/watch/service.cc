#include "agent/watch/service.h"

#include <spdlog/spdlog.h>
#include <algorithm>
#include <functional>

#include "agent/remember/past.h"
#include "agent/remember/update.h"
#include "agent/watch/log.h"
#include "agent/watch/means.h"
#include "agent/watch/service_parts.h"
#include "checks/judge/case.h"

namespace stswatch {
namespace {

constexpr Seconds kVantageInterval{300};
constexpr Seconds kVantageTrouble{60};  // while no canary answers

/// While an id or a policy is new the other may follow: each fetch then narrows the window in which senders
/// can have stored the wrong pair (RULES 4.3).
bool changed_lately(const Past& past, TimePoint now) {
  constexpr Seconds kSettling{2 * 3600};
  return std::any_of(past.changes.begin(), past.changes.end(),
                     [&](const Change& c) { return c.at <= now && now - c.at < kSettling; });
}

LookOutcome outcome_of(const DomainObservation& facts) {
  const bool unknown = facts.sts.lookup == Lookup::unknown || facts.mx.lookup == Lookup::unknown ||
                       facts.tlsrpt.lookup == Lookup::unknown;
  return unknown ? LookOutcome::unknown : LookOutcome::ok;
}

LookOutcome outcome_of(Outcome policy) {
  if (policy == Outcome::ok) return LookOutcome::ok;
  return policy == Outcome::unknown ? LookOutcome::unknown : LookOutcome::failed;
}

/// RFC 8461 §3.1: the id is the sign that the policy changed.
bool announces_anew(const DomainMemory& before, const DomainObservation& facts) {
  return facts.sts.lookup != Lookup::unknown && facts.sts.records != before.known->sts.records;
}

/// Other MX hosts are judged by the policy of now, not by that of an hour ago.
bool moves_mail(const DomainMemory& before, const DomainObservation& facts) {
  return facts.mx.lookup != Lookup::unknown && facts.mx.records != before.known->mx.records;
}

/// Another id, or another policy than before; the first that is seen at all is no other one.
bool announces_other(const DomainMemory& before, const DomainMemory& now) {
  if (now.known->sts.records != before.known->sts.records) return true;
  const auto &earlier = before.verdict.policy.sha256, &served = now.verdict.policy.sha256;
  if (served.empty() || served == earlier) return false;
  const auto& seen = before.past.policies;
  return !earlier.empty() || (!seen.empty() && std::ranges::none_of(seen, [&](const SeenPolicy& p) {
    return there(p) && p.sha256 == served;
  }));
}

/// Less than what proves that a host stalls (RULES 5.7): that is unknown after it. Where not even a
/// connection came, it is one silence of as many as are confirmed.
constexpr Millis kBriefFetch{8'000};

bool was_cut_short(const PolicyFetch& fetch) {
  return fetch.failure && fetch.failure->cause == Cause::timeout;
}

/// A look at names alone is none that somebody would ask for.
bool fetched_lately(const DomainMemory& record, TimePoint now) {
  return record.policy_fetched && *record.policy_fetched <= now && now - *record.policy_fetched < kFreshLook;
}

WorkerPool::Limits limits_of(const LiveConfig& plan) {
  const auto wanted = static_cast<std::size_t>(plan.config.agent.workers);
  const auto descriptors = descriptor_limit();
  const auto workers = workers_within(descriptors, wanted);
  if (workers < wanted)
    log_warning(
        {.event = "descriptors-few"},
        "{} descriptors suffice for {} workers of {}: raise LimitNOFILE (ulimit -Hn), or lower agent.workers",
        descriptors, workers, wanted);
  const auto& schedule = plan.config.schedule;
  return {workers, plan.config.network.look_timeout, 2 * schedule.policy, 2 * schedule.mx};
}

/// CONTRACT 2: three intervals, at least look_timeout.
Freshness freshness_of(const Config& config) {
  const auto after = [&](Seconds interval) {
    return std::max<Seconds>(3 * interval, config.network.look_timeout);
  };
  return {after(config.schedule.dns), after(config.schedule.policy), after(config.schedule.mx)};
}

/// RFC 8461 §3.4: the nearest watched domain above that has a policy, which is not this one's.
std::optional<Limits::Above> above(const Memory& memory, const LiveConfig& plan, const std::string& name) {
  for (auto dot = name.find('.'); dot != name.npos; dot = name.find('.', dot + 1)) {
    const auto* domain = plan.find(name.substr(dot + 1));
    const auto record = domain ? memory.domain(domain->name) : nullptr;
    if (!record) continue;
    const auto& verdict = record->verdict;
    if (verdict.policy.shown) return Limits::Above{domain->name.str(), verdict.live_mode};
  }
  return std::nullopt;
}

/// What is to be acted on is an error, what is to be looked at a warning, and what gets better news.
spdlog::level::level_enum level_of(const Transition& t) {
  if (t.kind == Transition::Kind::better || t.kind == Transition::Kind::closed) return spdlog::level::info;
  const auto route = t.incident.finding.route;
  if (route == Route::page) return spdlog::level::err;
  return route == Route::ticket ? spdlog::level::warn : spdlog::level::info;
}

}  // namespace

void log_transitions(const Domain& name, const std::vector<Transition>& transitions) {
  for (const auto& t : transitions) {
    const auto& f = t.incident.finding;
    if (f.severity == Severity::info) continue;
    const auto event = "finding-" + std::string(to_string(t.kind));
    log_line(level_of(t), {.event = event, .domain = name.str(), .code = f.code, .subject = f.subject},
             "{}: {} {} {} [{}] {}", name.str(), to_string(t.kind), to_string(f.severity), f.code, f.subject,
             f.detail);
  }
}

/// What a domain whose mail goes to the hosts in `facts` is judged with.
JudgeInputs surroundings(const Memory& memory, const DomainObservation& facts, const Vantage& vantage,
                         const LiveConfig& plan, const DomainConfig& domain,
                         const Service::ReportsOf& reports_of, PlanWatch* plans) {
  JudgeInputs out;
  if (plans) out.plan = plans->of(domain.name.str());
  out.reports = reports_of(domain.name.str());
  out.vantage = vantage;
  out.limits = domain.limits;
  out.limits.confirmations = plan.config.schedule.confirmations;
  out.limits.grain = plan.config.schedule.grain(plan.config.network.look_timeout);
  out.limits.readiness_sessions = domain.readiness_sessions;
  for (const auto& p : plan.config.planned)
    out.limits.change_planned |= p.domain == domain.name && p.from <= facts.at && facts.at < p.until;
  out.limits.above = above(memory, plan, domain.name.str());
  const auto add = [&](const std::string& host) {
    const auto m = memory.mx(host);
    if (!m) return;
    out.known.emplace(host, m->known);
    out.confirmed.emplace(host, m->confirmed);
    out.pasts.emplace(host, m->past);
    out.host_times.emplace(host, m->times);
  };
  const auto fresh_for = freshness_of(plan.config);
  for (const Part part : {Part::sts_record, Part::tlsrpt_record, Part::mx})
    out.stale_after.emplace(part, fresh_for.dns);
  out.stale_after.emplace(Part::policy, fresh_for.policy);
  out.host_stale_after = fresh_for.mx;
  for (const auto& mx : facts.mx.records)
    add(mx.host);
  if (facts.mx.records.empty()) add(facts.domain.str());  // RFC 5321 §5.1: the implicit MX
  return out;
}

Service::Service(std::shared_ptr<const LiveConfig> plan, Memory& memory, Clock& clock)
    : memory_(memory),
      clock_(clock),
      plan_(std::move(plan)),
      pool_(clock, [this](const LookSubject& subject, bool briefly) { return look(subject, briefly); }) {
  pool_.limit(limits_of(*plan_));
  plan_->probes.address_limiter->tell_of_room(
      [this](const Address& at, std::size_t room) { release_address(at, room); });
}

Service::~Service() {
  stop();
  plan_->probes.address_limiter->tell_of_room({});  // each plan has the same pace
}

void Service::start() {
  const auto plan = this->plan();
  const auto& domains = plan->config.domains;
  side_by_side(domains.size(), [&](std::size_t n) { recall(*plan, domains[n]); });
  const std::lock_guard lock(mutex_);
  pool_.add(kVantage);
  for (const auto& d : plan_->config.domains)
    take_up(d, *plan);
  pool_.start();
}

void Service::adopt(std::shared_ptr<const LiveConfig> plan) {
  const auto before = this->plan();
  for (const auto& domain : plan->config.domains)
    if (before->find(domain.name.str()) == nullptr) recall(*plan, domain);
  const std::lock_guard lock(mutex_);
  pool_.limit(limits_of(*plan));
  for (const auto& d : plan->config.domains)
    take_up(d, *plan);
  pool_.hurry(kVantage);
  for (const auto& d : plan_->config.domains)
    if (plan->find(d.name.str()) == nullptr) leave(d.name.str(), *plan);
  pool_.shorten(Kind::domain, plan->config.schedule.dns);
  pool_.shorten(Kind::mx, plan->config.schedule.mx);
  plan_.swap(plan);  // the old one may end with the caller's pointer, after the lock
}

/// What is remembered of it from an earlier run, if anything, can be shown before the first look.
void Service::recall(const LiveConfig& plan, const DomainConfig& domain) {
  const std::lock_guard lock(judging(domain.name));
  const auto stored = memory_.domain(domain.name);
  if (!stored) return;
  const auto now = clock_.now();
  const auto vantage = plan.probes.vantage->now(domain.name.policy_host(), now);
  memory_.remember(
      judged_again(*stored, now,
                   surroundings(memory_, *stored->known, vantage, plan, domain, reports_of_, plans_)),
      nullptr, {});
}

Service::Looking Service::look_now(const Domain& name) {
  const auto record = memory_.domain(name);
  const auto now = RecentLooks::Steady::now();
  const std::lock_guard lock(mutex_);
  if (plan_->find(name.str()) == nullptr) return Looking::not_watched;
  if (!ours_(name.str())) return Looking::elsewhere;
  const bool fetched = record && fetched_lately(*record, clock_.now());
  if (fetched || asked_.left(name.str(), now) > RecentLooks::Steady::duration::zero()) return Looking::fresh;
  asked_.began(name.str(), now);
  const auto after = std::chrono::ceil<Seconds>(probed_.left(name.str(), now));
  fetch_now_.insert(name.str());
  pool_.hurry({Kind::domain, name.str()}, after);
  for (const auto& host : mx_users_.hosts_of(name.str()))
    want_look(host, after);
  return Looking::at_it;
}

std::shared_ptr<const DomainMemory> Service::fresh(const Domain& name) const {
  auto record = memory_.domain(name);
  if (!record) return nullptr;
  const bool asked =
      asked_.left(name.str(), RecentLooks::Steady::now()) > RecentLooks::Steady::duration::zero();
  return asked || fetched_lately(*record, clock_.now()) ? record : nullptr;
}

std::shared_ptr<const LiveConfig> Service::plan() const {
  const std::lock_guard lock(mutex_);
  return plan_;
}

void Service::stop() {
  cancel_.cancel();
  pool_.stop();
}

Seconds Service::look(const LookSubject& subject, bool briefly) {
  const auto plan = this->plan();
  if (subject.kind == Kind::vantage) return look_at_vantage(*plan);
  if (subject.kind == Kind::mx) return look_at_mx(*plan, subject.name);
  const auto& schedule = plan->config.schedule;
  if (const auto* domain = plan->find(subject.name)) {
    const bool soon = look_at_domain(*plan, *domain, briefly);
    const auto record = memory_.domain(domain->name);
    const auto routine = soon ? std::min(schedule.confirm_after, schedule.dns) : schedule.dns;
    if (record) return next_look_in(*record, clock_.now(), schedule.confirm_after, routine);
  }
  return schedule.dns;
}

Seconds Service::look_at_vantage(const LiveConfig& plan) {
  const auto& network = plan.config.network;
  const auto now = clock_.now();
  plan.probes.find_route(network);
  plan.probes.canaries->ask(now, cancel_);
  ask_to_validate(plan);
  return plan.probes.vantage->port25_ok(now) ? kVantageInterval : kVantageTrouble;
}

bool Service::fetch_is_due(const LiveConfig& plan, const DomainMemory* before,
                           const DomainObservation& facts) {
  {
    const std::lock_guard lock(mutex_);
    if (fetch_now_.erase(facts.domain.str()) > 0) return true;
  }
  if (before == nullptr || !before->policy_fetched) return true;
  if (*before->policy_fetched > facts.at) return true;  // by a clock that was ahead
  // A tenth early, so that the spread of the schedule does not skip a turn.
  if (facts.at - *before->policy_fetched >= plan.config.schedule.policy * 9 / 10) return true;
  if (wants_confirmation(*before) || changed_lately(before->past, facts.at)) return true;
  if (announces_anew(*before, facts) || moves_mail(*before, facts)) return true;
  return facts.policy_host.lookup() == Lookup::found &&
         facts.policy_host.all() != before->known->policy_host.all();
}

bool Service::look_at_domain(const LiveConfig& plan, const DomainConfig& domain, bool briefly) {
  const Stopwatch watch;
  const auto& probes = plan.probes;
  const auto deadline = Deadline::in(plan.config.network.look_timeout, &cancel_);
  const auto before = memory_.domain(domain.name);
  auto facts = probes.observer->look_at_names(domain.name, clock_.now(), deadline,
                                              {.known = before ? before->known.get() : nullptr});
  std::vector<Address> crowded;
  const bool fetch = fetch_is_due(plan, before.get(), facts);
  const Stopwatch fetch_watch;
  if (fetch) {
    facts.fetches =
        probes.observer->fetch_policies(domain.name, facts.policy_host, facts.at,
                                        briefly ? deadline.within(kBriefFetch) : deadline, &crowded);
    probes.vantage->saw(domain.name.policy_host(), facts.fetches, facts.at);
  }
  const auto fetching = fetch_watch.seconds();
  probes.observer->look_aside(facts, before ? before->known.get() : nullptr, deadline);
  if (cancel_.cancelled()) return false;  // what a stop cut short proves nothing
  if (const auto what = exhausted_in(facts); !what.empty()) means_.lacked(what, clock_.steady());
  hear_dates(facts);
  if (look_again_if_misdated(plan, {Kind::domain, domain.name.str()}, facts.at)) return false;
  probes.vantage->saw_resolver(facts, probes.source != nullptr && probes.source->blocked());
  if (outcome_of(facts) == LookOutcome::ok) probes.vantage->resolved(domain.name.policy_host(), facts.at);
  looks_.looked(LookKind::domain, outcome_of(facts), watch.seconds());
  log_debug({.event = "looked", .domain = domain.name.str()}, "{}: looked at in {:.3f} s: {}{}",
            domain.name.str(), watch.seconds(), to_string(outcome_of(facts)),
            facts.fetches.empty() ? "" : ", policy fetched");
  const bool asked = !facts.fetches.empty(), parked = !crowded.empty() && !asked;
  // Else the old file would seem to stand under the new id, or for the new hosts: this look waits for the
  // file.
  const bool waits = parked && before && (announces_anew(*before, facts) || moves_mail(*before, facts));
  const auto vantage = probes.vantage->now(domain.name.policy_host(), facts.at);
  const bool doubted = withdraw_doubtful(*probes.vantage, vantage, clock_.steady(), facts);
  const bool awaited = doubted || (briefly && std::ranges::any_of(facts.fetches, was_cut_short));
  if (awaited) {
    const std::lock_guard lock(mutex_);
    fetch_now_.insert(domain.name.str());
  }
  if (!waits) {
    const auto policy = remember(plan, domain, vantage, std::move(facts), fetch && !parked);
    if (asked) looks_.looked(LookKind::policy, outcome_of(policy), fetching);
  }
  wait_for_address({Kind::domain, domain.name.str()}, crowded);
  return awaited;
}

void Service::wait_for_address(const LookSubject& subject, const std::vector<Address>& crowded) {
  if (crowded.empty()) return address_queue_.forget(subject);
  if (subject.kind == Kind::domain) {
    const std::lock_guard lock(mutex_);
    fetch_now_.insert(subject.name);
  }
  const auto& address = crowded.front();
  address_queue_.wait_for_address(subject, address, clock_.steady());
  if (const auto room = plan()->probes.address_limiter->room(address); room > 0)
    release_address(address, room);
}

void Service::release_address(const Address& address, std::size_t room) {
  for (const auto& subject : address_queue_.leave(address, room))
    pool_.hurry(subject);
}

Outcome Service::remember(const LiveConfig& plan, const DomainConfig& domain, const Vantage& vantage,
                          DomainObservation facts, bool fetched) {
  const auto& name = domain.name;
  const std::lock_guard lock(judging(name));
  const auto before = memory_.domain(name);
  const auto& mx_facts = facts.mx.lookup == Lookup::unknown && before ? *before->known : facts;
  auto turn = after_look(before.get(), facts, fetched,
                         surroundings(memory_, mx_facts, vantage, plan, domain, reports_of_, plans_));
  if (plans_ && turn.plan) plans_->keep(name.str(), turn.plan);
  std::set<std::string> hosts;
  for (const auto& m : turn.record->verdict.mx)
    hosts.insert(m.host);
  {
    const std::lock_guard users_lock(mutex_);
    // It may have been dropped, or lost, while it was being looked at.
    if (plan_->find(name.str()) != nullptr && ours_(name.str())) use_mx_hosts(name.str(), hosts);
  }
  // What another policy asks of them is asked of the hosts of now, not of an hour ago.
  if (before && announces_other(*before, *turn.record)) {
    const std::lock_guard users_lock(mutex_);
    for (const auto& host : hosts)
      want_look(host);
  }
  log_transitions(name, turn.transitions);
  memory_.remember(std::move(turn.record), std::make_shared<DomainObservation>(std::move(facts)),
                   turn.transitions);
  return turn.policy;
}

void Service::use_mx_hosts(const std::string& domain, const std::set<std::string>& hosts) {
  for (const auto& host : hosts)
    pool_.add({Kind::mx, host});
  for (const auto& host : mx_users_.set(domain, hosts)) {
    pool_.remove({Kind::mx, host});
    address_queue_.forget({Kind::mx, host});
    wanted_.erase(host);
  }
}

std::mutex& Service::judging(const Domain& name) {
  return judging_[std::hash<std::string>{}(name.str()) % judging_.size()];
}

Service::Late Service::late() const {
  const auto pool = pool_.state();
  const auto now = clock_.steady();
  return {pool.late_domain, std::max(pool.late_domain, address_queue_.longest(Kind::domain, now)),
          std::max(pool.late_mx, address_queue_.longest(Kind::mx, now))};
}

Snapshot Service::snapshot() const {
  Snapshot s;
  s.now = clock_.now();
  const auto plan = this->plan();
  for (const auto& d : plan->config.domains)
    if (auto record = memory_.domain(d.name)) s.domains.push_back(std::move(record));
  s.fresh_for = freshness_of(plan->config);
  if (plan->probes.vantage->port25_tried()) s.port25_ok = plan->probes.vantage->port25_ok(s.now);
  s.trust_store_file = plan->probes.trust->file();
  s.trust_store_sha256 = plan->probes.trust->sha256();
  const auto& intervals = plan->config.schedule;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [host, domains] : mx_users_.domains_by_host())
      if (auto record = memory_.mx(host)) s.mx.push_back(std::move(record));
  }
  const auto pool = pool_.state();
  const auto late = this->late();
  s.kinds = {{"domain", intervals.dns, late.names, pool.domains},
             {"policy", intervals.policy, late.policies, pool.domains},
             {"mx", intervals.mx, late.mx_hosts, pool.mx_hosts}};
  s.workers_busy = pool.busy;
  s.workers_idle = pool.idle;
  return s;
}

}  // namespace stswatch
