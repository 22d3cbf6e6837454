// The world of the sender simulation: the MX hosts as they were last seen, and the policies and ids of one
// look or of a memory.

#include <algorithm>

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

}  // namespace stswatch
