#include "agent/remember/past.h"

#include <algorithm>
#include <set>

#include "agent/remember/past_certificates.h"
#include "checks/judge/case.h"
#include "checks/judge/rules/readiness.h"

namespace stswatch {
namespace {

using namespace std::chrono_literals;

constexpr Seconds kYear = 400 * 24h;      // longer than any max_age (RFC 8461 §3.2)
constexpr Seconds kFetchWindow = 24h;     // RULES 3.2 B: flapping and p95
constexpr Seconds kFetchDays = 14 * 24h;  // RULES 3.3, gate 2
constexpr Seconds kNodes = 30 * 24h;      // a node may be away so long and come back unchanged
constexpr std::size_t kEntries = 512, kDeadPolicies = 64, kChanges = 1000, kFetches = 600;

template <class Seen>
bool there(const Seen& seen) {
  return !seen.seen.gone;
}

std::string in_words(const Policy& policy) {
  const std::set<std::string> mx(policy.mx.begin(), policy.mx.end());
  return std::string(to_string(policy.mode)) + ", max_age " + std::to_string(policy.max_age) + ", mx " +
         joined(mx);
}

std::uint32_t last_number(const Past& past) {
  std::uint32_t last = 0;
  for (const auto& policy : past.policies)
    last = std::max(last, policy.number);
  return last;
}

class Folder {
 public:
  Folder(Past past, const Case& c)
      : past_(std::move(past)),
        c_(c),
        baseline_(!past_.began),
        domain_(c.facts.domain.str()),
        numbered_(last_number(past_)) {}

  Past fold() {
    fold_record();
    fold_policies();
    fold_mx();
    fold_names();
    fold_certificate();
    fold_tlsrpt();
    fold_gates();
    if (baseline_ && c_.facts.sts.lookup != Lookup::unknown && c_.facts.mx.lookup != Lookup::unknown)
      past_.began = c_.now;
    prune();
    return std::move(past_);
  }

 private:
  void changed(std::string code, std::string subject, std::string from, std::string to) {
    if (baseline_) return;
    if (find_in_catalogue(code) != nullptr) ++past_.change_counts[code];
    past_.changes.push_back({c_.now, std::move(code), std::move(subject), std::move(from), std::move(to),
                             c_.limits.change_planned});
  }

  void fold_record() {
    if (c_.facts.sts.lookup == Lookup::unknown) return;
    const std::string now = c_.record.usable() ? c_.record.id : std::string();
    std::string before;
    for (auto& id : past_.ids) {
      if (!there(id)) continue;
      before = id.id;
      if (id.id == now) {
        id.ttl = std::max(id.ttl, c_.facts.sts.ttl);
        return;
      }
      id.seen.gone = c_.now;
    }
    if (!now.empty()) past_.ids.push_back({now, c_.facts.sts.ttl, {c_.now, {}}});
    id_is_new_ = !now.empty();
    if (now != before) changed(now.empty() ? "record-gone" : "id", domain_, before, now);
  }

  /// Every copy is known, so that what none of them serves is served nowhere.
  bool all_copies_known() const {
    if (c_.facts.policy_host.lookup() == Lookup::unknown) return false;
    return c_.copies.size() == c_.facts.policy_host.all().size() &&
           std::ranges::none_of(c_.copies,
                                [](const PolicyCopy& copy) { return copy.outcome == Outcome::unknown; });
  }

  std::string sha_of(const Policy& policy) const {
    for (const auto& copy : c_.copies) {
      const Policy* applied = copy.reading ? copy.reading->applied() : nullptr;
      if (applied && same_policy(*applied, policy)) return copy.fetch->sha256;
    }
    return {};
  }

  /// RULES 4.1: "the first later run that proved something else was served". A run that sees the new id and
  /// the new file together saw nobody get the old file under the new id: the two never met.
  TimePoint gone_now(const SeenPolicy& seen) const {
    return id_is_new_ && seen.seen.first < c_.now ? c_.now - Seconds{1} : c_.now;
  }

  void fold_policies() {
    std::vector<SeenPolicy> fresh;
    for (const auto& policy : c_.policies) {
      const bool known = std::ranges::any_of(
          past_.policies, [&](const SeenPolicy& s) { return there(s) && same_policy(s.policy, policy); });
      if (!known) fresh.push_back({policy, sha_of(policy), {c_.now, {}}});
    }
    const auto before = newest();
    const auto ended = end_policies();
    if (!fresh.empty() && before) {
      policy_changed(*before, fresh.front().policy);
    } else if (ended && c_.policies.empty()) {
      changed("policy-gone", domain_, in_words(ended->policy), "");
    } else if (ended) {
      // The newer of two that were served at once has ended; that the older one did was told when the newer
      // came.
      const auto left = newest();
      if (left && left->seen.first < ended->seen.first) policy_changed(*ended, left->policy);
    }
    for (auto& policy : fresh) {
      policy.number = ++numbered_;
      past_.policies.push_back(std::move(policy));
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
      const bool served =
          std::ranges::any_of(c_.policies, [&](const Policy& p) { return same_policy(p, seen.policy); });
      if (!there(seen) || served) continue;
      if (!newest || seen.seen.first >= newest->seen.first) newest = seen;
      seen.seen.gone = gone_now(seen);
    }
    return newest;
  }

