#include "checks/judge/senders/held.h"

#include <algorithm>

#include "checks/facts/bounds.h"
#include "checks/judge/rules/readings.h"
#include "checks/judge/senders/caches.h"
#include "checks/judge/senders/forecast.h"

namespace stswatch {

// Group I: when protection ends by itself, because senders can no longer renew what they hold (RFC 8461
// §3.3, §10.2).

namespace {

/// What keeps senders from renewing their copy; empty: nothing does.
std::string obstacle(const Case& c, const Past& past) {
  if (const auto since = policy_gone_since(past); since && c.policies.empty())
    return "the policy cannot be fetched since " + to_utc(*since);
  if (const auto since = record_gone_since(past); since && !c.record.usable())
    return "no usable record since " + to_utc(*since);
  const auto& from = c.world.policy_host_not_before;
  const auto& to = c.world.policy_host_not_after;
  const ExpiryLimits limits{.warn = c.limits.warn_before, .crit = c.limits.crit_before};
  if (from && to && judge_life(*from, *to, c.now, limits) != Life::healthy)
    return "the certificate of " + c.facts.domain.policy_host() + " is past its renewal point and ends " +
           to_utc(*to);
  return {};
}

/// RULES 3.2 I: "half of max_age has passed without a good fetch".
bool half_gone(const Case& c, const Past& past, const Policy& policy) {
  if (!policy_gone_since(past) || !past.policy_ok_last) return false;
  return c.now - *past.policy_ok_last > Seconds(static_cast<Seconds::rep>(policy.max_age)) / 2;
}

}  // namespace

void judge_lapse(const Case& c, Findings& out) {
  const Past* past = c.history.past;
  const SeenPolicy* last = past ? last_served(*past) : nullptr;
  // After mode none the end of protection is what the owner wants.
  if (!last || last->policy.mode != Mode::enforce || !enforced_until(c.held).any) return;
  const std::string why = obstacle(c, *past);
  if (why.empty()) return;
  const std::string until = c.foreseen.rfc.lapse ? to_utc(*c.foreseen.rfc.lapse) : std::string();
  std::string detail = why;
  if (!until.empty()) detail += "; the last copy that senders hold ends " + until;
  if (half_gone(c, *past, last->policy)) {
    detail += "; the last good fetch was " + to_utc(*past->policy_ok_last);
    out.raise_as(Severity::critical, "protection-lapse-predicted", c.facts.domain.str(),
                 printable(detail, bounds::kDetail), {{"until", until}});
    if (out.has("protection-lapse-predicted")) out.all().back().route = Route::page;
    return;
  }
  out.raise("protection-lapse-predicted", c.facts.domain.str(), printable(detail, bounds::kDetail),
            {{"until", until}});
}

namespace {

/// What is served now; where nothing is, what was last.
std::vector<const WorldPolicy*> present_policies(const World& world) {
  std::vector<const WorldPolicy*> out;
  TimePoint last = TimePoint::min();
  for (const WorldPolicy& p : world.policies)
    last = std::max(last, p.last_ub);
  for (const WorldPolicy& p : world.policies)
    if (p.last_ub == last) out.push_back(&p);
  return out;
}

template <class Seen>
std::optional<TimePoint> gone_since(const std::vector<Seen>& all) {
  std::optional<TimePoint> since;
  for (const Seen& one : all) {
    if (!one.seen.gone) return std::nullopt;
    since = std::max(since.value_or(*one.seen.gone), *one.seen.gone);
  }
  return since;
}

std::vector<Held> live(const World& world, const senders::Caches& caches,
                       const std::vector<senders::Pair>& pairs) {
  const senders::Hosts hosts(world);
  const auto states = hosts.at(world.now);
  const auto present = present_policies(world);
  std::vector<Held> out;
  for (const senders::Pair& pair : pairs) {
    if (pair.live_until <= world.now) continue;
    Held h{world.ids[pair.id], world.policies[pair.policy], {}, false, false, false, {}, 0};
    if (pair.live_until != senders::kOpen) h.until = pair.live_until;
    h.refreshable = caches.refreshable(pair, world.now);
    h.shown_id = world.current_id == h.id.id;
    h.present = std::ranges::any_of(present, [&](const auto* p) { return same_policy(*p, h.policy); });
    for (std::size_t host = 0; host < hosts.size(); ++host)
      if (!hosts.listed(pair.policy, host)) h.unlisted.push_back(world.mx[host].host);
    h.usable_mx = hosts.count(pair.policy, states).possible;
    out.push_back(std::move(h));
  }
  return out;
}

}  // namespace

std::vector<Held> held_now(const World& world) {
  const senders::Caches caches(world);
  return live(world, caches, caches.pairs());
}

std::vector<Held> longest_held(const World& world) {
  const senders::Caches caches(world);
  return live(world, caches, caches.longest());
}

EnforcedUntil enforced_until(const std::vector<Held>& held) {
  EnforcedUntil out;
  bool open = false;
  for (const Held& h : held) {
    if (h.policy.mode != Mode::enforce) continue;
    out.any = true;
    open = open || !h.until;
    if (h.until) out.at = std::max(out.at.value_or(*h.until), *h.until);
  }
  if (open) out.at.reset();
  return out;
}

const SeenPolicy* last_served(const Past& past) {
  const auto end = [](const SeenPolicy& p) { return p.seen.gone.value_or(TimePoint::max()); };
  const SeenPolicy* last = nullptr;
  for (const SeenPolicy& p : past.policies) {
    const bool later =
        !last || end(p) > end(*last) || (end(p) == end(*last) && p.seen.first >= last->seen.first);
    if (later) last = &p;
  }
  return last;
}

const SeenId* shown_id(const Past& past) {
  const auto it = std::ranges::find_if(past.ids, [](const SeenId& id) { return !id.seen.gone; });
  return it == past.ids.end() ? nullptr : &*it;
}

std::optional<TimePoint> record_gone_since(const Past& past) { return gone_since(past.ids); }

std::optional<TimePoint> policy_gone_since(const Past& past) { return gone_since(past.policies); }

}  // namespace stswatch
