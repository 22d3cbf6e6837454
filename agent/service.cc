#include "agent/service.h"

#include <spdlog/spdlog.h>
#include <algorithm>
#include <functional>

#include "agent/remember/known.h"
#include "checks/facts/bounds.h"

namespace stswatch {
namespace {

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

LookOutcome outcome_of(const DomainObservation& facts) {
  const bool unknown = facts.sts.lookup == Lookup::unknown || facts.mx.lookup == Lookup::unknown ||
                       facts.tlsrpt.lookup == Lookup::unknown;
  return unknown ? LookOutcome::unknown : LookOutcome::ok;
}

LookOutcome outcome_of(Outcome policy) {
  if (policy == Outcome::ok) return LookOutcome::ok;
  return policy == Outcome::unknown ? LookOutcome::unknown : LookOutcome::failed;
}

LookOutcome outcome_of(const MxHostObservation& look) {
  if (std::any_of(look.probes.begin(), look.probes.end(), [](const SmtpProbe& p) { return !p.failure; }))
    return LookOutcome::ok;
  return look.addresses.lookup() == Lookup::unknown ? LookOutcome::unknown : LookOutcome::failed;
}

bool known(const TxtAnswer& a) { return a.lookup != Lookup::unknown; }

/// What the newest look itself could not see, beside the judgement of what is known.
void add_unknowns(const Verdict& now, Verdict& verdict) {
  for (const auto& f : now.findings) {
    const bool there = std::any_of(verdict.findings.begin(), verdict.findings.end(), [&](const Finding& g) {
      return g.code == f.code && g.subject == f.subject;
    });
    if (f.of_the_agent && !there) verdict.findings.push_back(f);
  }
}

std::map<Part, LookTimes> times_after(const DomainMemory* before, const DomainObservation& seen, bool fetched,
                                      Outcome policy) {
  std::map<Part, LookTimes> times;
  if (before != nullptr) times = before->times;
  const auto note = [&](Part part, bool success) {
    times[part].last_look = seen.at;
    if (success) times[part].last_success = seen.at;
  };
  note(Part::sts_record, known(seen.sts));
  note(Part::tlsrpt_record, known(seen.tlsrpt));
  note(Part::mx, seen.mx.lookup != Lookup::unknown);
  if (fetched) note(Part::policy, policy == Outcome::ok);
  return times;
}

}  // namespace

Service::Service(Config config, Outlook outlook, Memory& memory, Clock& clock)
    : config_(std::move(config)),
      outlook_(std::move(outlook)),
      memory_(memory),
      clock_(clock),
      schedule_(std::random_device{}()) {
  for (const auto& d : config_.domains)
    domains_.emplace(d.name.str(), &d);
}

Service::~Service() { stop(); }

void Service::start() {
  const std::lock_guard lock(mutex_);
  for (const auto& d : config_.domains)
    schedule_.add({Kind::domain, d.name.str()}, clock_.now());
  spawn_if_short();
}

void Service::stop() {
  cancel_.cancel();
  std::vector<std::thread> workers;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    workers.swap(workers_);
  }
  due_.notify_all();
  for (auto& w : workers)
    w.join();
}

void Service::spawn_if_short() {
  const bool more = schedule_.next_due(true).value_or(TimePoint::max()) <= clock_.now();
  if (!stopping_ && idle_ == 0 && (more || workers_.empty()) &&
      workers_.size() < static_cast<std::size_t>(config_.agent.workers))
    workers_.emplace_back([this] { work(); });
}

