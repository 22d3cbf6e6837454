// The policy file: RFC 8461 §3.2. One strict reading decides; a lenient one tells what tolerant senders see.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "checks/facts/oddity.h"

namespace stswatch {

enum class Mode { none, testing, enforce };  // ordered by strength

std::string_view to_string(Mode mode);
std::optional<Mode> parse_mode(std::string_view text);  // exact, case-sensitive

struct Policy {
  Mode mode = Mode::none;
  std::vector<std::string> mx;  // patterns in file order, lower case; in a lenient reading also bad ones
  std::uint64_t max_age = 0;    // seconds, 0..31557600 in a strict reading
  std::vector<std::pair<std::string, std::string>> extensions;
  // A memory keeps of a long list what can match a host of the domain, and of the rest its number.
  std::uint32_t more = 0;   // patterns that are not in `mx`
  std::string mx_digest{};  // of all of them: where there are more, and of any long list
  bool operator==(const Policy&) const = default;
};

/// What a sender tells policies apart by: RFC 8461 §3.2 has it ignore all other fields, and order has no
/// meaning.
bool same_policy(const Policy& a, const Policy& b);

/// A set of patterns as far as it is known: `more` are not in `mx`; `digest` is of all of them, where given.
struct Patterns {
  std::span<const std::string> mx;
  std::uint32_t more = 0;
  std::string_view digest{};
};
bool same_patterns(const Patterns& a, const Patterns& b);
/// Tells sets of patterns apart (FNV-1a, 64 bit, in hex): no secret, and no proof against one who would be
/// two.
std::string digest_of(std::span<const std::string> mx);

enum class PolicyFault {
  not_a_policy,  // nothing of it parses, or a line that is no field, and no precise fault says why
  html,          // begins with '<' or contains "<html"
  version_invalid,
  version_not_first,  // allowed by the ABNF
  mode_invalid,       // missing or unknown
  max_age_invalid,    // missing, unit, sign, decimals, over 10 digits
  max_age_too_large,  // over 31557600
  mx_missing,         // none while mode is testing or enforce
  mx_invalid_pattern,
  mx_trailing_dot,
  mx_ulabel,
  duplicate_field,     // first wins (§3.2)
  nonconforming_line,  // blank line, BOM, comment, leading white space, white space before the colon
  line_ending,         // bare CR
  key_case,            // known key in other case or spelling (Mode, MX, max-age)
  control_characters,  // NUL, controls, invalid UTF-8
  unknown_field,       // an extension: allowed
};

struct PolicyDeparture {
  PolicyFault fault;
  std::size_t line = 0;     // 1-based; 0 for the file as a whole
  std::string detail;       // names what stands there and what would be right; printable
  bool field_lost = false;  // key_case only: the field is thereby missing, so the policy is unusable
  Oddity oddity = Oddity::none;
};

struct PolicyReading {
  std::optional<Policy> strict;   // what RFC 8461 grants
  std::optional<Policy> lenient;  // what a tolerant deployed sender would take; set whenever strict is
  std::vector<PolicyDeparture> departures;

  bool valid() const { return strict.has_value(); }
  bool has(PolicyFault fault) const;
  /// The one some sender applies: strict, else lenient, else null.
  const Policy* applied() const;
};

PolicyReading read_policy(std::string_view body);

}  // namespace stswatch