  void policy_changed(const SeenPolicy& was, const Policy& to) {
    const Policy& from = was.policy;
    if (same_policy(from, to)) return changed("policy", domain_, "", in_words(to));  // back after a gap
    changed("policy", domain_, in_words(from), in_words(to));
    if (from.mode != to.mode)
      changed(to.mode < from.mode ? "sts-mode-downgraded" : "sts-mode-upgraded", domain_,
              std::string(to_string(from.mode)), std::string(to_string(to.mode)));
    if (from.max_age != to.max_age)
      changed(to.max_age < from.max_age ? "sts-max-age-lowered" : "sts-max-age-raised", domain_,
              std::to_string(from.max_age), std::to_string(to.max_age));
  }

  void fold_mx() {
    if (c_.facts.mx.lookup == Lookup::unknown) return;
    std::set<std::string> now, before, added, removed;
    if (!c_.null_mx)
      for (const auto& mx : c_.mx)
        now.insert(mx.host);
    for (auto& seen : past_.mx) {
      if (!there(seen)) continue;
      before.insert(seen.host);
      if (now.contains(seen.host)) continue;
      seen.seen.gone = c_.now;
      removed.insert(seen.host);
    }
    for (const auto& host : now) {
      if (before.contains(host)) continue;
      past_.mx.push_back({host, {c_.now, {}}});
      added.insert(host);
    }
    if (!added.empty()) changed("mx-added", domain_, joined(before), joined(added));
    if (!removed.empty()) changed("mx-removed", domain_, joined(removed), joined(now));
    if (added == now && removed == before && other_provider(before, now))
      changed("mx-provider-changed", domain_, joined(before), joined(now));
  }

  /// RULES 3.2 J: "all MX hosts replaced by hosts of another registrable domain".
  static bool other_provider(const std::set<std::string>& before, const std::set<std::string>& now) {
    const auto owners = [](const std::set<std::string>& hosts) {
      std::set<std::string> out;
      for (const auto& host : hosts)
        out.insert(registrable_domain(host).value_or(host));
      return out;
    };
    const auto old = owners(before), fresh = owners(now);
    return !old.empty() && !fresh.empty() &&
           std::ranges::none_of(fresh, [&](const std::string& owner) { return old.contains(owner); });
  }

  void fold_names() {
    const auto target = [](const std::vector<CnameLink>& links) {
      return links.empty() ? std::string() : links.front().target;
    };
    const auto fold = [&](Lookup lookup, std::string& was, const std::string& now, const std::string& name) {
      if (lookup == Lookup::unknown || now == was) return;
      if (!was.empty())
        changed("sts-cname-target-changed", domain_, name + " -> " + was, now.empty() ? "no CNAME" : now);
      was = now;
    };
    fold(c_.facts.sts.lookup, past_.record_cname, target(c_.facts.sts.cname),
         c_.facts.domain.sts_record_name());
    const auto& host = c_.facts.policy_host;
    fold(host.lookup(), past_.policy_host_cname, target(host.cname()), c_.facts.domain.policy_host());
    if (host.lookup() == Lookup::unknown) return;
    std::set<std::string> now;
    for (const auto& address : host.all())
      now.insert(address.str());
    const std::set<std::string> was(past_.policy_host_addresses.begin(), past_.policy_host_addresses.end());
    if (now.empty()) return;  // gone: that has findings of its own
    if (!was.empty() && now != was)
      changed("sts-policy-host-address-changed", domain_, joined(was), joined(now));
    past_.policy_host_addresses.assign(now.begin(), now.end());
  }

  void fold_certificate() {
    std::vector<const Certificate*> shown;
    for (const auto& fetch : c_.facts.fetches)
      if (fetch.tls.peer) shown.push_back(&fetch.tls.peer->leaf);
    if (shown.empty()) return;
    const auto issuers = novelty(past_.policy_host_certificates, shown, &SeenCertificate::issuer,
                                 &Certificate::issuer, c_.now);
    if (!issuers.fresh.empty())
      changed("sts-webpki-issuer-changed", c_.facts.domain.policy_host(), joined(issuers.before),
              joined(issuers.fresh));
    fold_certificates(past_.policy_host_certificates, shown, c_.now);
  }

