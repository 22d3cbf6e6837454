#include "checks/judge/senders/forecast.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <string_view>
#include <unordered_set>

#include "checks/facts/bounds.h"
#include "checks/facts/policy.h"

namespace stswatch::senders {
namespace {

constexpr std::size_t kShortList = 32;

/// Nothing of it is folded or converted before it is compared.
bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '*' || c == '_';
}

}  // namespace

Hosts::Hosts(const World& world) : world_(world), order_(world.mx.size()) {
  for (const WorldMx& mx : world.mx)
    hosts_.push_back(read(mx));
  listed_.reserve(world.policies.size() * world.mx.size());
  std::map<std::vector<bool>, std::size_t> kinds;
  for (const WorldPolicy& policy : world.policies) {
    const auto listed = listed_by(policy);
    listed_.insert(listed_.end(), listed.begin(), listed.end());
    kind_.push_back(kinds.emplace(listed, kinds.size()).first->second);
  }
  kinds_ = kinds.size();
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  std::ranges::stable_sort(order_, {}, [&](std::size_t i) { return world_.mx[i].preference; });
}

/// RFC 8461 §4.1: the name of the MX record is compared with the patterns of the policy.
std::vector<bool> Hosts::listed_by(const WorldPolicy& policy) const {
  std::vector<bool> out;
  if (policy.mx.size() <= kShortList) {
    for (const WorldMx& mx : world_.mx)
      out.push_back(matches_any(mx.host, policy.mx));
    return out;
  }
  // Each host is looked up in a long list, rather than each pattern held against each host.
  const std::unordered_set<std::string_view> plain(policy.mx.begin(), policy.mx.end());
  std::vector<std::string> others;
  for (const std::string& pattern : policy.mx)
    if (!std::ranges::all_of(pattern, is_plain)) others.push_back(pattern);
  for (const WorldMx& mx : world_.mx) {
    if (!std::ranges::all_of(mx.host, is_plain) || mx.host.ends_with('.')) {
      out.push_back(matches_any(mx.host, policy.mx));
      continue;
    }
    const auto dot = mx.host.find('.');
    const bool there =
        plain.contains(mx.host) || (dot != mx.host.npos && plain.contains("*" + mx.host.substr(dot)));
    out.push_back(there || matches_any(mx.host, others));
  }
  return out;
}

Hosts::Host Hosts::read(const WorldMx& mx) {
  Host host;
  for (const WorldAddress& address : mx.addresses) {
    Span span;
    // Unknown, whatever its other fields say (CONTRACT 4).
    host.maybe |= !address.reachable;
    // RFC 8461 §4.2: STARTTLS, a chain to a trusted root, and a DNS-ID equal to the host's name.
    span.sound = address.reachable.value_or(false) && address.starttls && address.trusted &&
                 matches_any(mx.host, address.dns_names);
    if (address.not_before) span.from = *address.not_before - bounds::kClockTolerance;
    if (address.not_after) span.until = *address.not_after;
    if (address.signed_until) span.until = std::min(span.until, *address.signed_until);
    host.addresses.push_back(span);
  }
  return host;
}

bool Hosts::lists_any(std::size_t policy) const {
  for (std::size_t host = 0; host < size(); ++host) {
    if (listed(policy, host)) return true;
  }
  return false;
}

Usable Hosts::by_itself(std::size_t host, TimePoint t) const {
  const Host& of = hosts_[host];
  // RFC 5321 §5.1: a sender tries all addresses of a host, so one good address is enough.
  const bool good = std::ranges::any_of(
      of.addresses, [t](const Span& span) { return span.sound && span.from <= t && t < span.until; });
  return good ? Usable::yes : of.maybe ? Usable::unknown : Usable::no;
}

std::vector<Usable> Hosts::at(TimePoint t) const {
  std::vector<Usable> all(size());
  for (std::size_t host = 0; host < size(); ++host)
    all[host] = by_itself(host, t);
  return all;
}

Count Hosts::count(std::size_t policy, const std::vector<Usable>& at) const {
  Count count;
  for (std::size_t host = 0; host < size(); ++host) {
    // RFC 8461 §4: both must hold, the name is listed and the host authenticates itself.
    if (!listed(policy, host)) continue;
    count.certain += at[host] == Usable::yes;
    count.possible += at[host] != Usable::no;
  }
  return count;
}

void Hosts::add_events(std::vector<TimePoint>& events) const {
  for (const Host& host : hosts_) {
    for (const Span& span : host.addresses) {
      if (!span.sound) continue;
      events.push_back(span.from);
      events.push_back(span.until);
    }
  }
}

}  // namespace stswatch::senders

