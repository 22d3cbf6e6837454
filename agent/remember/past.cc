#include "agent/remember/past.h"

#include <algorithm>
#include <set>

#include "checks/facts/join.h"
#include "checks/judge/case.h"
#include "checks/judge/rules/rules.h"

namespace stswatch {
namespace {

using namespace std::chrono_literals;

constexpr Seconds kRemembered = 400 * 24h;  // longer than any max_age (RFC 8461 §3.2)
constexpr Seconds kFetchWindow = 24h;       // RULES 3.2 B: flapping and p95
constexpr Seconds kFetchDays = 14 * 24h;    // RULES 3.3, gate 2
constexpr std::size_t kHosts = 512, kFetches = 600;

class Folder {
 public:
  Folder(Past past, const Case& c, const LookAtWindows& look)
      : past_(std::move(past)), c_(c), look_(look), baseline_(!past_.began), domain_(c.facts.domain.str()) {}

  Past fold() {
    const TellChange tell = [this](std::string code, std::string from, std::string to) {
      changed(std::move(code), domain_, std::move(from), std::move(to));
    };
    fold_record(past_, look_, tell);
    fold_policies(past_, look_, tell);
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
    if (!added.empty()) changed("mx-added", domain_, text::joined(before), text::joined(added));
    if (!removed.empty()) changed("mx-removed", domain_, text::joined(removed), text::joined(now));
    if (added == now && removed == before && other_provider(before, now))
      changed("mx-provider-changed", domain_, text::joined(before), text::joined(now));
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
    // An alias that a wildcard makes is nobody's delegation.
    fold(c_.facts.sts.lookup, past_.record_cname, c_.synthesised ? "" : target(c_.facts.sts.cname),
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
      changed("sts-policy-host-address-changed", domain_, text::joined(was), text::joined(now));
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
      changed("sts-webpki-issuer-changed", c_.facts.domain.policy_host(), told(issuers.before),
              told(issuers.fresh));
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

  void prune() {
    bound_policies(past_, c_);
    std::erase_if(past_.ids,
                  [&](const SeenId& id) { return id.seen.gone && c_.now - *id.seen.gone > kRemembered; });
    bound_ids(past_);
    std::erase_if(past_.mx,
                  [&](const SeenHost& h) { return h.seen.gone && c_.now - *h.seen.gone > kRemembered; });
    keep_newest(past_.mx, kHosts);
    bound_changes(past_.changes);
  }

  template <class List>
  static void keep_newest(List& list, std::size_t most) {
    if (list.size() > most) list.erase(list.begin(), list.end() - static_cast<std::ptrdiff_t>(most));
  }

  Past past_;
  const Case& c_;
  const LookAtWindows& look_;
  const bool baseline_;
  const std::string& domain_;
};

void count_day(Past& past, TimePoint at, bool ok) {
  const TimePoint day = std::chrono::floor<std::chrono::days>(at);
  auto& days = past.fetch_days;
  if (days.empty() || days.back().day < day) days.push_back({day});
  ++days.back().runs;
  days.back().good += ok;
  while (at - days.front().day > kFetchDays)
    days.erase(days.begin());
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
    past.fetches.erase(past.fetches.begin());
  count_day(past, at, sample.ok);
}

}  // namespace

Past remember_look(Past past, const Case& confirmed, const DomainObservation& seen,
                   const std::vector<PolicyCopy>* fetched) {
  past = Folder(std::move(past), confirmed, {confirmed, seen, fetched}).fold();
  if (fetched != nullptr) add_fetch(past, *fetched, confirmed.now);
  return past;
}

Past remember_look(Past past, const DomainObservation& confirmed, const MxLooks& mx, const Vantage& vantage,
                   const Limits& limits, const DomainObservation& seen, bool fetched) {
  const auto copies = fetched ? copies_of(seen, vantage) : std::vector<PolicyCopy>();
  return remember_look(std::move(past), read_case(confirmed, mx, vantage, limits), seen,
                       fetched ? &copies : nullptr);
}

}  // namespace stswatch
