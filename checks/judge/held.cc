#include "checks/judge/held.h"

#include <algorithm>

#include "checks/judge/senders_cache.h"
#include "checks/judge/senders_hosts.h"

namespace stswatch {
namespace {

Policy read(const WorldPolicy& p) { return {p.mode, p.mx, p.max_age, {}}; }

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

}  // namespace

bool same_policy(const WorldPolicy& a, const WorldPolicy& b) { return same_policy(read(a), read(b)); }

std::vector<Held> held_now(const World& world) {
  const senders::Caches caches(world);
  const senders::Hosts hosts(world);
  const auto states = hosts.at(world.now);
  const auto present = present_policies(world);
  std::vector<Held> out;
  for (const senders::Pair& pair : caches.pairs()) {
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
