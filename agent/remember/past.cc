#include "agent/remember/past.h"

#include <algorithm>
#include <set>

#include "checks/judge/case.h"

namespace stswatch {
namespace {

using namespace std::chrono_literals;

constexpr Seconds kYear = 400 * 24h;   // longer than any max_age (RFC 8461 §3.2)
constexpr Seconds kFetchWindow = 24h;  // RULES 3.2 B: flapping and p95
constexpr Seconds kNodes = 30 * 24h;   // a node may be away so long and come back unchanged
constexpr std::size_t kEntries = 512, kDeadPolicies = 64, kChanges = 1000, kFetches = 600, kCertificates = 64;

template <class Seen>
bool there(const Seen& seen) {
  return !seen.seen.gone;
}

std::string joined(const std::set<std::string>& words) {
  std::string out;
  for (const auto& word : words)
    out += (out.empty() ? "" : ", ") + word;
  return out;
}

std::string in_words(const Policy& policy) {
  const std::set<std::string> mx(policy.mx.begin(), policy.mx.end());
  return std::string(to_string(policy.mode)) + ", max_age " + std::to_string(policy.max_age) + ", mx " +
         joined(mx);
}

class Folder {
 public:
  Folder(Past past, const Case& c)
      : past_(std::move(past)), c_(c), baseline_(!past_.began), domain_(c.facts.domain.str()) {}

  Past fold() {
    fold_record();
    fold_policies();
    fold_mx();
    fold_names();
    fold_tlsrpt();
    if (baseline_ && c_.facts.sts.lookup != Lookup::unknown && c_.facts.mx.lookup != Lookup::unknown)
      past_.began = c_.now;
    prune();
    return std::move(past_);
  }

