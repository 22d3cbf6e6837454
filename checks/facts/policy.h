// The policy file: RFC 8461 §3.2. One strict reading decides; a lenient one tells what tolerant senders see.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "checks/facts/oddity.h"

namespace stswatch {

// Host names against policy patterns and certificate names: one rule serves both (RFC 8461 §4.1, §4.2, RFC
// 6125).

/// RFC 8461 §4.1: equal, or "*." standing for the whole left-most label and nothing else. ASCII case is
/// folded, a final dot of the host dropped; U-labels on either side are converted first, what cannot be
/// matches nothing.
bool matches(std::string_view host, std::string_view pattern);

bool matches_any(std::string_view host, std::span<const std::string> patterns);

/// `["*."] Domain` of RFC 8461 §3.2 with Domain of RFC 5321 §4.1.2 (letters, digits, inner hyphens; no final
/// dot).
bool is_mx_pattern(std::string_view text);

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
  std::optional<Mode> last_mode{};  // of several, where it is not the first: some senders take it

  bool valid() const { return strict.has_value(); }
  bool has(PolicyFault fault) const;
  /// The one some sender applies: strict, else lenient, else null.
  const Policy* applied() const;
};

PolicyReading read_policy(std::string_view body);

// The lines of a policy file and the grammar of one field: RFC 8461 §3.2. Internal to the policy reader.

struct PolicyLine {
  std::string_view text;   // without its terminator
  std::size_t number = 0;  // 1-based
  bool bare_cr = false;    // ended by a CR that no LF follows, or by more than one CR
};

/// RFC 8461 §3.2: sts-policy-term = LF / CRLF. A bare CR is no terminator; it is taken as one to read on.
class PolicyLines {
 public:
  explicit PolicyLines(std::string_view body) : rest_(body) {}
  std::optional<PolicyLine> next();

 private:
  std::string_view rest_;
  std::size_t number_ = 0;
};

inline constexpr std::array<std::string_view, 4> kPolicyKeys{"version", "mode", "max_age", "mx"};
enum PolicyKey : std::size_t { kVersionKey, kModeKey, kMaxAgeKey, kMxKey };

/// The index in kPolicyKeys; exact.
std::optional<std::size_t> policy_key(std::string_view key);
/// The known key that `key` is another spelling of ("Mode", "MX", "max-age"); never an exact one.
std::optional<std::size_t> misspelt_policy_key(std::string_view key);
/// The known key that is at most two edits away from `key`, or empty.
std::string_view closest_policy_key(std::string_view key);

/// RFC 8461 §3.2: sts-policy-vchar [*(%x20 / sts-policy-vchar) sts-policy-vchar], for valid UTF-8.
bool is_policy_value(std::string_view value);

/// What is wrong with the octets of a line: NUL, controls, invalid UTF-8; empty if nothing.
std::string control_fault(std::string_view line);

/// Why `value` is no mx pattern, and what would be right.
std::string mx_fault(std::string_view value);

// Policy texts that come again and again, read once (RFC 8461 §3.2): what is served is the same within a
// look, look after look, and for every domain of a provider. Each thread keeps its own, within bounds.

/// As read_policy(), shared among all on this thread who ask for the same body.
std::shared_ptr<const PolicyReading> reading_of(const std::string& body);

// Kinds of mx patterns that deployed senders stumble over (RFC 8461 §3.2 has a line hold one name). Pure.

/// A blank or comma inside, or an IPv4 address: not one name to whoever joins patterns into one text or hands
/// them to OpenSSL.
bool is_list_or_address(std::string_view pattern);

/// Nothing but asterisks, of which some senders keep nothing.
bool is_asterisks(std::string_view pattern);

}  // namespace stswatch
