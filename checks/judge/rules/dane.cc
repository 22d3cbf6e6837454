// Group M: TLSA records against the chains shown (RFC 7672 §2.2, §3; RFC 7671 §8). A domain without such
// records hears nothing of it, and what could not be looked up accuses nobody.
#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "checks/facts/bounds.h"
#include "checks/facts/text.h"
#include "checks/judge/case.h"
#include "checks/judge/classify.h"
#include "checks/judge/rules/readings.h"
#include "checks/judge/rules/rules.h"

namespace stswatch {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kManyRecords = 12;    // RULES 3.2 M: Exchange Online was seen to fail beyond
constexpr std::size_t kOneDatagram = 1232;  // DNS flag day 2020
constexpr std::uint32_t kHourOfTtl = 3600, kDayOfTtl = 86400;
constexpr Seconds kAutomated = 100 * 24h;  // nobody renews by hand what lives no longer
constexpr std::size_t kRenewalsWithNewKey = 2;

bool has_secure_tlsa(const MxCase& mx) {
  return mx.look && mx.look->tlsa.lookup == Lookup::found && mx.look->tlsa.secure;
}

/// Known to have none that a sender goes by. An address answer without AD says so only beside one with: then
/// the resolver does validate.
bool lacks_tlsa(const MxCase& mx) {
  if (!mx.look || has_secure_tlsa(mx)) return false;
  const HostAddresses& addresses = mx.look->addresses;
  if (mx.look->tlsa.name.empty()) return addresses.lookup() == Lookup::found && !addresses.secure();
  return mx.look->tlsa.lookup != Lookup::unknown;
}

std::string shortened(const std::string& hex) { return hex.substr(0, 16); }

std::string list_of(const std::vector<TlsaRecord>& records) {
  std::string out;
  for (const TlsaRecord& record : records)
    text::add(out, ", ", record.brief());
  return out;
}

std::string mismatch_words(const MxCase& mx, const MxAddressCase& at) {
  const auto& peer = at.probe->tls.peer;
  const std::string shown = peer ? "shown: key SHA-256 " + shortened(peer->leaf.spki_sha256) +
                                       "..., certificate SHA-256 " + shortened(peer->leaf.sha256) + "..."
                                 : "no certificate shown";
  return printable(shown + "; TLSA: " + list_of(mx.look->tlsa.records), bounds::kDetail);
}

/// Empty where STARTTLS itself fails: that has a finding of its own.
std::string_view mismatch_code(const MxAddressCase& at) {
  if (at.probe->failure) return {};
  if (at.tlsa.misnamed) return "tlsa-ta-name-mismatch";
  return at.tlsa.ta_missing ? "tlsa-ta-not-in-chain" : "tlsa-invalid";
}

/// Senders that do DANE may hand mail over there: authenticated, or to a host without records that bind them.
bool takes_dane_senders(const MxCase& mx) {
  return mx.usable != false || std::ranges::any_of(mx.addresses, [](const MxAddressCase& at) {
           return at.outcome == HostOutcome::failed && at.dane != Dane::mismatched;
         });
}

/// RFC 7672 §2.2: with usable records there is no delivery without TLS, whatever MTA-STS asks for. Where that
/// leaves senders that do DANE no host, it is told as tlsa-invalid is (RULES 5.1).
void worsen_starttls(const Case& c, const MxCase& mx, Findings& out) {
  const bool stops = std::ranges::none_of(c.mx, takes_dane_senders);
  for (Finding& f : out.all()) {
    const CatalogueEntry* entry = find_in_catalogue(f.code);
    const bool skipped = entry && entry->theme == Theme::smtp && entry->beside.is_why_skipped();
    if (!skipped || !is_at(f.subject, mx.host)) continue;
    f.severity = Severity::critical;
    f.route = stops ? Route::page : entry->route_in(Mode::enforce);
    say_for(Situation::binds_by_dane, c.facts.domain, c.now, &f);
  }
}

void judge_chains(const Case& c, const MxCase& mx, Findings& out) {
  std::vector<const MxAddressCase*> bad;
  bool matched = false;
  for (const MxAddressCase& at : mx.addresses) {
    matched = matched || at.dane == Dane::matched;
    if (at.dane == Dane::mismatched) bad.push_back(&at);
  }
  for (const MxAddressCase* at : bad) {
    const std::string_view code = mismatch_code(*at);
    const std::string address = mx.host + ' ' + at->address.str();
    const bool all = bad.size() == mx.addresses.size();
    if (code.empty()) {
      if (all) worsen_starttls(c, mx, out);
    } else if (matched) {
      // RFC 5321 §5.1: senders try the other address too, so that it is a warning at most.
      out.raise_at_most(Severity::warning, "tlsa-address-inconsistent", address,
                        in_detail(c, mismatch_words(mx, *at)));
    } else {
      const bool alike =
          all && std::ranges::all_of(bad, [&](const MxAddressCase* b) { return mismatch_code(*b) == code; });
      out.raise(code, alike ? mx.host : address, in_detail(c, mismatch_words(mx, *at)));
    }
  }
  // RFC 8461 §2: MTA-STS must not override a DANE failure.
  const auto policies = demanding_policies(c);
  const bool sts_passes = mx.usable == true && !policies.empty() && listed_by_all(mx.host, policies);
  if (sts_passes && !bad.empty() && bad.size() == mx.addresses.size())
    out.raise("dane-sts-conflict", mx.host, in_detail(c, "MTA-STS validates at every address, DANE at none"));
}

/// RFC 7671 §8: "each combination of parameters must match the current chain".
void judge_combinations(const Case& c, const MxCase& mx, Findings& out) {
  const auto& records = mx.look->tlsa.records;
  using Parameters = std::tuple<std::uint8_t, std::uint8_t, std::uint8_t>;
  const auto of = [](const TlsaRecord& r) { return Parameters{r.usage, r.selector, r.matching}; };
  for (const MxAddressCase& at : mx.addresses) {
    if (at.dane != Dane::matched) continue;
    std::set<Parameters> matching, all;
    for (std::size_t i = 0; i < records.size(); ++i) {
      if (!at.tlsa.usable[i]) continue;
      all.insert(of(records[i]));
      const auto match = std::ranges::find(at.probe->tls.tlsa, records[i], &TlsaMatch::record);
      if (match != at.probe->tls.tlsa.end() && match->matches) matching.insert(of(records[i]));
    }
    std::string odd;
    for (const auto& [usage, selector, type] : all) {
      if (matching.contains({usage, selector, type})) continue;
      text::add(odd, ", ",
                std::to_string(usage) + ' ' + std::to_string(selector) + ' ' + std::to_string(type));
    }
    if (odd.empty()) continue;
    out.raise("tlsa-parameter-unmatched", mx.host,
              in_detail(c, printable("no record of " + odd + " matches the chain of " + at.address.str(),
                                     bounds::kDetail)));
    return;
  }
}

void judge_usages(const Case& c, const MxCase& mx, Findings& out) {
  const TlsaAnswer& tlsa = mx.look->tlsa;
  const std::string all = printable(tlsa.name + ": " + list_of(tlsa.records), bounds::kDetail);
  const bool usable = mx.addresses.empty() ? std::ranges::any_of(tlsa.records, is_usable) : mx.dane;
  if (!usable)
    out.raise("tlsa-unusable", mx.host, in_detail(c, all));
  else if (std::ranges::any_of(tlsa.records, is_pkix))
    out.raise("tlsa-usage-pkix", mx.host, in_detail(c, all));
  const auto full = [](const TlsaRecord& r) { return is_usable(r) && r.full(); };
  if (std::ranges::any_of(tlsa.records, full)) out.raise("tlsa-full-matching", mx.host, in_detail(c, all));
}

/// Of the RRset with its owner's name written once; signatures come on top.
std::size_t wire_octets(const TlsaAnswer& tlsa) {
  constexpr std::size_t kHead = 12 + 6 + 11, kRecord = 12 + 3;
  std::size_t octets = kHead + tlsa.name.size();
  for (const TlsaRecord& record : tlsa.records)
    octets += kRecord + record.octets();
  return octets;
}

void judge_rrset(const Case& c, const MxCase& mx, Findings& out) {
  const TlsaAnswer& tlsa = mx.look->tlsa;
  if (tlsa.records.size() > kManyRecords || wire_octets(tlsa) > kOneDatagram)
    out.raise("tlsa-record-count", mx.host,
              in_detail(c, std::to_string(tlsa.records.size()) + " records, at least " +
                               std::to_string(wire_octets(tlsa)) + " octets in an answer"));
  const std::string ttl = "TTL " + std::to_string(tlsa.ttl) + " s";
  if (tlsa.ttl > kDayOfTtl)
    out.raise("tlsa-ttl-long", mx.host, in_detail(c, ttl));
  else if (tlsa.ttl > kHourOfTtl)
    out.raise_as(Severity::info, "tlsa-ttl-long", mx.host, in_detail(c, ttl));
}

/// What the next renewal will break (RFC 7672 §3.1.1, §4).
void judge_renewal(const Case& c, const MxCase& mx, Findings& out) {
  const auto& records = mx.look->tlsa.records;
  const auto shown = std::ranges::find(mx.addresses, Dane::matched, &MxAddressCase::dane);
  if (shown == mx.addresses.end()) return;
  const Certificate& leaf = shown->probe->tls.peer->leaf;
  const bool automated = leaf.not_after - leaf.not_before <= kAutomated;
  const auto whole = [](const TlsaRecord& r) { return is_usable(r) && r.usage == 3 && r.selector == 0; };
  if (automated && std::ranges::any_of(records, whole))
    out.raise("tlsa-certificate-selector", mx.host,
              in_detail(c, "the certificate ends " + to_utc(leaf.not_after)));
  const auto past = c.history.hosts.find(mx.host);
  if (past == c.history.hosts.end() || !past->second) return;
  std::set<std::string> keys;
  for (const SeenCertificate& seen : past->second->certificates)
    keys.insert(seen.spki_sha256);
  const bool others = std::ranges::any_of(records, [&](const TlsaRecord& r) {
    if (!is_usable(r)) return false;
    const auto match = std::ranges::find(shown->probe->tls.tlsa, r, &TlsaMatch::record);
    return r.usage == 2 || match == shown->probe->tls.tlsa.end() || !match->matches;
  });
  if (!others && keys.size() > kRenewalsWithNewKey && mx.addresses.size() == 1)
    out.raise("tlsa-no-standby", mx.host,
              in_detail(c, std::to_string(keys.size()) + " keys were seen so far"));
}

void judge_tlsa(const Case& c, const MxCase& mx, Findings& out) {
  const TlsaAnswer& tlsa = mx.look->tlsa;
  if (tlsa.lookup == Lookup::unknown && tlsa.bogus && c.vantage.resolver_blind.empty())
    out.raise("tlsa-lookup-error", mx.host, in_detail(c, tlsa.name + ": " + tlsa.detail));
  if (tlsa.lookup == Lookup::found && !tlsa.secure)
    out.raise("tlsa-insecure", mx.host, in_detail(c, tlsa.name + " is answered without DNSSEC"));
  if (!mx.look->tlsa_denial.empty() && tlsa.lookup == Lookup::found && c.vantage.resolver_blind.empty())
    out.raise("tlsa-denial-broken", mx.host, in_detail(c, printable(mx.look->tlsa_denial, bounds::kDetail)));
  if (!has_secure_tlsa(mx)) return;
  judge_usages(c, mx, out);
  judge_chains(c, mx, out);
  judge_combinations(c, mx, out);
  judge_rrset(c, mx, out);
  judge_renewal(c, mx, out);
}

std::string hosts_of(const std::vector<const MxCase*>& hosts) {
  std::string out;
  for (const MxCase* mx : hosts)
    text::add(out, ", ", mx->host);
  return out;
}

}  // namespace