 private:
  void changed(std::string code, std::string subject, std::string from, std::string to) {
    if (!baseline_)
      past_.changes.push_back({c_.now, std::move(code), std::move(subject), std::move(from), std::move(to)});
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

  void fold_policies() {
    const SeenPolicy* before = nullptr;  // the newest of those that end now
    std::vector<SeenPolicy> fresh;
    for (const auto& policy : c_.policies) {
      const bool known = std::ranges::any_of(
          past_.policies, [&](const SeenPolicy& s) { return there(s) && same_policy(s.policy, policy); });
      if (!known) fresh.push_back({policy, sha_of(policy), {c_.now, {}}});
    }
    if (all_copies_known()) {
      for (auto& seen : past_.policies) {
        const bool served =
            std::ranges::any_of(c_.policies, [&](const Policy& p) { return same_policy(p, seen.policy); });
        if (!there(seen) || served) continue;
        seen.seen.gone = c_.now;
        before = &seen;
      }
    }
    if (before == nullptr && !fresh.empty())
      for (const auto& seen : past_.policies)
        if (before == nullptr || seen.seen.first >= before->seen.first) before = &seen;
    if (!fresh.empty() && before != nullptr) policy_changed(before->policy, fresh.front().policy);
    if (fresh.empty() && before != nullptr) {
      if (c_.policies.empty())
        changed("policy-gone", domain_, in_words(before->policy), "");
      else
        policy_changed(before->policy, c_.policies.front());
    }
    past_.policies.insert(past_.policies.end(), fresh.begin(), fresh.end());
  }

  void policy_changed(const Policy& from, const Policy& to) {
    if (same_policy(from, to)) return;  // back after it could not be fetched
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
    if (!was.empty() && now != was)
      changed("sts-policy-host-address-changed", domain_, joined(was), joined(now));
    past_.policy_host_addresses.assign(now.begin(), now.end());
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
    keep_newest(past_.ids, kEntries);
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
};

void add_fetch(Past& past, const DomainObservation& look, const Vantage& vantage) {
  FetchSample sample{look.at, !look.fetches.empty(), Millis{0}};
  for (const auto& fetch : look.fetches) {
    const auto outcome = weigh(fetch, vantage, look.at).outcome;
    if (outcome == Outcome::unknown) return;
    sample.ok = sample.ok && outcome == Outcome::ok;
    sample.duration = std::max(sample.duration, fetch.duration);
  }
  if (look.fetches.empty()) return;
  if (sample.ok) past.policy_ok_last = look.at;
  past.fetches.push_back(sample);
  while (past.fetches.size() > kFetches || look.at - past.fetches.front().at > kFetchWindow)
    past.fetches.pop_front();
}

/// The certificates shown now as a set: new ones are added, absent ones end.
void fold_certificates(std::vector<SeenCertificate>& known, const std::vector<const Certificate*>& shown,
                       TimePoint now) {
  for (auto& seen : known) {
    const bool there_now =
        std::ranges::any_of(shown, [&](const Certificate* c) { return c->sha256 == seen.sha256; });
    if (there_now)
      seen.seen.gone.reset();
    else if (!seen.seen.gone)
      seen.seen.gone = now;
  }
  for (const auto* c : shown) {
    if (std::ranges::find(known, c->sha256, &SeenCertificate::sha256) != known.end()) continue;
    known.push_back(
        {c->sha256, c->spki_sha256, c->issuer, c->serial, c->not_before, c->not_after, {now, {}}});
  }
  std::erase_if(known, [&](const SeenCertificate& s) { return s.seen.gone && now - *s.seen.gone > kYear; });
  if (known.size() > kCertificates) known.erase(known.begin(), known.end() - kCertificates);
}

std::set<std::string> lately(const std::vector<SeenCertificate>& known, std::string SeenCertificate::*what,
                             TimePoint now) {
  std::set<std::string> out;
  for (const auto& seen : known)
    if (!seen.seen.gone || now - *seen.seen.gone <= kNodes) out.insert(seen.*what);
  return out;
}

}  // namespace

Past remember_look(Past past, const DomainObservation& confirmed, const MxLooks& mx, const Vantage& vantage,
                   const Limits& limits, const DomainObservation* fetched) {
  const Case c = prepare(confirmed, mx, vantage, limits);
  past = Folder(std::move(past), c).fold();
  std::vector<const Certificate*> shown;
  for (const auto& fetch : confirmed.fetches)
    if (fetch.tls.peer) shown.push_back(&fetch.tls.peer->leaf);
  if (!shown.empty()) fold_certificates(past.policy_host_certificates, shown, confirmed.at);
  if (fetched != nullptr) add_fetch(past, *fetched, vantage);
  return past;
}

HostPast remember_look(HostPast past, const MxHostObservation& confirmed) {
  std::vector<const Certificate*> shown;
  for (const auto& probe : confirmed.probes)
    if (probe.tls.peer) shown.push_back(&probe.tls.peer->leaf);
  if (shown.empty()) return past;
  const bool baseline = past.certificates.empty();
  const auto issuers = lately(past.certificates, &SeenCertificate::issuer, confirmed.at);
  const auto keys = lately(past.certificates, &SeenCertificate::spki_sha256, confirmed.at);
  std::set<std::string> new_issuers, new_keys;
  for (const auto* c : shown) {
    if (!issuers.contains(c->issuer)) new_issuers.insert(c->issuer);
    if (!keys.contains(c->spki_sha256)) new_keys.insert(c->spki_sha256);
  }
  fold_certificates(past.certificates, shown, confirmed.at);
  const auto changed = [&](const char* code, const std::set<std::string>& from,
                           const std::set<std::string>& to) {
    if (!baseline && !to.empty())
      past.changes.push_back({confirmed.at, code, confirmed.host, joined(from), joined(to)});
  };
  changed("certificate-issuer-changed", issuers, new_issuers);
  changed("certificate-key-changed", keys, new_keys);
  if (past.changes.size() > kCertificates) past.changes.erase(past.changes.begin());
  return past;
}

}  // namespace stswatch
