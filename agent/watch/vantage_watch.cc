#include "agent/watch/vantage_watch.h"

#include <algorithm>

#include "checks/judge/classify.h"

namespace stswatch {

namespace {

constexpr Seconds kFresh{15};  // an answer as old as that is an answer of the same run (RULES 5.7)
constexpr Millis kGreetsWithin{
    10'000};  // for one canary: five times what a greeting takes that is not slowed down
constexpr Millis kRound{30'000};
constexpr Millis kGlance{50};  // how often a wait looks whether we are told to stop

}  // namespace

bool Canaries::begin_round(TimePoint now, const Deadline& deadline) {
  std::unique_lock lock(mutex_);
  while (under_way_) {
    if (deadline.passed() || deadline.cancelled()) return false;
    over_.wait_for(lock, std::min(deadline.left(), kGlance));
  }
  if (asked_ != TimePoint{} && std::chrono::abs(now - asked_) <= kFresh) return false;
  under_way_ = true;
  return true;
}

void Canaries::ask(TimePoint now, const Cancel& cancel) {
  const auto deadline = Deadline::in(kRound, &cancel);
  if (hosts_.empty() || !begin_round(now, deadline)) return;
  std::string answered;
  bool refused = false;
  for (auto host = hosts_.begin(); host != hosts_.end() && answered.empty(); ++host) {
    const auto greets = observer_.greets(*host, deadline.within(kGreetsWithin));
    if (greets == true) answered = *host;
    refused |= greets == false;
  }
  const bool complete = !answered.empty() || (refused && !deadline.cancelled() && !deadline.passed());
  // Beside its greeting, whether it offers STARTTLS: hosts that all lose it at once are not at fault.
  if (!answered.empty()) vantage_.saw(observer_.look_at_mx(answered, now, deadline), true);
  if (complete) vantage_.asked_canaries(answered, now);
  {
    const std::lock_guard lock(mutex_);
    under_way_ = false;
    if (complete) asked_ = now;
  }
  over_.notify_all();
}

bool dubious(const MxHostObservation& look) {
  return std::any_of(look.probes.begin(), look.probes.end(), [](const SmtpProbe& probe) {
    const bool no_connection = !answered(probe.failure) && (probe.failure->cause == Cause::timeout ||
                                                            probe.failure->cause == Cause::refused ||
                                                            probe.failure->cause == Cause::reset);
    const bool no_starttls = probe.failure && probe.failure->cause == Cause::not_offered;
    return no_connection || no_smtp(probe) || no_starttls;
  });
}

namespace {

constexpr Seconds kLately{3600};  // RULES 5.7: "in the last hour"

}  // namespace

bool answered(const std::optional<Failure>& failure) { return !failure || failure->stage > Stage::connect; }

void VantageWatch::Port::reached(const std::string& host, TimePoint at) {
  if (last[0].host != host) last[1] = last[0];
  last[0] = {host, at};
}

bool VantageWatch::Port::other_than(const std::string& host, TimePoint at) const {
  for (const auto& reach : last)
    if (!reach.host.empty() && reach.host != host && std::chrono::abs(at - reach.at) <= kLately &&
        reach.at >= void_before)
      return true;
  return false;
}

TimePoint VantageWatch::Port::newest_besides(const std::string& host) const {
  for (const auto& reach : last)
    if (!reach.host.empty() && reach.host != host) return reach.at;
  return {};
}

void VantageWatch::resolved(const std::string& subject, TimePoint at) {
  const std::lock_guard lock(mutex_);
  dns_.reached(subject, at);
}

void VantageWatch::saw_resolver(const DomainObservation& look, bool port53_blocked) {
  const std::lock_guard lock(mutex_);
  resolver_.saw(look);
  port53_blocked_ = port53_blocked;
}

void VantageWatch::forget(const std::string& domain) {
  const std::lock_guard lock(mutex_);
  resolver_.forget(domain);
}

std::optional<std::string> VantageWatch::resolver_blind() const {
  const std::lock_guard lock(mutex_);
  auto why = resolver_.blind();
  return why.empty() ? std::nullopt : std::optional(std::move(why));
}

std::optional<std::string> VantageWatch::starttls_stripped() const {
  const std::lock_guard lock(mutex_);
  auto why = starttls_.stripped();
  return why.empty() ? std::nullopt : std::optional(std::move(why));
}

bool VantageWatch::starttls_undecided(TimePoint now) const {
  const std::lock_guard lock(mutex_);
  return starttls_.undecided(now);
}

void VantageWatch::asked_to_validate(const AnswerFacts* root, const AnswerFacts* bogus) {
  const std::lock_guard lock(mutex_);
  if (root != nullptr && bogus != nullptr)
    resolver_.asked_to_validate(*root, *bogus);
  else
    resolver_.need_not_validate();
}

bool VantageWatch::validation_is_due(TimePoint now) {
  const std::lock_guard lock(mutex_);
  return resolver_.validation_is_due(now);
}

std::optional<std::string> VantageWatch::resolver_not_validating() const {
  const std::lock_guard lock(mutex_);
  auto why = resolver_.not_validating();
  return why.empty() ? std::nullopt : std::optional(std::move(why));
}

void VantageWatch::heard_dates(const std::string& policy_host, const std::vector<PolicyFetch>& fetches,
                               TimePoint began, TimePoint ended) {
  const std::lock_guard lock(mutex_);
  dates_.saw(policy_host, fetches, began, ended);
}

std::optional<std::string> VantageWatch::clock_skewed(TimePoint now) const {
  const std::lock_guard lock(mutex_);
  auto how = dates_.skewed(now);
  return how.empty() ? std::nullopt : std::optional(std::move(how));
}

bool VantageWatch::awaits_dates(TimePoint now, SteadyPoint steady) {
  const std::lock_guard lock(mutex_);
  return dates_.awaited(now, steady);
}

void VantageWatch::configure(bool ipv6, bool allow_private) {
  const std::lock_guard lock(mutex_);
  ipv6_ = ipv6;
  allow_private_ = allow_private;
}

void VantageWatch::saw(const MxHostObservation& look, bool canary) {
  const std::lock_guard lock(mutex_);
  starttls_.saw(look, canary);
  for (const auto& probe : look.probes) {
    if (probe.failure && probe.failure->cause == Cause::exhausted) continue;  // nothing was tried
    smtp_.tried = look.at;
    if (answered(probe.failure)) smtp_.reached(look.host, look.at);
    if (spoke(probe)) spoke_.reached(look.host, look.at);
  }
}

void VantageWatch::saw(const std::string& policy_host, const std::vector<PolicyFetch>& fetches,
                       TimePoint at) {
  const std::lock_guard lock(mutex_);
  for (const auto& fetch : fetches) {
    if (fetch.failure && fetch.failure->cause == Cause::exhausted) continue;
    https_.tried = at;
    if (answered(fetch.failure)) https_.reached(policy_host, at);
  }
}

void VantageWatch::asked_canaries(const std::string& answered, TimePoint at) {
  const std::lock_guard lock(mutex_);
  smtp_.tried = at;
  canaries_silent_ = answered.empty();
  if (canaries_silent_)
    smtp_.void_before = at;
  else
    smtp_.reached(answered, at), spoke_.reached(answered, at);
}

bool VantageWatch::port25_blocked(TimePoint at) const {
  const bool tried = smtp_.tried != TimePoint{} && std::chrono::abs(at - smtp_.tried) <= kLately;
  return tried && !smtp_.other_than("", at) && https_.other_than("", at);
}

bool VantageWatch::port25_ok(TimePoint at) const {
  const std::lock_guard lock(mutex_);
  return !port25_blocked(at) && (!canaries_silent_ || smtp_.other_than("", at));
}

bool VantageWatch::port25_tried() const {
  const std::lock_guard lock(mutex_);
  return smtp_.tried != TimePoint{};
}

Vantage VantageWatch::now(const std::string& policy_host, TimePoint at) const {
  const std::lock_guard lock(mutex_);
  Vantage v;
  v.ipv6 = ipv6_;
  v.allow_private = allow_private_;
  v.reached_443 = https_.other_than(policy_host, at);
  v.reached_25 = smtp_.other_than("", at);
  if (v.reached_25 && !smtp_.other_than(smtp_.last[0].host, at)) v.reached_25_only = smtp_.last[0].host;
  v.port25_blocked = port25_blocked(at);
  v.reached_443_at = https_.newest_besides(policy_host);
  v.reached_25_at = smtp_.newest_besides(policy_host);
  v.spoke_25_at = spoke_.newest_besides(policy_host);
  v.starttls_stripped = !starttls_.stripped().empty() || starttls_.undecided(at);
  v.resolver_blind = resolver_.blind();
  v.clock_doubted = dates_.skewed(at);
  v.port53_blocked = port53_blocked_;
  v.answered_at = dns_.newest_besides(policy_host);
  return v;
}

}  // namespace stswatch
