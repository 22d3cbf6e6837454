#include "agent/remember/past.h"

#include <algorithm>

namespace stswatch {
namespace {

using namespace std::chrono_literals;

std::string in_words(const Policy& policy) {
  std::string out = std::string(to_string(policy.mode)) + ", max_age " + std::to_string(policy.max_age) +
                    ", mx " + told({policy.mx.begin(), policy.mx.end()});
  if (policy.more > 0) out += " and " + std::to_string(policy.more) + " that are not kept";
  return out;
}

bool holds(const std::vector<Policy>& all, const Policy& policy) {
  return std::ranges::any_of(all, [&](const Policy& p) { return same_policy(p, policy); });
}

// --- The record

/// A resolver's cache counts the TTL down: what it shows left the zone when the count was full.
TimePoint left_the_zone(const Sight& sight, std::uint32_t remaining, TimePoint now) {
  const TimePoint out = now - Seconds{sight.ttl > remaining ? sight.ttl - remaining : 0};
  return std::max(out, sight.record_fresh.value_or(out));
}

/// The largest of late: a lower one is the owner's once the caches of before have ended.
void note_ttl(Sight& sight, std::uint32_t ttl, TimePoint now) {
  if (ttl < sight.ttl && sight.ttl_at && now - *sight.ttl_at <= Seconds{2L * sight.ttl}) return;
  sight.ttl = ttl;
  sight.ttl_at = now;
}

/// The last look that read it, as far as that is noted.
TimePoint last_read(const Past& past, const SeenPolicy& policy) {
  if (policy.last_seen) return *policy.last_seen;
  const auto sight = std::ranges::find(past.sight.policies, policy.number, &PolicySight::number);
  if (sight != past.sight.policies.end()) return sight->read;
  return policy.seen.gone.value_or(policy.seen.first);
}

/// Since when the new id counts: a look later than the schedule explains, or a cache that tells of an earlier
/// moment at which some policy since gone was still read, make it older than its first sight.
TimePoint counts_from(const Past& past, TimePoint fresh, const LookAtWindows& look) {
  const TimePoint now = look.confirmed.now;
  const auto& sight = past.sight;
  if (past.ids.empty()) return now;
  if (is_forgotten(past, look.confirmed.record.id)) return past.ids.front().seen.first;
  if (!sight.record) return now;
  if (now - *sight.record > look.confirmed.limits.grain) return *sight.record_fresh + 1s;
  const bool met = std::ranges::any_of(past.policies, [&](const SeenPolicy& p) {
    return last_read(past, p) >= fresh && p.seen.first < now && p.seen.gone.value_or(now) >= fresh;
  });
  return met ? fresh : now;
}

// --- Policies

/// What this very look saw of the file.
struct Witness {
  std::vector<Policy> read;
  bool complete = false;  // every address proved what it serves, or that it serves nothing
};

Witness witness(const LookAtWindows& look) {
  Witness out;
  const auto& host = look.seen.policy_host;
  if (look.fetched == nullptr || host.lookup() == Lookup::unknown) return out;
  out.complete = look.fetched->size() == host.all().size();
  for (const auto& copy : *look.fetched) {
    out.complete = out.complete && copy.outcome != Outcome::unknown;
    if (const Policy* applied = copy.reading ? copy.reading->applied() : nullptr)
      out.read.push_back(*applied);
  }
  return out;
}

/// RFC 8461 §3.3: over a chain that has ended nobody fetched, so what it served ended with it.
std::optional<TimePoint> ended_with_its_chain(const Case& c) {
  std::optional<TimePoint> last;
  for (const auto& copy : c.copies) {
    const auto& peer = copy.fetch->tls.peer;
    if (!peer || !peer->has(ChainFault::Kind::expired) || peer->chain_not_after() > c.now)
      return std::nullopt;
    last = std::max(last.value_or(peer->chain_not_after()), peer->chain_not_after());
  }
  return last;
}

class WindowFolder {
 public:
  WindowFolder(Past& past, const LookAtWindows& look, const TellChange& changed)
      : past_(past), look_(look), c_(look.confirmed), changed_(changed) {}

