#include "agent/watch/vantage_watch.h"

#include <algorithm>
#include <array>
#include <functional>

#include "checks/facts/domain.h"
#include "checks/facts/text.h"
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

// Whether the resolver is to be believed.

namespace {

constexpr int kInARow = 2;             // one lost packet is no blindness
constexpr std::size_t kUnrelated = 3;  // zones that fail at once have the resolver in common
// Signatures run out for real, and zones of one hand together: more of them are needed.
constexpr std::size_t kBogus = 5;
constexpr std::size_t kGood = 16;

/// An alias that leads in a circle, or too far, is what the zone says (RFC 1034 §3.6.2): the resolver did
/// answer, and whoever owns one name could otherwise call it blind.
bool unknown(const AnswerFacts& answer) { return answer.lookup == Lookup::unknown && !answer.cname_loop; }

struct Witnessed {
  const AnswerFacts& resolver;
  const SourceAnswer& source;
};

}  // namespace

/// The resolver fails where the zone's servers answer; or for everything, up to the root; or, which proves
/// nothing alone, for everything that was asked. `none` where it is the zone, or nobody knows.
ResolverWatch::Proof ResolverWatch::proof_of(const DomainObservation& look, std::string& detail) {
  const SourceFacts& source = look.source;
  const std::array<Witnessed, 4> all{Witnessed{look.sts, source.sts},
                                     {look.mx, source.mx},
                                     {look.policy_host.a, source.policy_a},
                                     {look.policy_host.aaaa, source.policy_aaaa}};
  detail = look.sts.detail.empty() ? look.mx.detail : look.sts.detail;
  if (source.resolver_dead && unknown(look.sts)) return Proof::dead;
  bool bogus = false;
  for (const Witnessed& asked : all) {
    if (!unknown(asked.resolver)) continue;
    bogus = bogus || asked.resolver.bogus;
    if (asked.resolver.bogus || !asked.source.answered()) continue;
    detail = asked.resolver.detail + ", while " + asked.source.replies.back().server + " answers";
    return Proof::contradicted;
  }
  return bogus ? Proof::bogus : Proof::none;
}

std::string ResolverWatch::proved_by(const DomainObservation& look) {
  if (!exhausted_in(look).empty()) return {};
  std::string detail;
  const Proof proof = proof_of(look, detail);
  return proof == Proof::dead || proof == Proof::contradicted ? detail : std::string();
}

void ResolverWatch::asked_to_validate(const AnswerFacts& root, const AnswerFacts& bogus) {
  if (bogus.lookup == Lookup::found) {
    unvalidated_by_ = "it answers for " + bogus.name + ", whose signatures are wrong on purpose";
  } else if (root.lookup == Lookup::found && !root.secure) {
    unvalidated_by_ = "its answer for the root, which is signed, is not marked as authentic (AD)";
    // A root of one's own may be unsigned: a resolver that calls anything secure does validate.
    if (secure_seen_) return need_not_validate();
  } else {
    if (root.secure) need_not_validate();
    return;
  }
  unvalidated_ = std::min(unvalidated_ + 1, 1000);
}

bool ResolverWatch::validation_is_due(TimePoint now) {
  constexpr Seconds kHourly{3600};
  const bool lately = validation_asked_ && *validation_asked_ <= now && now - *validation_asked_ < kHourly;
  if (lately && unvalidated_ == 0) return false;
  validation_asked_ = now;
  return true;
}

std::string ResolverWatch::not_validating() const {
  return unvalidated_ >= kInARow ? unvalidated_by_ : std::string();
}

void ResolverWatch::saw(const DomainObservation& look) {
  secure_seen_ |= look.sts.secure || look.mx.secure || look.policy_host.a.secure;
  // What could not even be asked says nothing of who would have answered.
  if (!exhausted_in(look).empty()) return;
  const std::string& domain = look.domain.str();
  ++looks_;
  const auto& host = look.policy_host;
  const bool no_host = host.lookup() == Lookup::unknown && (unknown(host.a) || unknown(host.aaaa));
  const bool any_unknown = unknown(look.sts) || unknown(look.mx) || no_host;
  std::string detail;
  const Proof proof = any_unknown ? proof_of(look, detail) : Proof::none;
  const bool all_unknown = unknown(look.sts) && unknown(look.mx) && unknown(look.tlsrpt);
  // Without a word from the zone's servers a single failure may be the zone's: it counts among others only.
  const bool nobody_else = look.source.sts.replies.empty() && look.source.mx.replies.empty();
  const bool zones_fault = !look.mx.zone_error.empty() && proof != Proof::bogus;
  if (!any_unknown || zones_fault || (proof == Proof::none && !(all_unknown && nobody_else))) {
    failing_.erase(domain);
    if (any_unknown) return;
    good_.push_back(looks_);
    if (good_.size() > kGood) good_.pop_front();
    return;
  }
  Failing& failing = failing_.try_emplace(domain, Failing{.since = looks_}).first->second;
  failing.looks = std::min(failing.looks + 1, 1000);
  failing.proof = proof;
  failing.detail = std::move(detail);
}