void judge_dane(const Case& c, Findings& out) {
  std::vector<const MxCase*> with, without;
  for (const MxCase& mx : c.mx) {
    if (!mx.look) continue;
    judge_tlsa(c, mx, out);
    if (has_secure_tlsa(mx)) with.push_back(&mx);
    if (lacks_tlsa(mx)) without.push_back(&mx);
  }
  if (with.empty()) return;
  if (!without.empty())
    out.raise("tlsa-partial", c.facts.domain.str(),
              in_detail(c, printable("without: " + hosts_of(without) + "; with: " + hosts_of(with),
                                     bounds::kDetail)));
  // RFC 7672 §2.2.1: some senders use the records all the same. Secure TLSA shows that the resolver
  // validates.
  if (c.facts.mx.lookup == Lookup::found && !c.facts.mx.secure)
    out.raise("dane-mx-insecure", c.facts.domain.str(),
              in_detail(c, "the MX records are not signed; TLSA: " + hosts_of(with)));
  for (const MxCase* mx : without)
    if (mx->look->addresses.secure() && mx->look->tlsa.lookup == Lookup::absent)
      out.raise("tlsa-missing", mx->host, in_detail(c, "no record at " + mx->look->tlsa.name));
}

// What is read out of the records.

namespace {

bool matches_name(std::string_view pattern, std::string_view name) {
  if (text::iequals(pattern, name)) return true;
  if (!pattern.starts_with("*.")) return false;
  const auto dot = name.find('.');
  return dot != name.npos && dot > 0 && text::iequals(pattern.substr(1), name.substr(dot));
}

const TlsaMatch* match_of(std::span<const TlsaMatch> matches, const TlsaRecord& record) {
  const auto found = std::ranges::find(matches, record, &TlsaMatch::record);
  return found == matches.end() ? nullptr : &*found;
}

/// RFC 7672 §2.2: with records that can be used, neither an unauthenticated session nor one without TLS.
Dane dane_at(const MxAddressCase& at) {
  if (!at.tlsa.any_usable()) return Dane::none;
  if (!at.probe) return Dane::unknown;
  if (at.probe->failure) return at.outcome == HostOutcome::failed ? Dane::mismatched : Dane::unknown;
  if (!at.tlsa.known) return Dane::unknown;
  return at.tlsa.authenticated() ? Dane::matched : Dane::mismatched;
}

}  // namespace