  void fold() {
    note_sight();
    std::vector<SeenPolicy> fresh;
    for (const auto& policy : c_.policies) {
      const bool known = std::ranges::any_of(
          past_.policies, [&](const SeenPolicy& s) { return there(s) && same_policy(s.policy, policy); });
      if (known) continue;
      fresh.push_back({policy, sha_of(policy), {c_.now, {}}});
      note_digest(fresh.back().policy);
    }
    const auto before = newest();
    const auto ended = end_policies();
    if (!fresh.empty() && before) {
      policy_changed(*before, fresh.front().policy);
    } else if (ended && c_.policies.empty()) {
      changed_("policy-gone", in_words(ended->policy), "");
    } else if (ended) {
      // The newer of two that were served at once has ended; that the older one did was told when the newer
      // came.
      const auto left = newest();
      if (left && left->seen.first < ended->seen.first) policy_changed(*ended, left->policy);
    }
    std::uint32_t number = 0;
    for (const auto& policy : past_.policies)
      number = std::max(number, policy.number);
    for (auto& policy : fresh) {
      if (SeenPolicy* earlier = same_service(policy.policy)) {
        earlier->seen.gone.reset();
        earlier->last_seen.reset();
        past_.sight.policies.push_back({earlier->number, c_.now});
        continue;
      }
      policy.number = ++number;
      past_.sight.policies.push_back({number, c_.now});
      past_.policies.push_back(std::move(policy));
    }
  }

 private:
  /// An earlier service of the same, where one window that covers both lets a sender hold nothing else: no id
  /// began or ended in between.
  SeenPolicy* same_service(const Policy& policy) {
    SeenPolicy* last = nullptr;
    for (auto& seen : past_.policies)
      if (!there(seen) && same_policy(seen.policy, policy) && (!last || *last->seen.gone < *seen.seen.gone))
        last = &seen;
    if (!last) return nullptr;
    const auto within = [&](TimePoint t) { return *last->seen.gone < t && t <= c_.now; };
    const bool moved = std::ranges::any_of(past_.ids, [&](const SeenId& id) {
      return within(id.seen.first) ||
             (id.seen.gone && (within(*id.seen.gone) || within(*id.seen.gone + Seconds{id.ttl})));
    });
    return moved ? nullptr : last;
  }

  std::string sha_of(const Policy& policy) const {
    for (const auto& copy : c_.copies) {
      const Policy* applied = copy.reading ? copy.reading->applied() : nullptr;
      if (applied && same_policy(*applied, policy)) return copy.fetch->sha256;
    }
    return {};
  }

  /// Every copy is known, so that what none of them serves is served nowhere.
  bool all_copies_known() const {
    if (c_.facts.policy_host.lookup() == Lookup::unknown) return false;
    return c_.copies.size() == c_.facts.policy_host.all().size() &&
           std::ranges::none_of(c_.copies,
                                [](const PolicyCopy& copy) { return copy.outcome == Outcome::unknown; });
  }

  PolicySight& sight_of(const SeenPolicy& policy) {
    auto& all = past_.sight.policies;
    const auto known = std::ranges::find(all, policy.number, &PolicySight::number);
    return known != all.end() ? *known : all.emplace_back(PolicySight{policy.number, policy.seen.first});
  }

  void note_sight() {
    const auto seen = witness(look_);
    for (const auto& policy : past_.policies) {
      if (!there(policy)) continue;
      auto& sight = sight_of(policy);
      if (holds(seen.read, policy.policy)) {
        sight = {policy.number, c_.now};
      } else if (seen.complete) {
        // It may have been there again while nobody looked.
        if (!sight.missing_at || c_.now - *sight.missing_at > c_.limits.grain) sight.missing_since = c_.now;
        sight.missing_at = c_.now;
      }
    }
  }

  /// Of those served now the newest, else of all; null when none was ever seen.
  std::optional<SeenPolicy> newest() const {
    const SeenPolicy* out = nullptr;
    for (const auto& seen : past_.policies) {
      const bool better = !out || (there(seen) && !there(*out)) ||
                          (there(seen) == there(*out) && seen.seen.first >= out->seen.first);
      if (better) out = &seen;
    }
    return out ? std::optional(*out) : std::nullopt;
  }

