// CAA records (RFC 8659): which CAs a domain lets issue certificates, and the names by which public CAs know
// themselves in them. Plain values and pure functions; what follows for a certificate is a judge's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checks/facts/result.h"

namespace stswatch {

struct CaaRecord {
  std::uint8_t flags = 0;
  std::string tag;    // as sent: 1 to 15 letters and digits; its case does not count
  std::string value;  // octets as sent
  bool critical() const { return (flags & 0x80U) != 0; }
  bool operator==(const CaaRecord&) const = default;
};

using CaaAnswer = Answer<CaaRecord>;

/// RFC 8659 §3: the names whose set is looked for, from the host towards the root; empty for one too deep.
std::vector<std::string> caa_names(const std::string& host);

/// What a host's names were asked for CAA records, rarely; kept from look to look.
struct CaaLook {
  TimePoint at{};                           // when all of it was answered
  TimePoint tried{};                        // when it was asked last: later than `at` where that failed
  std::vector<std::string> certificates{};  // SHA-256 of the leaves it was asked for, sorted
  std::vector<CaaAnswer> sets{};  // of caa_names(), up to the first above the host that is not empty
  bool operator==(const CaaLook&) const = default;
};

/// The set that governs `name` (RFC 8659 §3): the first that is not empty from there upwards. Null where
/// there is none, or where that is not known.
const CaaAnswer* governing_set(std::span<const CaaAnswer> sets, std::string_view name);

/// Whether a set lets one of `identifiers` issue for a name, of which a certificate for "*." is another
/// matter; without identifiers, whether anybody may. Null: nobody but the CA can say, since it turns on a
/// property that CAs may or may not know.
std::optional<bool> allows(std::span<const CaaRecord> set, std::span<const std::string_view> identifiers,
                           bool wildcard);

/// The names under which the CA that signs as this issuer may stand in CAA records; empty for one that is not
/// known here. `issuer`: a distinguished name in the form of RFC 2253.
std::span<const std::string_view> caa_identifiers(std::string_view issuer);

}  // namespace stswatch