std::string ResolverWatch::blind() const {
  std::vector<std::uint64_t> plain, all;  // since when
  const std::pair<const std::string, Failing>* worst = nullptr;
  for (const auto& entry : failing_) {
    const Failing& failing = entry.second;
    const bool proved = failing.proof == Proof::dead || failing.proof == Proof::contradicted;
    if (proved && failing.looks >= kInARow) return entry.first + ": " + failing.detail;
    if (failing.proof != Proof::bogus) plain.push_back(failing.since);
    all.push_back(failing.since);
    if (worst == nullptr || failing.looks > worst->second.looks) worst = &entry;
  }
  if (!together(std::move(plain), kUnrelated) && !together(std::move(all), kBogus)) return {};
  return std::to_string(failing_.size()) + " domains at once, of them " + worst->first + ": " +
         worst->second.detail;
}

/// The newest `needed` failures began while hardly a look was good.
bool ResolverWatch::together(std::vector<std::uint64_t> since, std::size_t needed) const {
  if (since.size() < needed) return false;
  std::ranges::sort(since, std::greater());
  const auto good = std::ranges::count_if(good_, [&](std::uint64_t at) { return at > since[needed - 1]; });
  return static_cast<std::size_t>(good) < needed;
}

// Whether something takes STARTTLS away.

namespace {

constexpr Seconds kUndecided{600};

}  // namespace

void StarttlsWatch::saw(const MxHostObservation& look, bool canary) {
  bool offered = false, missing = false;
  for (const SmtpProbe& probe : look.probes) {
    offered |= probe.starttls_offered || !probe.failure;
    missing |= probe.failure && probe.failure->cause == Cause::not_offered;
  }
  const auto known = hosts_.find(look.host);
  if (offered) {
    if (known == hosts_.end() && hosts_.size() >= kMost)
      hosts_.erase(std::ranges::min_element(hosts_, {}, [](const auto& h) { return h.second.offered; }));
    auto& seen = hosts_[look.host];
    seen = {seen.canary || canary, look.at, std::nullopt};
  } else if (missing && known != hosts_.end() && !known->second.lost) {
    known->second.lost = look.at;
  }
}

StarttlsWatch::Loss StarttlsWatch::loss() const {
  Loss out;
  for (const auto& [host, seen] : hosts_) {
    if (!seen.lost) continue;
    if (!out.first || *seen.lost < *out.first) out.first = seen.lost;
    out.owners.insert(registrable_domain(host).value_or(host));
    out.canary |= seen.canary;
    if (++out.hosts <= 3) text::add(out.names, ", ", host);
  }
  return out;
}

bool StarttlsWatch::offered_since(TimePoint at) const {
  return std::ranges::any_of(hosts_, [&](const auto& h) { return !h.second.lost && h.second.offered >= at; });
}

std::string StarttlsWatch::stripped() const {
  const Loss all = loss();
  if (all.hosts < 2 || (!all.canary && all.owners.size() < 2) || offered_since(*all.first)) return {};
  return std::to_string(all.hosts) + " hosts that offered STARTTLS do not any more, none has since " +
         to_utc(*all.first) + ": " + all.names + (all.hosts > 3 ? ", ..." : "");
}

bool StarttlsWatch::undecided(TimePoint now) const {
  const Loss all = loss();
  if (!all.first || std::chrono::abs(now - *all.first) > kUndecided || offered_since(*all.first))
    return false;
  return std::ranges::any_of(hosts_, [&](const auto& h) {
    return !h.second.lost && !all.owners.contains(registrable_domain(h.first).value_or(h.first));
  });
}

}  // namespace stswatch
