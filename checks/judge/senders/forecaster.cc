#include "checks/judge/senders/forecast.h"

#include <algorithm>

namespace stswatch::senders {
namespace {

bool past_renewal(const std::optional<TimePoint>& not_before, const std::optional<TimePoint>& not_after,
                  TimePoint now, const ExpiryLimits& limits) {
  return not_before && not_after && judge_life(*not_before, *not_after, now, limits) != Life::healthy;
}

}  // namespace

const WorldAddress* certificate_behind(const World& world, const WorldReason& reason) {
  if (reason.why != Why::certificate_expired) return nullptr;
  for (const WorldMx& mx : world.mx) {
    for (const WorldAddress& address : mx.addresses) {
      if (reason.host == mx.host && reason.address == address.address) return &address;
    }
  }
  return nullptr;
}

bool past_renewal(const World& world, const WorldPoint& point, const ExpiryLimits& limits) {
  return std::ranges::any_of(point.reason, [&](const WorldReason& reason) {
    if (reason.why == Why::policy_host_certificate_expired) {
      return past_renewal(world.policy_host_not_before, world.policy_host_not_after, world.now, limits);
    }
    const WorldAddress* address = certificate_behind(world, reason);
    return address && past_renewal(address->not_before, address->not_after, world.now, limits);
  });
}

}  // namespace stswatch::senders

namespace stswatch::senders {
namespace {

constexpr const char* kDeliver = "deliver";
constexpr const char* kDegraded = "degraded";
constexpr const char* kUnprotected = "deliver-unprotected";
constexpr const char* kDeferThenDeliver = "defer-then-deliver";
constexpr const char* kDeferred = "deferred";
constexpr const char* kUnknown = "unknown";

class Senders {
 public:
  Senders(const World& world, const Caches& caches, const Hosts& hosts)
      : world_(world), caches_(caches), hosts_(hosts), states_(hosts.at(world.now)) {}

  std::vector<SenderOutcome> all() const;

 private:
  SenderOutcome without_cache() const;
  SenderOutcome with_current(std::size_t current) const;
  SenderOutcome with_pair(const Pair& pair) const;
  void unprotected(SenderOutcome& out) const;
  void apply(std::size_t policy, SenderOutcome& out) const;
  void walk(std::size_t policy, SenderOutcome& out) const;

  const World& world_;
  const Caches& caches_;
  const Hosts& hosts_;
  std::vector<Usable> states_;
};

/// RFC 8461 §5: with none and testing mail goes where it would go without MTA-STS.
void Senders::unprotected(SenderOutcome& out) const {
  out.outcome = kUnprotected;
  for (const std::size_t host : hosts_.order())
    out.hosts.push_back(world_.mx[host].host);
}

void Senders::apply(std::size_t policy, SenderOutcome& out) const {
  if (world_.policies[policy].mode == Mode::enforce) {
    walk(policy, out);
  } else {
    unprotected(out);
  }
}

/// RFC 8461 §5.1: the candidates in MX order, those that fail are skipped.
void Senders::walk(std::size_t policy, SenderOutcome& out) const {
  std::vector<std::string> maybe;
  std::optional<int> first, first_bad;
  for (const std::size_t host : hosts_.order()) {
    const WorldMx& mx = world_.mx[host];
    const Usable usable = hosts_.listed(policy, host) ? states_[host] : Usable::no;
    if (usable == Usable::no) {
      if (!first_bad) first_bad = mx.preference;
      continue;
    }
    maybe.push_back(mx.host);
    if (usable == Usable::unknown) continue;
    if (!first) first = mx.preference;
    out.hosts.push_back(mx.host);
  }
  if (first) {
    // A host of equal preference is not a better one that was skipped.
    out.outcome = first_bad && *first_bad < *first ? kDegraded : kDeliver;
  } else {
    out.outcome = maybe.empty() ? kDeferred : kUnknown;
    out.hosts = std::move(maybe);
  }
}

SenderOutcome Senders::without_cache() const {
  SenderOutcome out;
  out.holds = {};
  out.refreshable = caches_.announced() && caches_.fetchable(world_.now);
  // RFC 8461 §3.3: without a policy "senders MUST continue with delivery as though the domain has not
  // implemented MTA-STS".
  if (out.refreshable) {
    apply(*caches_.current(), out);
  } else {
    unprotected(out);
  }
  return out;
}

SenderOutcome Senders::with_current(std::size_t current) const {
  SenderOutcome out;
  out.holds = {Holds::What::current};
  TimePoint until = TimePoint::min();
  for (const Pair& pair : caches_.longest()) {
    if (pair.policy == current) until = std::max(until, pair.live_until);
  }
  if (until != kOpen && until != TimePoint::min()) out.live_until = until;
  apply(current, out);
  return out;
}

SenderOutcome Senders::with_pair(const Pair& pair) const {
  SenderOutcome out;
  out.holds = {Holds::What::pair, world_.ids[pair.id].id, world_.policies[pair.policy].name};
  if (pair.live_until != kOpen) out.live_until = pair.live_until;
  out.refreshable = caches_.refreshable(pair, world_.now);
  SenderOutcome held;
  apply(pair.policy, held);
  if (!out.refreshable) {
    out.outcome = held.outcome;
    out.hosts = std::move(held.hosts);
    return out;
  }
  apply(*caches_.current(), out);
  // RFC 8461 §5.1: before any permanent failure the sender looks for a new policy, so mail only waits.
  if (held.outcome == kDeferred && out.outcome != kDeferred && out.outcome != kUnknown)
    out.outcome = kDeferThenDeliver;
  return out;
}

std::vector<SenderOutcome> Senders::all() const {
  std::vector<SenderOutcome> out;
  out.push_back(without_cache());
  if (caches_.current()) out.push_back(with_current(*caches_.current()));
  for (const Pair& pair : caches_.pairs()) {
    if (pair.policy != caches_.current() && world_.now < pair.live_until) out.push_back(with_pair(pair));
  }
  return out;
}

}  // namespace

std::vector<SenderOutcome> outcomes(const World& world, const Caches& caches, const Hosts& hosts) {
  return Senders(world, caches, hosts).all();
}

}  // namespace stswatch::senders

