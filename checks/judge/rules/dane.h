// DANE for SMTP (RFC 7672) as a sender sees one host and one chain: which TLSA records it can use, whether
// one of them vouches for the chain, and what it does then. For the rules and for lint; pure.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checks/facts/certificate.h"
#include "checks/facts/tlsa.h"

namespace stswatch {

/// What the records of a host say of one chain.
struct DaneReading {
  std::vector<bool> usable;          // by record
  std::vector<std::size_t> matched;  // indices of those that vouch for the chain, names included
  bool known = false;                // every usable record was held against the chain
  bool misnamed = false;             // usage 2 would vouch, but the leaf names none of the reference names
  bool ta_missing = false;           // only usage 2 can be used, and no certificate that it names was sent

  bool any_usable() const;
  bool authenticated() const { return !matched.empty(); }
};

/// `leaf` null: no chain was shown. `names`: the reference names of RFC 7672 §3.2.2.
DaneReading read_dane(std::span<const TlsaRecord> records, std::span<const TlsaMatch> matches,
                      const Certificate* leaf, std::span<const std::string> names);

/// RFC 7672 §3.2.3: a DNS-ID names it, the common name only where there is no DNS-ID; a wildcard stands for
/// the whole left-most label.
bool dane_names(const Certificate& leaf, std::string_view name);

/// RFC 7671 §9: a record beside one of the same usage and selector with a stronger digest is not looked at.
bool is_outdone(std::span<const TlsaRecord> records, std::size_t index);

}  // namespace stswatch