  /// What no address serves any more ends; returns the newest of it.
  std::optional<SeenPolicy> end_policies() {
    std::optional<SeenPolicy> newest;
    if (!all_copies_known()) return newest;
    for (auto& seen : past_.policies) {
      if (!there(seen) || holds(c_.policies, seen.policy)) continue;
      if (!newest || seen.seen.first >= newest->seen.first) newest = seen;
      end(seen);
    }
    return newest;
  }

  /// RULES 4.1: "the first later run that proved something else was served".
  void end(SeenPolicy& policy) {
    const auto sight = sight_of(policy);
    std::erase_if(past_.sight.policies, [&](const PolicySight& s) { return s.number == policy.number; });
    policy.last_seen = sight.read;
    TimePoint proof = sight.missing_since.value_or(c_.now);
    if (const auto chain = ended_with_its_chain(c_); chain && *chain > sight.read)
      proof = std::min(proof, *chain);
    policy.seen.gone = kept_apart(policy, proof);
  }

  /// The end of the old policy, a moment before the new id counts where the two are not to have met: nobody
  /// saw them together, and the looks lie no further apart than the schedule explains.
  TimePoint kept_apart(const SeenPolicy& policy, TimePoint proof) {
    const auto id = std::ranges::find_if(past_.ids, there<SeenId>);
    if (id == past_.ids.end() || !id->absent || proof <= *id->absent) return proof;
    const TimePoint sighted = id->sighted.value_or(id->seen.first);
    const bool met = *policy.last_seen >= id->seen.first;
    const bool lost = id->seen.first < sighted || proof - sighted > c_.limits.grain;
    if (met || lost || proof < id->seen.first) return proof;
    if (id->seen.first < proof) {
      const auto needs_it = [&](const SeenPolicy& p) {
        return p.seen.gone && *p.seen.gone >= id->seen.first && *p.seen.gone < proof;
      };
      if (std::ranges::any_of(past_.policies, needs_it)) return proof;
      id->seen.first = proof;
    }
    return proof - 1s;
  }

  void policy_changed(const SeenPolicy& was, const Policy& to) {
    const Policy& from = was.policy;
    if (same_policy(from, to)) return changed_("policy", "", in_words(to));  // back after a gap
    changed_("policy", in_words(from), in_words(to));
    if (from.mode != to.mode)
      changed_(to.mode < from.mode ? "sts-mode-downgraded" : "sts-mode-upgraded",
               std::string(to_string(from.mode)), std::string(to_string(to.mode)));
    if (from.max_age != to.max_age)
      changed_(to.max_age < from.max_age ? "sts-max-age-lowered" : "sts-max-age-raised",
               std::to_string(from.max_age), std::to_string(to.max_age));
  }

  Past& past_;
  const LookAtWindows& look_;
  const Case& c_;
  const TellChange& changed_;
};

}  // namespace

void fold_record(Past& past, const LookAtWindows& look, const TellChange& changed) {
  const Case& c = look.confirmed;
  const TxtAnswer& answer = c.facts.sts;
  if (answer.lookup == Lookup::unknown) return;
  auto& sight = past.sight;
  const bool looked = look.seen.sts.lookup != Lookup::unknown;
  const std::string now = c.record.usable() ? c.record.id : std::string();
  if (looked && c.record.usable()) note_ttl(sight, answer.ttl, c.now);
  const TimePoint fresh = looked && c.record.usable() ? left_the_zone(sight, answer.ttl, c.now) : c.now;
  std::string before;
  bool known = false;
  for (auto& id : past.ids) {
    if (!there(id)) continue;
    before = id.id;
    known = id.id == now;
    if (known) {
      id.ttl = std::max(id.ttl, answer.ttl);
      break;
    }
    id.seen.gone = std::max(fresh, sight.record.value_or(fresh));
    id.last_seen = sight.record;
  }
  if (!known && !now.empty())
    past.ids.push_back(
        {now, answer.ttl, {counts_from(past, fresh, look), {}}, c.now, sight.record_fresh, {}});
  if (!known && now != before) changed(now.empty() ? "record-gone" : "id", before, now);
  if (!looked) return;
  sight.record = c.now;
  sight.record_fresh = fresh;
}

void fold_policies(Past& past, const LookAtWindows& look, const TellChange& changed) {
  WindowFolder(past, look, changed).fold();
}

}  // namespace stswatch
