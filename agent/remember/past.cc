#include "agent/remember/past.h"

#include <algorithm>
#include <map>
#include <ranges>
#include <set>

#include "checks/facts/bounds.h"
#include "checks/facts/text.h"
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
  // The newest two stay, however long it is from one to the next.
  while (past.fetches.size() > kFetches ||
         (past.fetches.size() > 2 && at - past.fetches.front().at > kFetchWindow))
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

// Certificates over time.

namespace {

constexpr Seconds kCertificatesRemembered = 400 * 24h;
constexpr Seconds kNodes = 30 * 24h;  // a node may be away so long and come back unchanged
constexpr std::size_t kCertificatesKept = 64, kOctets = 32 << 10;
constexpr std::size_t kCertificatesTold = 20;

}  // namespace

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
  std::erase_if(known, [&](const SeenCertificate& s) {
    return s.seen.gone && now - *s.seen.gone > kCertificatesRemembered;
  });
  std::size_t octets = 0, kept = 0;
  for (auto it = known.rbegin(); it != known.rend() && kept < kCertificatesKept; ++it, ++kept) {
    octets += it->issuer.size() + it->serial.size() + it->sha256.size() + it->spki_sha256.size();
    if (octets > kOctets && kept > 0) break;
  }
  known.erase(known.begin(), known.end() - static_cast<std::ptrdiff_t>(kept));
}

Novelty novelty(const std::vector<SeenCertificate>& known, const std::vector<const Certificate*>& shown,
                std::string SeenCertificate::*of_known, std::string Certificate::*of_shown, TimePoint now) {
  Novelty out;
  for (const auto& seen : known)
    if (!seen.seen.gone || now - *seen.seen.gone <= kNodes) out.before.insert(seen.*of_known);
  if (known.empty()) return out;
  for (const auto* c : shown)
    if (!out.before.contains(c->*of_shown)) out.fresh.insert(c->*of_shown);
  return out;
}

std::string told(const std::set<std::string>& words) {
  if (words.size() <= kCertificatesTold) return text::joined(words);
  const auto first = std::next(words.begin(), kCertificatesTold);
  return text::joined(std::ranges::subrange(words.begin(), first)) + " and " +
         std::to_string(words.size() - kCertificatesTold) + " more";
}

HostPast remember_look(HostPast past, const MxHostObservation& confirmed) {
  std::vector<const Certificate*> shown;
  for (const auto& probe : confirmed.probes)
    if (probe.tls.peer) shown.push_back(&probe.tls.peer->leaf);
  if (shown.empty()) return past;
  const auto tell = [&](const char* code, const Novelty& new_ones) {
    if (!new_ones.fresh.empty())
      past.changes.push_back(
          {confirmed.at, code, confirmed.host, told(new_ones.before), told(new_ones.fresh)});
  };
  tell("certificate-issuer-changed",
       novelty(past.certificates, shown, &SeenCertificate::issuer, &Certificate::issuer, confirmed.at));
  tell("certificate-key-changed", novelty(past.certificates, shown, &SeenCertificate::spki_sha256,
                                          &Certificate::spki_sha256, confirmed.at));
  fold_certificates(past.certificates, shown, confirmed.at);
  if (past.changes.size() > kCertificatesKept)
    past.changes.erase(past.changes.begin(), past.changes.end() - kCertificatesKept);
  bound_changes(past.changes);
  return past;
}

// TLSA records of an MX host over time (RFC 7671 §8): whether a key came into use before every sender could
// know its record, which records serve nobody, whether DNSSEC once protected them. By looks as they were
// seen, since what is held back for confirmation would make a record appear later than it did.