void Service::work() {
  std::unique_lock lock(mutex_);
  const std::size_t most_mx = std::max<std::size_t>(1, static_cast<std::size_t>(config_.agent.workers) / 2);
  while (!stopping_) {
    const bool mx_allowed = busy_mx_ < most_mx;
    const auto subject = schedule_.take(clock_.now(), mx_allowed);
    if (!subject) {
      ++idle_;
      clock_.wait_until(due_, lock, schedule_.next_due(mx_allowed).value_or(clock_.now() + Seconds{3600}));
      --idle_;
      continue;
    }
    const std::size_t mx = subject->kind == Kind::mx ? 1 : 0;
    ++busy_;
    busy_mx_ += mx;
    spawn_if_short();
    lock.unlock();
    const Seconds interval = look(*subject);
    lock.lock();
    --busy_;
    busy_mx_ -= mx;
    schedule_.done(*subject, clock_.now(), interval);
    due_.notify_one();
  }
}

Seconds Service::look(const Subject& subject) {
  if (subject.kind == Kind::mx) {
    look_at_mx(subject.name);
    return config_.schedule.mx;
  }
  look_at_domain(domains_.at(subject.name)->name);
  return config_.schedule.dns;
}

bool Service::fetch_is_due(const DomainMemory* before, const DomainObservation& facts, TimePoint now) const {
  if (before == nullptr || !before->policy_fetched) return true;
  // A tenth early, so that the spread of the schedule does not skip a turn.
  if (now - *before->policy_fetched >= config_.schedule.policy * 9 / 10) return true;
  // RFC 8461 §3.1: the id is the sign that the policy changed.
  if (known(facts.sts) && facts.sts.records != before->known.sts.records) return true;
  return facts.policy_host.lookup() == Lookup::found &&
         facts.policy_host.all() != before->known.policy_host.all();
}

void Service::look_at_domain(const Domain& name) {
  const Stopwatch watch;
  const auto deadline = Deadline::in(config_.network.look_timeout, &cancel_);
  auto facts = outlook_.observer->look_at_names(name, clock_.now(), deadline);
  const bool fetch = fetch_is_due(memory_.domain(name).get(), facts, facts.at);
  if (fetch) {
    const Stopwatch fetch_watch;
    facts.fetches = outlook_.observer->fetch_policies(name, facts.policy_host, facts.at, deadline);
    outlook_.vantage->saw(name.policy_host(), facts.fetches, facts.at);
    if (!facts.fetches.empty()) {
      const auto outcome =
          judge(facts, {}, outlook_.vantage->now(name.policy_host(), facts.at), {}).policy.outcome;
      looks_.looked(LookKind::policy, outcome_of(outcome), fetch_watch.seconds());
    }
  }
  if (cancel_.cancelled()) return;  // what a stop cut short proves nothing
  looks_.looked(LookKind::domain, outcome_of(facts), watch.seconds());
  remember(std::move(facts), fetch);
}

void Service::remember(DomainObservation facts, bool fetched) {
  const Domain name = facts.domain;
  const auto vantage = outlook_.vantage->now(name.policy_host(), facts.at);
  const auto& limits = domains_.at(name.str())->limits;
  MxLooks looks;
  for (const auto& mx : facts.mx.records)
    if (const auto m = memory_.mx(mx.host))
      looks.emplace(mx.host, std::make_shared<MxHostObservation>(m->known));
  if (facts.mx.records.empty())
    if (const auto m = memory_.mx(name.str()))
      looks.emplace(name.str(), std::make_shared<MxHostObservation>(m->known));

  const std::lock_guard lock(judging(name));
  const auto before = memory_.domain(name);
  const auto raw = judge(facts, looks, vantage, limits);
  auto known = lay_over(before ? &before->known : nullptr, facts, fetched, vantage);
  auto verdict = judge(known, looks, vantage, limits);
  add_unknowns(raw, verdict);
  if (!before || before->verdict.status != verdict.status)
    spdlog::info("{}: {} ({} findings)", name.str(), to_string(verdict.status), verdict.findings.size());

  auto record = std::make_shared<DomainMemory>(std::move(known), std::move(verdict));
  record->times = times_after(before.get(), facts, fetched, raw.policy.outcome);
  if (before) {
    record->policy_fetched = before->policy_fetched;
    record->policy_last_success = before->policy_last_success;
  }
  if (fetched) record->policy_fetched = facts.at;
  if (fetched && raw.policy.outcome == Outcome::ok) record->policy_last_success = facts.at;
  use_mx_hosts(name, record->verdict);
  memory_.remember(std::move(record));
}

