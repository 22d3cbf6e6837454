// The lines of a policy file and the grammar of one field: RFC 8461 §3.2. Internal to the policy reader.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace stswatch {

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

}  // namespace stswatch
