#include "checks/judge/senders/plan_task.h"

#include <algorithm>
#include <map>

#include "checks/facts/policy.h"
#include "checks/judge/senders/forecast.h"

namespace stswatch::planner {
namespace {

constexpr std::uint32_t kUsualTtl = 3600;
constexpr std::uint64_t kNoneMaxAge = 86400;  // RFC 8461 §8.3: "a small max_age"

MxSet view(const World& world, const std::vector<WorldMx>& mx) {
  World of;
  of.mx = mx;
  const senders::Hosts hosts(of);
  MxSet out;
  for (std::size_t i = 0; i < mx.size(); ++i)
    out.push_back({mx[i].preference, mx[i].host, hosts.by_itself(i, world.now)});
  return out;
}

bool same_set(const std::vector<WorldMx>& a, const std::vector<WorldMx>& b) {
  const auto keys = [](const std::vector<WorldMx>& of) {
    std::set<std::pair<int, std::string>> out;
    for (const auto& mx : of)
      out.emplace(mx.preference, mx.host);
    return out;
  };
  return keys(a) == keys(b);
}

std::vector<std::string> names_of(std::vector<WorldMx> mx) {
  std::ranges::stable_sort(mx, {}, &WorldMx::preference);
  std::vector<std::string> out;
  for (const auto& m : mx)
    if (std::ranges::find(out, m.host) == out.end()) out.push_back(m.host);
  return out;
}

/// What stands as served or shown now reaches to now, and nothing reaches beyond.
World consistent(World w) {
  for (auto& p : w.policies)
    p.last_ub = p.name == w.current_policy ? w.now : std::min(p.last_ub, w.now);
  const bool named = std::ranges::find(w.policies, w.current_policy, &WorldPolicy::name) != w.policies.end();
  if (!named) w.current_policy.reset();
  bool shown = false;
  for (auto& i : w.ids) {
    i.last_ub = std::min(i.last_ub, w.now);
    shown |= i.id == w.current_id && i.last_ub == w.now;
  }
  if (w.current_id && !shown)
    for (auto& i : w.ids)
      if (i.id == *w.current_id) i.last_ub = w.now;
  return w;
}

/// Policies and ids that some sender may still act upon, and those there now.
World pruned(const World& world) {
  std::map<std::string, TimePoint> seen_until;
  for (const auto& i : world.ids) {
    auto& until = seen_until.try_emplace(i.id, TimePoint::min()).first->second;
    until = std::max(until, senders::later(i.last_ub, i.ttl));
  }
  std::vector<bool> policy(world.policies.size()), id(world.ids.size());
  for (std::size_t p = 0; p < policy.size(); ++p)
    policy[p] = world.policies[p].last_ub >= world.now;
  for (std::size_t i = 0; i < id.size(); ++i)
    id[i] = world.ids[i].id == world.current_id || seen_until[world.ids[i].id] >= world.now;
  const senders::Caches caches(world);
  for (const auto& pair : caches.pairs()) {
    const auto& of = world.policies[pair.policy];
    if (of.mode != Mode::enforce) continue;
    const bool live = pair.live_until == senders::kOpen || pair.live_until > world.now;
    if (!live && !id[pair.id]) continue;
    policy[pair.policy] = id[pair.id] = true;
  }
  World out = world;
  out.policies.clear();
  out.ids.clear();
  for (std::size_t p = 0; p < policy.size(); ++p)
    if (policy[p]) out.policies.push_back(world.policies[p]);
  for (std::size_t i = 0; i < id.size(); ++i)
    if (id[i]) out.ids.push_back(world.ids[i]);
  return out;
}

bool lists_all(const std::vector<std::string>& patterns, const std::vector<WorldMx>& mx) {
  return std::ranges::all_of(mx, [&](const WorldMx& m) { return matches_any(m.host, patterns); });
}

/// The same policy with every goal host listed; patterns that then serve no host go.
Policy fitted(const WorldPolicy& policy, const std::vector<WorldMx>& mx) {
  Policy out{policy.mode, {}, policy.max_age, {}};
  const auto names = names_of(mx);
  for (const auto& pattern : policy.mx) {
    const bool serves =
        std::ranges::any_of(names, [&](const std::string& host) { return matches(host, pattern); });
    if (serves && std::ranges::find(out.mx, pattern) == out.mx.end()) out.mx.push_back(pattern);
  }
  for (const auto& host : names)
    if (!matches_any(host, out.mx)) out.mx.push_back(host);
  return out;
}

Policy none_of(const Task& task) {
  // RFC 8461 §8.3, RULES 0.4: some senders refuse a policy without mx lines, whatever its mode.
  const WorldPolicy* now = task.current();
  Policy out{Mode::none, now ? now->mx : std::vector<std::string>{}, kNoneMaxAge, {}};
  for (const auto& host : names_of(task.goal_mx))
    if (!matches_any(host, out.mx)) out.mx.push_back(host);
  return out;
}

std::optional<Policy> target_of(const Task& task, const Goal& goal) {
  if (goal.retire) return none_of(task);
  if (goal.policy)
    return Policy{
        goal.policy->mode, goal.policy->mx.value_or(names_of(task.goal_mx)), goal.policy->max_age, {}};
  const WorldPolicy* now = task.current();
  if (!now || now->mode == Mode::none || lists_all(now->mx, task.goal_mx)) return std::nullopt;
  return fitted(*now, task.goal_mx);
}

/// What was served last, while some sender may hold it.
std::optional<Policy> restored(const Task& task) {
  if (task.retire || task.current() || task.target || !task.mx_changes) return std::nullopt;
  const WorldPolicy* last = nullptr;
  for (const auto& p : task.world.policies)
    if (p.mode == Mode::enforce && (!last || p.last_ub >= last->last_ub)) last = &p;
  if (!last) return std::nullopt;
  return fitted(*last, task.goal_mx);
}

bool within(const std::set<std::string>& some, const std::set<std::string>& all) {
  return std::ranges::includes(all, some);
}

/// The two were seen together, or nothing tells that they were not.
bool seen_together(const WorldId& id, const WorldPolicy& policy) {
  return policy.last_seen.value_or(policy.last_ub) >= id.sighted.value_or(id.first);
}

/// RFC 8461 §3.1: an id stands for one policy. Senders that stored another one under the id of now keep it as
/// long as they live, unless a new id tells them; it must not cost them what they have.
bool id_of_another(const Task& task, const World& world) {
  const WorldPolicy* now = task.current();
  if (!now || !task.world.current_id || task.strays()) return false;
  const senders::Caches caches(world);
  bool found = false;
  for (const auto& pair : caches.pairs()) {
    const WorldPolicy& held = world.policies[pair.policy];
    const WorldId& id = world.ids[pair.id];
    if (id.id != *task.world.current_id || pair.live_until <= world.now || held.last_ub >= world.now)
      continue;
    if (same_content(held, content_of(*now)) || !seen_together(id, held)) continue;
    if (now->mode == Mode::enforce && task.goal_hurts(now->mx, task.claim_of(held))) return false;
    found = true;
  }
  return found;
}

}  // namespace

Fare fare(std::span<const std::string> patterns, const MxSet& set) {
  Fare out;
  std::optional<int> first;
  for (const auto& mx : set) {
    if (!matches_any(mx.host, patterns)) continue;
    out.certain += mx.state == Usable::yes;
    out.possible += mx.state != Usable::no;
    if (mx.state == Usable::yes) first = std::min(first.value_or(mx.preference), mx.preference);
  }
  if (!first) return out;
  // RFC 8461 §5.1: candidates in MX order; a host of equal preference is not a better one.
  for (const auto& mx : set)
    if (mx.preference < *first && (mx.state == Usable::no || !matches_any(mx.host, patterns)))
      out.skipped.insert(mx.host);
  return out;
}

const WorldPolicy* Task::current() const {
  const auto it = std::ranges::find(world.policies, world.current_policy, &WorldPolicy::name);
  return world.current_policy && it != world.policies.end() ? &*it : nullptr;
}

bool Task::strays() const {
  return std::ranges::any_of(world.policies, [this](const WorldPolicy& p) {
    return p.last_ub >= world.now && !(current() && same_content(p, content_of(*current())));
  });
}

const WorldPolicy* Task::enforced_now() const {
  const WorldPolicy* now = current();
  return now && world.current_id && now->mode == Mode::enforce ? now : nullptr;
}

Claim Task::claim_of(const WorldPolicy& policy) const {
  const Fare at_start = fare(policy.mx, start);
  return {at_start.certain > 0, at_start.possible > 0, at_start.certain > 0 && at_start.skipped.empty()};
}

bool Task::goal_hurts(std::span<const std::string> patterns, const Claim& claim) const {
  if (after.empty()) return false;
  const Fare then = fare(patterns, after);
  return (claim.certain && then.certain == 0) || (claim.possible && then.possible == 0) ||
         (claim.best && !within(then.skipped, inherent));
}

bool Task::file_hurts(const Policy& file, const MxSet& set, bool is_goal) const {
  if (file.mode != Mode::enforce || set.empty()) return false;
  if (is_goal) return goal_hurts(file.mx, {});
  std::set<std::string> allowed = inherent;
  Claim claim;
  if (const WorldPolicy* now = enforced_now()) {
    claim = claim_of(*now);
    allowed.merge(fare(now->mx, start).skipped);
  } else {
    const auto state = [](Usable of) { return [of](const MxView& mx) { return mx.state == of; }; };
    // With no policy in effect mail goes to whatever takes a connection, with STARTTLS or without.
    claim.certain = takes_mail || std::ranges::any_of(start, state(Usable::yes));
    claim.possible = claim.certain || std::ranges::any_of(start, state(Usable::unknown));
  }
  if (care == Care::lenient)
    for (const auto& mx : start)
      if (mx.state == Usable::no) allowed.insert(mx.host);
  const Fare then = fare(file.mx, set);
  return (claim.certain && then.certain == 0) || (claim.possible && then.possible == 0) ||
         (claim.best && !within(then.skipped, allowed));
}

Task make_task(const World& world, const Goal& goal) {
  Task out;
  for (const auto& i : world.ids)
    out.used_ids.insert(i.id);
  if (world.current_id) out.used_ids.insert(*world.current_id);
  const World clean = consistent(world);
  for (const auto& p : clean.policies) {
    if (p.mode != Mode::enforce || p.last_ub >= clean.now) continue;
    out.enforced_until =
        std::max(out.enforced_until.value_or(p.last_ub), senders::later(p.last_ub, p.max_age));
  }
  out.world = pruned(clean);
  out.goal_mx = goal.mx.value_or(world.mx);
  out.mx_changes = goal.mx && !same_set(*goal.mx, world.mx);
  out.start = out.before = view(world, world.mx);
  out.after = view(world, out.goal_mx);
  out.takes_mail = std::ranges::any_of(world.mx, [](const WorldMx& mx) {
    return std::ranges::any_of(mx.addresses, [](const WorldAddress& at) { return at.reachable == true; });
  });
  out.retire = goal.retire;
  out.record_wanted = goal.policy && !goal.retire;
  out.host_ended = world.policy_host_not_after && *world.policy_host_not_after <= world.now;
  for (const auto& i : out.world.ids)
    if (i.id == out.world.current_id || i.last_ub >= world.now) out.ttl = std::max(out.ttl, i.ttl);
  out.ttl = std::max(out.ttl, kUsualTtl);
  out.target = target_of(out, goal);
  out.restored = restored(out);
  out.id_of_another = id_of_another(out, clean);
  return out;
}

bool same_content(const WorldPolicy& a, const Policy& b) { return same_policy(a, b); }

Policy content_of(const WorldPolicy& policy) {
  return {policy.mode, policy.mx, policy.max_age, {}, policy.more, policy.mx_digest};
}

Policy widened(const Task& task, const Policy& target) {
  Policy out = target;
  const WorldPolicy* now = task.current();
  const bool heard = now && now->mode != Mode::none && fare(now->mx, task.start).possible > 0;
  // A host that the policy of now keeps senders from is not let in on the way, unless none is let in.
  for (const auto& mx : task.world.mx)
    if (!matches_any(mx.host, out.mx) && (!heard || matches_any(mx.host, now->mx))) out.mx.push_back(mx.host);
  return out;
}

}  // namespace stswatch::planner