void Service::use_mx_hosts(const Domain& name, const Verdict& verdict) {
  const std::lock_guard lock(mutex_);
  std::set<std::string> now;
  for (const auto& m : verdict.mx)
    now.insert(m.host);
  auto& before = hosts_of_[name.str()];
  for (const auto& host : before) {
    if (now.contains(host)) continue;
    auto& users = users_[host];
    users.erase(name.str());
    if (!users.empty()) continue;
    users_.erase(host);
    schedule_.remove({Kind::mx, host});
  }
  for (const auto& host : now) {
    users_[host].insert(name.str());
    schedule_.add({Kind::mx, host}, clock_.now());
  }
  before = std::move(now);
}

void Service::look_at_mx(const std::string& host) {
  const Stopwatch watch;
  const auto deadline = Deadline::in(config_.network.look_timeout, &cancel_);
  auto look = outlook_.observer->look_at_mx(host, clock_.now(), deadline);
  if (cancel_.cancelled()) return;
  outlook_.vantage->saw(look);
  looks_.looked(LookKind::mx, outcome_of(look), watch.seconds());

  const auto before = memory_.mx(host);
  auto record = std::make_shared<MxMemory>();
  if (before) record->times = before->times;
  record->times.last_look = look.at;
  if (outcome_of(look) != LookOutcome::unknown) record->times.last_success = look.at;
  record->known =
      lay_over(before ? &before->known : nullptr, std::move(look), outlook_.vantage->now("", clock_.now()));
  memory_.remember(std::move(record));

  std::set<std::string> users;
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = users_.find(host); it != users_.end()) users = it->second;
  }
  for (const auto& name : users)
    judge_again(domains_.at(name)->name);
}

void Service::judge_again(const Domain& name) {
  const std::lock_guard lock(judging(name));
  const auto before = memory_.domain(name);
  if (!before) return;
  MxLooks looks;
  for (const auto& m : before->verdict.mx)
    if (const auto mx = memory_.mx(m.host))
      looks.emplace(m.host, std::make_shared<MxHostObservation>(mx->known));
  auto facts = before->known;
  facts.at = clock_.now();
  auto verdict = judge(facts, looks, outlook_.vantage->now(name.policy_host(), facts.at),
                       domains_.at(name.str())->limits);
  auto record = std::make_shared<DomainMemory>(before->known, std::move(verdict));
  record->times = before->times;
  record->policy_fetched = before->policy_fetched;
  record->policy_last_success = before->policy_last_success;
  memory_.remember(std::move(record));
}

std::mutex& Service::judging(const Domain& name) {
  return judging_[std::hash<std::string>{}(name.str()) % judging_.size()];
}

Snapshot Service::snapshot() const {
  Snapshot s;
  s.now = clock_.now();
  for (const auto& d : config_.domains)
    if (auto record = memory_.domain(d.name)) s.domains.push_back(std::move(record));
  s.port25_ok = !outlook_.vantage->now("", s.now).port25_blocked;
  s.trust_store_file = outlook_.trust->file();
  s.trust_store_sha256 = outlook_.trust->sha256();
  const std::lock_guard lock(mutex_);
  s.kinds = {
      {"domain", config_.schedule.dns, schedule_.late(Kind::domain, s.now), schedule_.count(Kind::domain)},
      {"policy", config_.schedule.policy, {}, 0},
      {"mx", config_.schedule.mx, schedule_.late(Kind::mx, s.now), schedule_.count(Kind::mx)}};
  s.workers_busy = busy_;
  s.workers_idle = idle_;
  return s;
}

}  // namespace stswatch