namespace {

constexpr Seconds kGoneKept = 8 * 24h;  // what some resolver may still hold, and what a week's TTL bears on
constexpr std::size_t kKept = 2 * bounds::kTlsaRecords;

bool vouches(const MxHostObservation& look, const TlsaRecord& record) {
  return std::ranges::any_of(look.probes, [&](const SmtpProbe& probe) {
    const auto match = std::ranges::find(probe.tls.tlsa, record, &TlsaMatch::record);
    return match != probe.tls.tlsa.end() && match->matches;
  });
}

/// Each address showed its chain, and it was held against the records.
bool held_against_all(const MxHostObservation& look) {
  return !look.probes.empty() && std::ranges::all_of(look.probes, [](const SmtpProbe& probe) {
    return !probe.failure && !probe.tls.tlsa.empty();
  });
}

void note_use(SeenTlsa& seen, const MxHostObservation& look) {
  if (vouches(look, seen.record)) {
    if (!seen.matched) seen.matched = look.at;
    seen.idle_since.reset();
  } else if (!held_against_all(look)) {
    return;
  } else if (!seen.idle_since) {
    seen.idle_since = look.at;
  }
}

}  // namespace

HostPast note_tlsa(HostPast past, const MxHostObservation& look) {
  const TlsaAnswer& answer = look.tlsa;
  if (answer.name.empty() || answer.lookup == Lookup::unknown || !answer.secure) return past;
  TlsaPast& tlsa = past.tlsa;
  std::uint32_t largest = answer.ttl;
  for (SeenTlsa& seen : tlsa.records) {
    const bool there = std::ranges::find(answer.records, seen.record) != answer.records.end();
    if (!there && !seen.seen.gone) seen.seen.gone = look.at;
    if (!there || seen.seen.gone) continue;  // one that comes back is a new entry
    seen.ttl = std::max(seen.ttl, answer.ttl);
    largest = std::max(largest, seen.ttl);
    note_use(seen, look);
  }
  for (const TlsaRecord& record : answer.records) {
    const auto same = [&](const SeenTlsa& s) { return !s.seen.gone && s.record == record; };
    if (std::ranges::any_of(tlsa.records, same)) continue;
    tlsa.records.push_back({record, answer.ttl, {look.at, {}}, tlsa.as_of});
    note_use(tlsa.records.back(), look);
  }
  std::erase_if(tlsa.records,
                [&](const SeenTlsa& s) { return s.seen.gone && look.at - *s.seen.gone > kGoneKept; });
  if (tlsa.records.size() > kKept) tlsa.records.erase(tlsa.records.begin(), tlsa.records.end() - kKept);
  // A resolver's copy is as old as its TTL has counted down (RFC 1035 §3.2.1).
  const TimePoint fetched = look.at - Seconds{largest - answer.ttl};
  tlsa.as_of = std::max(tlsa.as_of.value_or(fetched), fetched);
  if (answer.lookup == Lookup::found) tlsa.secure = look.at;
  return past;
}

// How the last attempts at each address ended.

HostPast note_attempts(HostPast past, const MxHostObservation& look, const Vantage& vantage) {
  for (const SmtpProbe& probe : look.probes) {
    const MxAddressCase at = classify(probe, look.host, vantage, look.at);
    if (at.outcome != HostOutcome::ok && at.outcome != HostOutcome::failed) continue;
    past.attempts.push_back({look.at, probe.address.str(), at.code});
  }
  std::map<std::string, std::size_t>
      kept;  // the newest of each address, and none of an address that has gone
  for (const Address& address : look.addresses.all())
    kept[address.str()] = kAttempts;
  const bool known = look.addresses.lookup() == Lookup::found;
  std::vector<Attempt> out;
  for (auto it = past.attempts.rbegin(); it != past.attempts.rend(); ++it) {
    const auto room = kept.find(it->address);
    if (room == kept.end() ? known : room->second == 0) continue;
    if (room != kept.end()) --room->second;
    out.push_back(std::move(*it));
  }
  std::ranges::reverse(out);
  constexpr std::size_t kMost = kAttempts * 16;  // bounds::kHostAddresses
  if (out.size() > kMost) out.erase(out.begin(), out.end() - kMost);
  past.attempts = std::move(out);
  return past;
}

}  // namespace stswatch
