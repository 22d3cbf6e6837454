#include "checks/judge/senders_outcome.h"

#include <algorithm>

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
  out.holds = "nothing";
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
  out.holds = "current";
  TimePoint until = TimePoint::min();
  for (const Pair& pair : caches_.pairs()) {
    if (pair.policy == current) until = std::max(until, pair.live_until);
  }
  if (until != kOpen && until != TimePoint::min()) out.live_until = until;
  apply(current, out);
  return out;
}

SenderOutcome Senders::with_pair(const Pair& pair) const {
  SenderOutcome out;
  out.holds = world_.ids[pair.id].id + '/' + world_.policies[pair.policy].name;
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
