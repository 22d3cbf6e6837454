#include "checks/judge/senders/what_if.h"

#include <algorithm>
#include <iterator>

#include "checks/facts/mx_pattern.h"
#include "checks/judge/catalogue/finding.h"
#include "checks/judge/senders/caches.h"

namespace stswatch {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kUsualTtl = 3600;
constexpr Seconds kRetry = 1h;  // RULES 4.4: a sender tries again within the hour

std::string joined(const std::vector<std::string>& words, const std::string& between = ", ") {
  std::string out;
  for (const auto& word : words)
    out += (out.empty() ? "" : between) + word;
  return out;
}

template <class Seen>
void end_those_of_now(std::vector<Seen>& all, TimePoint now) {
  for (auto& seen : all)
    if (seen.last_ub >= now) seen.last_ub = now;
}

const WorldPolicy* current(const World& world) {
  if (!world.current_policy) return nullptr;
  const auto it = std::ranges::find(world.policies, *world.current_policy, &WorldPolicy::name);
  return it == world.policies.end() ? nullptr : &*it;
}

std::uint32_t ttl_of(const World& world) {
  std::uint32_t ttl = 0;
  for (const auto& id : world.ids)
    if (world.current_id && id.id == *world.current_id) ttl = std::max(ttl, id.ttl);
  return ttl > 0 ? ttl : kUsualTtl;
}

bool lists(const std::vector<std::string>& patterns, const WorldMx& mx) {
  return matches_any(mx.host, patterns);
}

std::vector<std::string> hosts_of(const std::vector<WorldMx>& mx) {
  std::vector<std::string> out;
  for (const auto& m : mx)
    out.push_back(m.host);
  return out;
}

/// Enforce policies that some sender may still apply after the change and that let it use none of the new
/// hosts: until when, and which of today's hosts they allow.
struct Hindrance {
  std::optional<TimePoint> until;  // null: no end is foreseen
  std::vector<std::string> keep;
};

std::optional<Hindrance> hindrance(const World& world, const World& then) {
  std::optional<Hindrance> out;
  const senders::Caches caches(then);
  for (const auto& pair : caches.longest()) {
    const auto& policy = then.policies[pair.policy];
    const bool held_back =
        policy.mode == Mode::enforce && pair.live_until > then.now &&
        std::ranges::none_of(then.mx, [&](const WorldMx& m) { return lists(policy.mx, m); });
    if (!held_back) continue;
    if (!out) out = Hindrance{then.now, {}};
    if (pair.live_until == senders::kOpen)
      out->until.reset();
    else if (out->until)
      out->until = std::max(*out->until, pair.live_until);
    for (const auto& m : world.mx)
      if (lists(policy.mx, m) && std::ranges::find(out->keep, m.host) == out->keep.end())
        out->keep.push_back(m.host);
  }
  return out;
}

/// New hosts that the policy of after the change does not list.
std::vector<std::string> unlisted(const WorldPolicy* today, const Proposal& proposal) {
  std::vector<std::string> out;
  if (!proposal.policy && !today) return out;
  if ((proposal.policy ? proposal.policy->mode : today->mode) == Mode::none) return out;
  const auto& patterns = proposal.policy ? proposal.policy->mx : today->mx;
  for (const auto& m : proposal.mx)
    if (!lists(patterns, m)) out.push_back(m.host);
  return out;
}

/// The policy of after the change, with these hosts: RFC 8461 §8.1, file and id come before the MX.
Policy widened(const WorldPolicy* today, const Proposal& proposal, const std::vector<std::string>& hosts) {
  Policy out = proposal.policy ? *proposal.policy : Policy{today->mode, today->mx, today->max_age, {}};
  out.mx.insert(out.mx.end(), hosts.begin(), hosts.end());
  return out;
}

/// Of the MX set, once file and id are published; `safe` has an id if there is one to wait for.
std::vector<std::string> mx_steps(const World& world, const Proposal& safe) {
  std::vector<std::string> steps;
  const Seconds settle = Seconds{ttl_of(world)} + kRetry;
  std::vector<std::string> added;
  for (const auto& m : safe.mx) {
    const bool there = std::ranges::find(world.mx, m.host, &WorldMx::host) != world.mx.end();
    if (!there) added.push_back(m.host);
  }
  if (!added.empty() && safe.id)
    steps.push_back("From " + to_words(settle) +
                    " after the new id (one TTL of the record and a retry) add MX " + joined(added) + ".");
  else if (!added.empty())
    steps.push_back("Add MX " + joined(added) + ".");
  if (safe.id) {
    if (const auto held = hindrance(world, after(world, safe))) {
      const std::string keep = held->keep.empty() ? joined(hosts_of(world.mx)) : joined(held->keep);
      steps.push_back("Keep MX " + keep + " until " +
                      (held->until ? to_utc(*held->until) : "every old policy is gone") +
                      ": until then a sender may hold a policy that lists none of the new hosts.");
    }
  }
  std::vector<std::string> removed;
  for (const auto& m : world.mx)
    if (std::ranges::find(safe.mx, m.host, &WorldMx::host) == safe.mx.end()) removed.push_back(m.host);
  if (!removed.empty())
    steps.push_back("Then remove MX " + joined(removed) +
                    ", and leave it answering until the TTL of the MX records has passed.");
  return steps;
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

std::vector<std::string> safe_order(const World& world, const Proposal& proposal) {
  std::vector<std::string> steps;
  const WorldPolicy* today = current(world);
  const auto missing = unlisted(today, proposal);
  Proposal safe = proposal;
  if (!missing.empty()) safe.policy = widened(today, proposal, missing);
  const bool new_policy = safe.policy && !(today && same_policy(*today, *safe.policy));
  const bool used_id =
      proposal.id && std::ranges::find(world.ids, *proposal.id, &WorldId::id) != world.ids.end();
  const std::string id = proposal.id && !used_id ? *proposal.id : fresh_id(world.now);
  const bool new_id = new_policy || (proposal.id && proposal.id != world.current_id);
  if (!missing.empty())
    steps.push_back("Add \"mx: " + joined(missing, "\", \"mx: ") +
                    "\" to the policy file at every address of mta-sts." + world.domain +
                    " and verify each of them: no enforcing sender uses an MX host that is not listed.");
  else if (new_policy)
    steps.push_back("Serve the new policy file at every address of mta-sts." + world.domain +
                    " and verify each of them.");
  if (new_id) {
    std::string step = new_policy ? "Only then publish \"v=STSv1; id=" : "Publish \"v=STSv1; id=";
    step += id + ";\" at _mta-sts." + world.domain;
    if (used_id)
      step += " (the id " + *proposal.id + " was used before: senders that hold it would not look again)";
    steps.push_back(step + ".");
  }
  if (proposal.mx.empty()) return steps;
  if (new_policy || proposal.id) safe.id = id;
  std::ranges::move(mx_steps(world, safe), std::back_inserter(steps));
  return steps;
}

}  // namespace stswatch