namespace stswatch::senders {
namespace {

constexpr std::uint64_t kFarthest = 1'000'000'000'000;  // 30,000 years: past every date a file can hold
constexpr std::uint64_t kSlowRefresh = 30UL * 86400;    // RULES 4.3 class N: caps at 30 d

std::optional<std::size_t> find_policy(const World& world, const std::optional<std::string>& name) {
  if (!name) return std::nullopt;
  const auto found = std::ranges::find(world.policies, *name, &WorldPolicy::name);
  if (found == world.policies.end()) return std::nullopt;
  return static_cast<std::size_t>(found - world.policies.begin());
}

/// The pair exists when both could be seen at one moment, a single shared instant counts (RULES 4.3).
std::optional<Pair> pair_of(const World& world, std::size_t id, std::size_t policy) {
  const WorldId& i = world.ids[id];
  const WorldPolicy& p = world.policies[policy];
  // RFC 8461 §8.1: a sender may see the old id until the TTL of the record it holds has passed.
  const TimePoint end = std::min(later(i.last_ub, i.ttl), p.last_ub);
  if (std::max(i.first, p.first) > end) return std::nullopt;
  // RFC 8461 §3.2: max_age counts from the last fetch, and what is still served can still be fetched.
  const bool open = i.last_ub >= world.now && p.last_ub >= world.now;
  return Pair{id, policy, end, open ? kOpen : later(end, p.max_age)};
}

}  // namespace

TimePoint later(TimePoint t, std::uint64_t span) {
  if (t == kOpen || span > kFarthest) return kOpen;
  return t + Seconds(static_cast<Seconds::rep>(span));
}

Caches::Caches(const World& world)
    : world_(world), current_(find_policy(world, world.current_policy)), holds_(world.policies.size()) {
  if (world.policy_host_not_after) host_until_ = *world.policy_host_not_after;
  for (const WorldId& id : world.ids)
    shown_.push_back(world.current_id == id.id);
  for (std::size_t p = 0; p < world.policies.size(); ++p) {
    std::optional<Pair> under[2];
    for (std::size_t i = 0; i < world.ids.size(); ++i) {
      const auto pair = pair_of(world, i, p);
      if (!pair) continue;
      hold(*pair);
      auto& longest = under[shown_[i] ? 1 : 0];
      if (!longest || longest->live_until < pair->live_until) longest = pair;
    }
    for (const auto& longest : under)
      if (longest) longest_.push_back(*longest);
  }
}

std::vector<Pair> Caches::pairs() const {
  std::vector<Pair> out;
  for (std::size_t p = 0; p < world_.policies.size(); ++p)
    for (std::size_t i = 0; i < world_.ids.size(); ++i)
      if (const auto pair = pair_of(world_, i, p)) out.push_back(*pair);
  return out;
}

void Caches::hold(const Pair& pair) {
  Hold& of = holds_[pair.policy];
  const bool same_id = shown(pair);
  // Without a usable record nobody learns of another id: every pair binds (RULES 4.3).
  const bool binds_always = same_id || !world_.current_id || !current_;
  TimePoint& until = binds_always ? of.binding_until : of.unfetchable_until;
  until = std::max(until, pair.live_until);
  // An open pair's window ends now (RULES 4.3, class N).
  const TimePoint window_end = std::min(pair.window_end, world_.now);
  of.slow_until = std::max(of.slow_until,
                           later(window_end, std::min(world_.policies[pair.policy].max_age, kSlowRefresh)));
  of.renewed |= same_id;
}

bool Caches::refreshable(const Pair& pair, TimePoint t) const {
  // RFC 8461 §3.3, §5.1: another id in a usable record makes a sender fetch, and a good fetch replaces the
  // cache.
  return world_.current_id && !shown(pair) && fetchable(t);
}

bool Caches::in_effect(std::size_t policy, TimePoint t, Level level) const {
  // Pessimism (RULES 4.6): the current policy stays although its host's certificate lapses.
  if (announced() && policy == *current_) return true;
  const Hold& of = holds_[policy];
  if (t < of.binding_until || (t < of.unfetchable_until && !fetchable(t))) return true;
  return level == Level::field && (of.renewed || t < of.slow_until);
}

void Caches::add_events(std::vector<TimePoint>& events, Level level) const {
  events.push_back(host_until_);
  for (const Hold& of : holds_) {
    events.push_back(of.binding_until);
    events.push_back(of.unfetchable_until);
    if (level == Level::field) events.push_back(of.slow_until);
  }
}

}  // namespace stswatch::senders