bool DaneReading::any_usable() const { return std::ranges::find(usable, true) != usable.end(); }

bool dane_names(const Certificate& leaf, std::string_view name) {
  if (leaf.dns_names.empty()) return matches_name(leaf.common_name, name);
  return std::ranges::any_of(leaf.dns_names, [&](const std::string& n) { return matches_name(n, name); });
}

bool is_outdone(std::span<const TlsaRecord> records, std::size_t index) {
  const TlsaRecord& weak = records[index];
  if (weak.full()) return false;
  return std::ranges::any_of(records, [&](const TlsaRecord& other) {
    return is_usable(other) && other.usage == weak.usage && other.selector == weak.selector &&
           other.matching > weak.matching;
  });
}

DaneReading read_dane(std::span<const TlsaRecord> records, std::span<const TlsaMatch> matches,
                      const Certificate* leaf, std::span<const std::string> names) {
  DaneReading out;
  out.known = leaf != nullptr;
  const bool named =
      leaf && std::ranges::any_of(names, [&](const std::string& name) { return dane_names(*leaf, name); });
  bool only_ta = true, any_sent = false;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const TlsaMatch* match = match_of(matches, records[i]);
    out.usable.push_back(is_usable(records[i]) && !(match && match->refused));
    if (!out.usable.back()) continue;
    out.known = out.known && match;
    only_ta = only_ta && records[i].usage == 2;
    // A whole certificate or key in the record need not be sent (RFC 7671 §5.2.1).
    any_sent = any_sent || records[i].full() || (match && match->sent);
    if (!match || !match->matches || is_outdone(records, i)) continue;
    if (records[i].usage == 2 && !named)
      out.misnamed = true;
    else
      out.matched.push_back(i);
  }
  out.ta_missing = out.known && out.any_usable() && only_ta && !any_sent;
  return out;
}

void read_tlsa(const Case& c, MxCase& mx) {
  if (!mx.look || mx.look->tlsa.name.empty() || mx.look->tlsa.lookup == Lookup::unknown) return;
  const TlsaAnswer& tlsa = mx.look->tlsa;
  // RFC 7672 §3.2.2: the TLSA base domain, and where nobody can have forged the MX set, the domain itself.
  std::vector<std::string> names{std::string(tlsa_base(tlsa.name))};
  if (c.facts.mx.secure || c.implicit_mx) names.push_back(c.facts.domain.str());
  for (MxAddressCase& at : mx.addresses) {
    at.dane = Dane::none;
    if (tlsa.lookup != Lookup::found || !tlsa.secure) continue;
    const bool shown = at.probe && at.probe->tls.peer;
    at.tlsa = read_dane(tlsa.records, at.probe ? at.probe->tls.tlsa : std::vector<TlsaMatch>{},
                        shown ? &at.probe->tls.peer->leaf : nullptr, names);
    mx.dane = mx.dane || at.tlsa.any_usable();
    at.dane = dane_at(at);
  }
}

}  // namespace stswatch
