#include <algorithm>
#include <utility>

#include "checks/facts/text.h"
#include "checks/judge/case.h"

namespace stswatch {
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
