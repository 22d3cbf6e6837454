// The service's looks at MX hosts: what of them is proved, who is judged anew by it, and who is looked at
// with it.
#include <algorithm>
#include <ranges>

#include "agent/remember/past.h"
#include "agent/remember/update.h"
#include "agent/watch/log.h"
#include "agent/watch/means.h"
#include "agent/watch/service_parts.h"
#include "checks/judge/case.h"
#include "checks/judge/catalogue/catalogue.h"

namespace stswatch {
namespace {

constexpr Seconds kFreshHost{30};  // looked at a moment ago: not again for the sake of another

std::ptrdiff_t proofs(const MxHostObservation& look, const Vantage& vantage) {
  return std::ranges::count_if(look.probes, [&](const SmtpProbe& p) {
    return classify(p, look.host, vantage, look.at).outcome != HostOutcome::unknown;
  });
}

LookOutcome outcome_of(const MxHostObservation& look, const Vantage& vantage) {
  if (std::ranges::any_of(look.probes, [](const SmtpProbe& p) { return !p.failure; })) return LookOutcome::ok;
  const bool blind =
      look.addresses.lookup() == Lookup::unknown || (!look.probes.empty() && proofs(look, vantage) == 0);
  return blind ? LookOutcome::unknown : LookOutcome::failed;
}

/// A host that defers us (RULES 3.2 Q), or whose silence others' answers prove, was looked at all the same.
bool came_to_an_end(const MxHostObservation& look, const MxHostObservation& known) {
  return std::ranges::any_of(look.probes, spoke) ||
         std::ranges::any_of(known.probes, [](const SmtpProbe& p) { return p.repeated && !p.held_from; });
}

/// An address of it is proved to be unusable.
bool is_at_fault(const MxHostObservation& look, const Vantage& vantage) {
  return std::ranges::any_of(look.probes, [&](const SmtpProbe& p) {
    return classify(p, look.host, vantage, look.at).outcome == HostOutcome::failed;
  });
}

/// All of the host's addresses gave an answer that proves something.
bool saw_all(const MxHostObservation& look, const Vantage& vantage) {
  return look.addresses.lookup() != Lookup::unknown && proofs(look, vantage) == std::ssize(look.probes);
}

/// Hosts differ in when theirs comes, a tenth either way, so that a fleet's do not come together.
Seconds spread(const std::string& host, Seconds interval) {
  const auto tenth = static_cast<std::size_t>(std::max<Seconds::rep>(interval.count() / 10, 1));
  return interval + Seconds{static_cast<Seconds::rep>(std::hash<std::string>{}(host) % (2 * tenth))} -
         Seconds{static_cast<Seconds::rep>(tenth)};
}

/// Once an interval, at once where a fault waits for its confirmation, and soon where senders report what our
/// usual look does not see. The first round of looks goes without.
bool second_probe_is_due(const MxMemory* before, const std::string& host, TimePoint now, Seconds interval,
                         bool disputed) {
  constexpr Seconds kDisputed{3600};
  if (before == nullptr || interval == Seconds{0}) return false;
  if (doubts_second_probe(before->debounces)) return true;
  TimePoint last{};
  for (const SecondProbe& second : before->known->second)
    last = std::max(last, second.at);
  const Seconds age = now - last;
  return age >= spread(host, interval) || (disputed && age >= kDisputed);
}

}  // namespace

void Service::want_look(const std::string& host, Seconds after) {
  if (mx_users_.domains_of(host).empty()) return;
  wanted_.insert(host);
  pool_.hurry({Kind::mx, host}, after);
}

std::optional<Seconds> Service::seen_by_another(const LiveConfig& plan, const std::string& host) {
  std::set<std::string> users;
  {
    const std::lock_guard lock(mutex_);
    if (wanted_.erase(host) > 0 || !shared_) return std::nullopt;
    users = mx_users_.domains_of(host);
  }
  const auto now = clock_.now();
  // Whether port 25 is open from here nobody else can see.
  if (!plan.probes.vantage->port25_tried()) return std::nullopt;
  const auto seen = memory_.mx(host);
  if (!seen || !seen->times.last_look || seen->times.last_look != seen->times.last_success ||
      !seen->debounces.empty())
    return std::nullopt;
  const Seconds interval = plan.config.schedule.mx, age = now - *seen->times.last_look;
  if (age < Seconds{0} || age >= interval * 3 / 4) return std::nullopt;
  // A fault is worth another pair of eyes.
  const auto vantage = plan.probes.vantage->now(host, now);
  if (is_at_fault(*seen->known, vantage)) return std::nullopt;
  for (const auto& name : users)
    if (const auto* domain = plan.find(name))
      judge_again(plan, *domain, host, saw_all(*seen->known, vantage));
  return interval - age;
}

Seconds Service::look_at_mx(const LiveConfig& plan, const std::string& host) {
  if (const auto left = seen_by_another(plan, host)) return *left;
  const Stopwatch watch;
  const auto deadline = Deadline::in(plan.config.network.look_timeout, &cancel_);
  std::vector<Address> crowded;
  const auto before = memory_.mx(host);
  auto look = plan.probes.observer->look_at_mx(host, clock_.now(), deadline, &crowded);
  wait_for_address({Kind::mx, host}, crowded);
  const auto& schedule = plan.config.schedule;
  if (!crowded.empty() && look.probes.empty()) return schedule.mx;
  plan.probes.observer->look_aside(look, before ? before->known.get() : nullptr, deadline);
  if (second_probe_is_due(before.get(), host, look.at, schedule.second_probe, is_disputed(host)))
    plan.probes.observer->look_again(look, deadline);
  if (dubious(look)) plan.probes.canaries->ask(look.at, cancel_);
  if (cancel_.cancelled()) return schedule.mx;
  if (const auto what = exhausted_in(look); !what.empty()) means_.lacked(what, clock_.steady());
  if (look_again_if_misdated(plan, {Kind::mx, host}, look.at)) return schedule.confirm_after;
  plan.probes.vantage->saw(look);
  const auto vantage = plan.probes.vantage->now(host, look.at);
  const bool awaited = withdraw_doubtful(*plan.probes.vantage, vantage, clock_.steady(), look);
  const auto outcome = outcome_of(look, vantage);
  looks_.looked(LookKind::mx, outcome, watch.seconds());
  log_debug({.event = "looked", .subject = host}, "{}: looked at in {:.3f} s: {}", host, watch.seconds(),
            to_string(outcome));

  auto record = std::make_shared<MxMemory>();
  if (before) *record = *before;
  auto confirmed = confirm(record->confirmed.get(), look, record->debounces, vantage,
                           {plan.config.schedule.confirmations});
  record->known =
      std::make_shared<MxHostObservation>(merge_seen(record->known.get(), look, vantage, &confirmed));
  record->confirmed =
      confirmed == *record->known ? record->known : std::make_shared<MxHostObservation>(std::move(confirmed));
  note_look(record->times, look.at, outcome != LookOutcome::unknown || came_to_an_end(look, *record->known));
  record->past = std::make_shared<HostPast>(
      note_tlsa(note_attempts(remember_look(*record->past, *record->confirmed), look, vantage), look));
  record->attempts = record->past->attempts;
  record->tlsa = record->past->tlsa;
  const bool saw = saw_all(look, vantage);
  // Lost at this host, and nobody knows yet whether at others too.
  const bool undecided = dubious(look) && plan.probes.vantage->starttls_undecided(look.at);
  if (undecided || (dubious(look) && !record->debounces.empty())) hurry_references(host, look.at);
  // Where the resolver failed, it is to be asked again: the host was not even disturbed.
  const bool found = look.addresses.lookup() != Lookup::unknown;
  const Seconds routine = found ? schedule.mx : std::min(schedule.dns, schedule.mx);
  const Seconds interval = settle_in(record->debounces, look.at, schedule.confirm_after, routine);
  // A certificate's dates need no second look, and leave no doubt behind.
  const bool worse = is_at_fault(look, vantage) && before && !is_at_fault(*before->known, vantage);
  const bool doubtful = worse || !record->debounces.empty();
  memory_.remember(std::move(record), std::make_shared<MxHostObservation>(std::move(look)));

  bool again_soon = false;
  std::set<std::string> users;
  {
    const std::lock_guard lock(mutex_);
    users = mx_users_.domains_of(host);
  }
  if (doubtful) hurry_siblings(plan, host, users, clock_.now());
  const bool crowd = users.size() >= kCrowd && begins_to_tell_crowd(host, doubtful);
  for (const auto& name : users)
    if (const auto* domain = plan.find(name)) again_soon |= judge_again(plan, *domain, host, saw);
  if (crowd && !again_soon) {  // else the look that confirms it ends it
    const std::lock_guard lock(mutex_);
    crowds_told_.erase(host);
  }
  return again_soon || awaited || undecided ? std::min(schedule.confirm_after, interval) : interval;
}

/// A host that stays as it was has nothing to tell.
bool Service::begins_to_tell_crowd(const std::string& host, bool doubtful) {
  const std::lock_guard lock(mutex_);
  if (doubtful) crowds_told_.insert(host);
  return crowds_told_.contains(host);
}

bool Service::is_telling_a_crowd() const {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(crowds_told_, [this](const std::string& host) {
    return mx_users_.domains_of(host).size() >= kCrowd;  // it may be watched no more
  });
}

/// Senders report failures at a host that is good from here.
bool Service::is_disputed(const std::string& host) {
  std::set<std::string> users;
  {
    const std::lock_guard lock(mutex_);
    users = mx_users_.domains_of(host);
  }
  return std::ranges::any_of(users, [&](const std::string& user) {
    const auto name = Domain::parse(user);
    const auto record = name ? memory_.domain(*name) : nullptr;
    return record && std::ranges::any_of(record->verdict.findings, [&](const Finding& f) {
             return f.code == codes::probe_disagrees && f.subject == host;
           });
  });
}

bool Service::judge_again(const LiveConfig& plan, const DomainConfig& domain, const std::string& host,
                          bool saw) {
  const std::lock_guard lock(judging(domain.name));
  const auto before = memory_.domain(domain.name);
  if (!before) return false;
  const auto now = clock_.now();
  const auto vantage = plan.probes.vantage->now(domain.name.policy_host(), now);
  auto turn =
      after_mx_look(*before, host, saw, now,
                    surroundings(memory_, *before->known, vantage, plan, domain, reports_of_, plans_));
  if (plans_ && turn.plan) plans_->keep(domain.name.str(), turn.plan);
  log_transitions(domain.name, turn.transitions);
  const bool again_soon = wants_confirmation(*turn.record, host);
  memory_.remember(std::move(turn.record), nullptr, turn.transitions);
  return again_soon;
}

void Service::hurry_siblings(const LiveConfig& plan, const std::string& host,
                             const std::set<std::string>& domains, TimePoint now) {
  constexpr std::size_t kDomains = 8, kHosts = 16;
  std::set<std::string> siblings;
  for (const auto& name : domains | std::views::take(kDomains)) {
    const auto* domain = plan.find(name);
    const auto record = domain ? memory_.domain(domain->name) : nullptr;
    if (!record) continue;
    for (const auto& mx : record->verdict.mx)
      if (mx.host != host && siblings.size() < kHosts) siblings.insert(mx.host);
  }
  std::erase_if(siblings, [&](const std::string& sibling) {
    const auto record = memory_.mx(sibling);
    return !record || !record->debounces.empty() || !record->times.last_look ||
           now - *record->times.last_look < kFreshHost;
  });
  const std::lock_guard lock(mutex_);
  for (const auto& sibling : siblings)
    want_look(sibling);
}

void Service::hurry_references(const std::string& silent, TimePoint now) {
  constexpr std::size_t kReferences = 3;
  const std::lock_guard lock(mutex_);
  pool_.hurry(kVantage);
  std::vector<std::string> references, siblings;  // those of other owners prove more
  const auto owner = registrable_domain(silent);
  for (const auto& [host, domains] : mx_users_.domains_by_host()) {
    if (references.size() == kReferences) break;
    const auto record = host == silent ? nullptr : memory_.mx(host);
    if (!record || !record->times.last_look || now - *record->times.last_look < kFreshHost) continue;
    const bool answered_before = std::any_of(record->known->probes.begin(), record->known->probes.end(),
                                             [](const SmtpProbe& p) { return answered(p.failure); });
    if (!answered_before) continue;
    (owner && registrable_domain(host) == owner ? siblings : references).push_back(host);
  }
  references.insert(references.end(), siblings.begin(), siblings.end());
  references.resize(std::min(references.size(), kReferences));
  for (const auto& host : references)
    want_look(host);
}

}  // namespace stswatch
