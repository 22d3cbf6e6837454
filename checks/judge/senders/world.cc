// The world of the sender simulation: the MX hosts as they were last seen, and the policies and ids of one
// look or of a memory.
#include <algorithm>

#include "checks/facts/bounds.h"
#include "checks/judge/case.h"
#include "checks/judge/rules/readings.h"
#include "checks/judge/senders/forecast.h"

namespace stswatch {
namespace {

WorldAddress address_of(const MxAddressCase& at, const std::string& host, TimePoint now) {
  WorldAddress out;
  out.address = at.address.str();
  // In one look a host that cannot be reached stays unknown (CONTRACT 2).
  if (at.dead()) out.reachable = false;
  if (at.outcome != HostOutcome::ok && at.outcome != HostOutcome::failed) return out;
  out.reachable = true;
  const SmtpProbe& probe = *at.probe;
  out.starttls = !probe.failure;
  if (!probe.tls.peer) return out;
  const PeerCertificates& peer = *probe.tls.peer;
  out.trusted = trusted_until_its_end(peer, now);
  if (peer.name_matches) out.dns_names = {host};
  out.not_after = peer.chain_not_after();
  out.not_before = peer.first_to_expire().not_before;
  // Whatever made it fail, the world must not call it good (a root that has ended shows in no date of the
  // chain sent).
  if (at.outcome == HostOutcome::failed && out.not_after > now && peer.name_matches) out.trusted = false;
  return out;
}

/// CONTRACT 4: "something that is gone has a `last_ub` before `now`".
TimePoint last_of(const Span& seen, TimePoint now) {
  return seen.gone ? std::min(*seen.gone, now - Seconds{1}) : now;
}

void add_policy(const std::string& name, const Policy& p, TimePoint first, TimePoint last, World& world) {
  world.policies.push_back({name, p.mode, p.mx, p.max_age, first, last, {}, p.more, p.mx_digest});
}

/// Some senders read no id from a record that they take (RULES 0.4): then it is none that was seen before.
std::string id_of(const Case& c) { return c.record.id.empty() ? "unreadable" : c.record.id; }

/// Nothing but this look: all of it is there now, and since now.
void add_look(const Case& c, World& world) {
  for (const Policy& policy : c.in_effect)
    add_policy("P" + std::to_string(world.policies.size() + 1), policy, c.now, c.now, world);
  if (c.announces()) {
    world.ids.push_back({id_of(c), c.now, c.now, c.facts.sts.ttl});
    world.current_id = id_of(c);
  }
  if (!world.policies.empty()) world.current_policy = world.policies.front().name;
}

/// RULES 4.1. Each window is an entry of its own, also where two hold the same policy.
void add_policies(const Case& c, const Past& past, World& world) {
  std::uint32_t number = 0;
  for (const SeenPolicy& p : past.policies) {
    number = std::max(number, p.number);
    add_policy("P" + std::to_string(p.number), p.policy, p.seen.first, last_of(p.seen, c.now), world);
    world.policies.back().last_seen = p.last_seen;
  }
  const auto named = [&](const Policy& policy) {
    const auto known = std::ranges::find_if(
        past.policies, [&](const SeenPolicy& p) { return !p.seen.gone && same_policy(p.policy, policy); });
    if (known != past.policies.end()) {
      WorldPolicy& there = world.policies[static_cast<std::size_t>(known - past.policies.begin())];
      there.mx = policy.mx;  // the memory may have shortened it
      there.more = 0;
      return there.name;
    }
    add_policy("P" + std::to_string(++number), policy, c.now, c.now, world);
    return world.policies.back().name;
  };
  for (const Policy& policy : c.policies) {
    const std::string name = named(policy);
    if (!world.current_policy) world.current_policy = name;
  }
  // What could not be seen is as it was last known.
  const bool unseen =
      c.policies.empty() && c.facts.policy_host.lookup() != Lookup::absent &&
      std::ranges::all_of(c.copies, [](const PolicyCopy& copy) { return copy.outcome == Outcome::unknown; });
  const SeenPolicy* last = unseen ? last_served(past) : nullptr;
  if (last && !last->seen.gone) world.current_policy = "P" + std::to_string(last->number);
}

void add_ids(const Case& c, const Past& past, World& world) {
  for (const SeenId& id : past.ids)
    world.ids.push_back({id.id, id.seen.first, last_of(id.seen, c.now), id.ttl, id.sighted, id.last_seen});
  const SeenId* shown = shown_id(past);
  if (c.facts.sts.lookup == Lookup::unknown) {
    if (shown) world.current_id = shown->id;
  } else if (c.announces()) {
    world.current_id = id_of(c);
    if (!shown || shown->id != id_of(c)) world.ids.push_back({id_of(c), c.now, c.now, c.facts.sts.ttl});
  }
}

}  // namespace

std::vector<WorldMx> mx_of(const Case& c) {
  std::vector<WorldMx> out;
  for (const MxCase& mx : c.mx) {
    if (mx.host == ".") continue;  // RFC 7505 §3: no host
    WorldMx host{mx.preference, mx.host, {}};
    for (const MxAddressCase& at : mx.addresses)
      host.addresses.push_back(address_of(at, mx.host, c.now));
    const bool seen_unknown =
        std::ranges::any_of(host.addresses, [](const WorldAddress& a) { return !a.reachable; });
    // What was not looked at, or not all of it, may hold a good address.
    if (!mx.usable && !seen_unknown) host.addresses.emplace_back();
    out.push_back(std::move(host));
  }
  return out;
}

void set_policy_host(const Case& c, World& world) {
  for (const PolicyCopy& copy : c.copies) {
    const auto& peer = copy.fetch->tls.peer;
    if (!peer || !peer->good()) continue;
    const TimePoint end = peer->chain_not_after();
    if (world.policy_host_not_after && *world.policy_host_not_after <= end) continue;
    world.policy_host_not_after = end;
    world.policy_host_not_before = peer->first_to_expire().not_before;
  }
}

World world_of(const Case& c) {
  World world;
  world.now = c.now;
  world.domain = c.facts.domain.str();
  if (c.history.past) {
    add_policies(c, *c.history.past, world);
    add_ids(c, *c.history.past, world);
  } else {
    add_look(c, world);
  }
  set_policy_host(c, world);
  world.mx = mx_of(c);
  return world;
}

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

namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kUsualTtl = 3600;

template <class Seen>
void end_those_of_now(std::vector<Seen>& all, TimePoint now) {
  for (auto& seen : all)
    if (seen.last_ub >= now) seen.last_ub = now;
}

std::uint32_t ttl_of(const World& world) {
  std::uint32_t ttl = 0;
  for (const auto& id : world.ids)
    if (world.current_id && id.id == *world.current_id) ttl = std::max(ttl, id.ttl);
  return ttl > 0 ? ttl : kUsualTtl;
}

}  // namespace

World after(const World& world, const Proposal& proposal) {
  World then = world;
  then.now = world.now + 1s;
  if (proposal.policy) {
    end_those_of_now(then.policies, world.now);
    const auto& p = *proposal.policy;
    then.policies.push_back({"proposed", p.mode, p.mx, p.max_age, then.now, then.now});
    then.current_policy = "proposed";
  } else {
    for (auto& p : then.policies)
      if (p.last_ub >= world.now) p.last_ub = then.now;
  }
  if (proposal.id && proposal.id != world.current_id) {
    end_those_of_now(then.ids, world.now);
    then.ids.push_back({*proposal.id, then.now, then.now, ttl_of(world)});
    then.current_id = proposal.id;
  } else {
    for (auto& id : then.ids)
      if (id.last_ub >= world.now) id.last_ub = then.now;
  }
  if (!proposal.mx.empty()) then.mx = proposal.mx;
  return then;
}

}  // namespace stswatch