namespace stswatch::senders {
namespace {

/// U at one moment: the worst enforce policy in effect, taken for each bound by itself.
struct Moment {
  TimePoint at{};
  bool applicable = false;  // some enforce policy is in effect, and there are MX hosts
  Count usable;
  std::size_t decides = 0;  // the policy with the fewest possible hosts
};

class Walk {
 public:
  Walk(const World& world, const Caches& caches, const Hosts& hosts, Level level)
      : world_(world), caches_(caches), hosts_(hosts), level_(level) {}

  LevelResult run() const;

 private:
  Moment look(TimePoint t) const;
  /// `counts`: by kind of policy, as far as they are made.
  using Counts = std::vector<std::optional<Count>>;
  void consider(std::size_t policy, const std::vector<Usable>& states, Counts& counts, Moment& moment) const;
  std::vector<TimePoint> events() const;
  std::vector<WorldReason> reason_now(const Moment& moment) const;
  std::vector<WorldReason> reason_at(const Moment& moment, TimePoint before) const;
  void add_expired(std::size_t policy, bool (*ended)(TimePoint not_after, TimePoint t), bool sound_only,
                   TimePoint t, std::vector<WorldReason>& out) const;

  const World& world_;
  const Caches& caches_;
  const Hosts& hosts_;
  Level level_;
};

Moment Walk::look(TimePoint t) const {
  Moment moment;
  moment.at = t;
  // A domain without MX hosts takes no mail (RULES 4.6).
  if (hosts_.size() == 0) return moment;
  const std::vector<Usable> states = hosts_.at(t);
  Counts counts(hosts_.kinds());
  if (caches_.announced()) consider(*caches_.current(), states, counts, moment);
  for (std::size_t policy = 0; policy < world_.policies.size(); ++policy) {
    if (caches_.in_effect(policy, t, level_)) consider(policy, states, counts, moment);
  }
  return moment;
}

void Walk::consider(std::size_t policy, const std::vector<Usable>& states, Counts& counts,
                    Moment& moment) const {
  // RFC 8461 §5: only "enforce" keeps a sender from delivering to a host that fails.
  if (world_.policies[policy].mode != Mode::enforce) return;
  auto& known = counts[hosts_.kind(policy)];
  if (!known) known = hosts_.count(policy, states);
  const Count& count = *known;
  if (!moment.applicable || count.possible < moment.usable.possible) moment.decides = policy;
  if (!moment.applicable) {
    moment.usable = count;
  } else {
    moment.usable.certain = std::min(moment.usable.certain, count.certain);
    moment.usable.possible = std::min(moment.usable.possible, count.possible);
  }
  moment.applicable = true;
}

/// Between events nothing changes (RULES 4.6 rule 3), so nothing is looked at between them.
std::vector<TimePoint> Walk::events() const {
  std::vector<TimePoint> all;
  caches_.add_events(all, level_);
  hosts_.add_events(all);
  std::erase_if(all, [this](TimePoint t) { return t <= world_.now || t == kOpen; });
  std::ranges::sort(all);
  all.erase(std::ranges::unique(all).begin(), all.end());
  return all;
}

void Walk::add_expired(std::size_t policy, bool (*ended)(TimePoint not_after, TimePoint t), bool sound_only,
                       TimePoint t, std::vector<WorldReason>& out) const {
  for (std::size_t host : hosts_.order()) {
    if (!hosts_.listed(policy, host)) continue;
    const WorldMx& mx = world_.mx[host];
    for (std::size_t i = 0; i < mx.addresses.size(); ++i) {
      const WorldAddress& address = mx.addresses[i];
      if (sound_only && !hosts_.sound(host, i)) continue;
      if (address.not_after && ended(*address.not_after, t))
        out.push_back({Why::certificate_expired, mx.host, address.address});
      if (address.signed_until && ended(*address.signed_until, t))
        out.push_back({Why::signatures_ended, mx.host, address.address});
    }
  }
}

std::vector<WorldReason> Walk::reason_now(const Moment& moment) const {
  if (!hosts_.lists_any(moment.decides)) return {{Why::mx_none_in_policy}};
  std::vector<WorldReason> reason;
  add_expired(
      moment.decides, [](TimePoint not_after, TimePoint t) { return not_after <= t; }, false, moment.at,
      reason);
  if (reason.empty()) reason.push_back({Why::already});
  return reason;
}

std::vector<WorldReason> Walk::reason_at(const Moment& moment, TimePoint before) const {
  std::vector<WorldReason> reason;
  // A pair that could be refreshed until now binds from now on: the policy host's certificate brought it
  // about.
  if (!caches_.in_effect(moment.decides, before, level_))
    reason.push_back({Why::policy_host_certificate_expired});
  add_expired(
      moment.decides, [](TimePoint not_after, TimePoint t) { return not_after == t; }, true, moment.at,
      reason);
  return reason;
}

LevelResult Walk::run() const {
  LevelResult result;
  const Moment start = look(world_.now);
  const auto point = [this](const Moment& at, std::vector<WorldReason> reason) {
    return WorldPoint{at.at, std::move(reason), world_.policies[at.decides].name};
  };
  if (start.applicable) {
    result.usable = UsableMx{start.usable.certain, start.usable.possible, static_cast<int>(hosts_.size())};
    if (start.usable.possible == 0) result.breakage = point(start, reason_now(start));
  }
  TimePoint before = world_.now;
  for (const TimePoint t : events()) {
    const Moment moment = look(t);
    const bool none = moment.applicable && moment.usable.possible == 0;
    if (!result.breakage) {
      const bool fewer =
          start.applicable && moment.applicable && moment.usable.possible < start.usable.possible;
      if (none) {
        result.breakage = point(moment, reason_at(moment, before));
      } else if (fewer && !result.degradation) {
        result.degradation = point(moment, reason_at(moment, before));
      }
    } else if (!none) {
      result.recovery = t;
      break;
    }
    before = t;
  }
  return result;
}

/// RFC 8461 §3.3: nobody fetches over a chain that has ended. While a record sends senders there, what still
/// counts as served was last fetched at that end, whatever the looks have seen of it since (CONTRACT 4).
TimePoint last_copy_until(const World& world, const Caches& caches, const Pair& pair) {
  const WorldPolicy& policy = world.policies[pair.policy];
  const bool ended = world.current_id && caches.host_until() <= world.now;
  if (!ended || policy.last_ub < world.now) return pair.live_until;
  return later(std::min(pair.window_end, caches.host_until()), policy.max_age);
}

}  // namespace

LevelResult forecast(const World& world, const Caches& caches, const Hosts& hosts, Level level) {
  return Walk(world, caches, hosts, level).run();
}

std::optional<TimePoint> lapse(const World& world, const Caches& caches) {
  const auto close = [](TimePoint t) { return t == kOpen ? std::nullopt : std::optional(t); };
  if (caches.announced() && caches.fetchable(world.now)) {
    const WorldPolicy& current = world.policies[*caches.current()];
    // RFC 8461 §3.3: the last fetch succeeds just before the certificate ends, and that copy lives for
    // max_age.
    if (current.mode == Mode::enforce) return close(later(caches.host_until(), current.max_age));
  }
  std::optional<TimePoint> latest;
  for (const Pair& pair : caches.longest()) {
    if (world.policies[pair.policy].mode != Mode::enforce) continue;
    const TimePoint until = last_copy_until(world, caches, pair);
    if (until > world.now) latest = std::max(latest.value_or(until), until);
  }
  return latest ? close(*latest) : std::nullopt;
}

std::optional<TimePoint> safe_after(const World& world, const Caches& caches) {
  TimePoint latest = world.now;
  for (const Pair& pair : caches.longest()) {
    if (pair.live_until <= latest) continue;
    // A copy from an earlier service that says the same as the policy of now agrees with it (CONTRACT 4).
    const bool agrees =
        caches.current() && same_policy(world.policies[pair.policy], world.policies[*caches.current()]);
    if (!agrees) latest = pair.live_until;
  }
  return latest == kOpen ? std::nullopt : std::optional(latest);
}

}  // namespace stswatch::senders