  /// RULES 3.3: since when each gate has held without a break.
  void fold_gates() {
    const auto closed = closed_gates(c_);
    for (int gate = 1; gate <= kReadinessGates; ++gate) {
      const auto holds = gate_holds(c_, gate, closed);
      if (!holds) continue;
      if (*holds)
        past_.gates.emplace(std::to_string(gate), c_.now);
      else
        past_.gates.erase(std::to_string(gate));
    }
  }

  void fold_tlsrpt() {
    if (c_.facts.tlsrpt.lookup == Lookup::unknown) return;
    if (!c_.tlsrpt.usable()) {
      past_.tlsrpt_valid_since.reset();
      return;
    }
    past_.tlsrpt_was_valid = true;
    if (!past_.tlsrpt_valid_since) past_.tlsrpt_valid_since = c_.now;
  }

  /// The last moment a sender could still act by it.
  static TimePoint live_until(const SeenPolicy& p) {
    return *p.seen.gone + Seconds{static_cast<std::int64_t>(p.policy.max_age)} + 24h;
  }

  void prune() {
    auto& policies = past_.policies;
    const auto dead = [&](const SeenPolicy& p) { return p.seen.gone && live_until(p) < c_.now; };
    auto count = static_cast<std::size_t>(std::ranges::count_if(policies, dead));
    std::erase_if(policies, [&](const SeenPolicy& p) { return dead(p) && count-- > kDeadPolicies; });
    // Only a domain that changes its policy day after day gets here; the copies that end first go first.
    while (policies.size() > kEntries)
      policies.erase(std::ranges::min_element(
          policies, {}, [](const SeenPolicy& p) { return p.seen.gone ? live_until(p) : TimePoint::max(); }));
    std::erase_if(past_.ids,
                  [&](const SeenId& id) { return id.seen.gone && c_.now - *id.seen.gone > kYear; });
    std::erase_if(past_.mx, [&](const SeenHost& h) { return h.seen.gone && c_.now - *h.seen.gone > kYear; });
    // Never forgotten early: the oldest window becomes part of the next one.
    while (past_.ids.size() > kEntries) {
      past_.ids[1].seen.first = past_.ids[0].seen.first;
      past_.ids[1].ttl = std::max(past_.ids[1].ttl, past_.ids[0].ttl);
      past_.ids.erase(past_.ids.begin());
    }
    keep_newest(past_.mx, kEntries);
    keep_newest(past_.changes, kChanges);
  }

  template <class List>
  static void keep_newest(List& list, std::size_t most) {
    if (list.size() > most) list.erase(list.begin(), list.end() - static_cast<std::ptrdiff_t>(most));
  }

  Past past_;
  const Case& c_;
  const bool baseline_;
  const std::string& domain_;
  std::uint32_t numbered_;
  bool id_is_new_ = false;
};

void count_day(Past& past, TimePoint at, bool ok) {
  const TimePoint day = std::chrono::floor<std::chrono::days>(at);
  auto& days = past.fetch_days;
  if (days.empty() || days.back().day < day) days.push_back({day});
  ++days.back().runs;
  days.back().good += ok;
  while (at - days.front().day > kFetchDays)
    days.pop_front();
}

void add_fetch(Past& past, const std::vector<PolicyCopy>& copies, TimePoint at) {
  FetchSample sample{at, !copies.empty(), Millis{0}};
  bool some_ok = false, unknown = copies.empty();
  for (const auto& copy : copies) {
    unknown = unknown || copy.outcome == Outcome::unknown;
    some_ok = some_ok || copy.outcome == Outcome::ok;
    sample.ok = sample.ok && copy.outcome == Outcome::ok;
    sample.duration = std::max(sample.duration, copy.fetch->duration);
  }
  if (some_ok) past.policy_ok_last = at;
  if (unknown) return;
  past.fetches.push_back(sample);
  while (past.fetches.size() > kFetches || at - past.fetches.front().at > kFetchWindow)
    past.fetches.pop_front();
  count_day(past, at, sample.ok);
}

}  // namespace

Past remember_look(Past past, const Case& confirmed, const std::vector<PolicyCopy>* fetched) {
  past = Folder(std::move(past), confirmed).fold();
  if (fetched != nullptr) add_fetch(past, *fetched, confirmed.now);
  return past;
}

Past remember_look(Past past, const DomainObservation& confirmed, const MxLooks& mx, const Vantage& vantage,
                   const Limits& limits, const DomainObservation* fetched) {
  const auto copies = fetched ? copies_of(*fetched, vantage) : std::vector<PolicyCopy>();
  return remember_look(std::move(past), read_case(confirmed, mx, vantage, limits),
                       fetched ? &copies : nullptr);
}

}  // namespace stswatch
