// What the reading of a policy is made of: its lines and keys, the patterns; and the readings that a thread
// keeps.
#include "checks/facts/policy.h"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "checks/facts/address.h"
#include "checks/facts/domain.h"
#include "checks/facts/text.h"

namespace stswatch {

std::optional<PolicyLine> PolicyLines::next() {
  if (rest_.empty()) return std::nullopt;
  PolicyLine line;
  line.number = ++number_;
  const std::size_t end = std::min(rest_.find_first_of("\r\n"), rest_.size());
  line.text = rest_.substr(0, end);
  // A run of CRs ends one line, so that no octet is looked at twice.
  const std::size_t after = std::min(rest_.find_first_not_of('\r', end), rest_.size());
  const bool lf = after < rest_.size() && rest_[after] == '\n';
  line.bare_cr = after - end > (lf ? 1U : 0U);
  rest_.remove_prefix(after + (lf ? 1 : 0));
  return line;
}

std::optional<std::size_t> policy_key(std::string_view key) {
  const auto it = std::find(kPolicyKeys.begin(), kPolicyKeys.end(), key);
  if (it == kPolicyKeys.end()) return std::nullopt;
  return static_cast<std::size_t>(it - kPolicyKeys.begin());
}

std::optional<std::size_t> misspelt_policy_key(std::string_view key) {
  constexpr std::size_t kLongest = 16;
  if (key.size() > kLongest) return std::nullopt;
  std::string plain;
  for (const char c : key) {
    if (c == '_' || c == '-' || c == '.' || text::is_wsp(c)) continue;
    plain += text::lower(c);
  }
  if (plain == "maxage") plain = "max_age";
  return policy_key(key) ? std::nullopt : policy_key(plain);
}

namespace {

std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) {
    row[j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view closest_policy_key(std::string_view key) {
  constexpr std::size_t kLongest = 32;
  if (key.size() > kLongest) return {};
  const std::string plain = text::lower(key);
  for (const std::string_view known : kPolicyKeys) {
    // Two edits make anything short into "mx", and "note" into "mode".
    if (edits(plain, known) <= (known.size() > 4 ? 2U : 1U)) return known;
  }
  return {};
}

bool is_policy_value(std::string_view value) {
  if (value.empty() || value.front() == ' ' || value.back() == ' ') return false;
  return std::all_of(value.begin(), value.end(),
                     [](char c) { return !text::is_ascii(c) || (c >= ' ' && c != '\x7f'); });
}

std::string control_fault(std::string_view line) {
  const auto bad =
      std::find_if(line.begin(), line.end(), [](char c) { return text::is_ascii(c) && text::is_foreign(c); });
  if (bad != line.end()) {
    return text::octet(*bad) + " at column " + std::to_string(bad - line.begin() + 1) +
           ": control characters have no place here";
  }
  return text::is_utf8(line) ? std::string() : text::quoted(line) + " is not UTF-8";
}

std::string mx_fault(std::string_view value) {
  const std::string shown = text::quoted(value);
  if (value.empty()) return "\"mx:\" without a value: a host name or \"*.\" and a domain is due";
  if (!std::all_of(value.begin(), value.end(), text::is_ascii)) {
    const auto ascii = to_a_labels(value);
    return shown + " is not in A-labels" + (ascii ? ": " + text::quoted(*ascii) + " is due" : "");
  }
  std::string_view bare = value;
  if (bare.starts_with('[')) bare.remove_prefix(1);
  if (bare.ends_with(']')) bare.remove_suffix(1);
  if (Address::parse(bare)) return shown + " is an address: a host name is due";
  if (value.find("://") != std::string_view::npos) return shown + " is a URL: a host name is due";
  if (value.find('@') != std::string_view::npos) return shown + " is a mail address: a host name is due";
  if (value.find_first_of(", ;\t") != std::string_view::npos)
    return shown + " is a list: one \"mx:\" line a host is due";
  if (value.find(':') != std::string_view::npos) return shown + " has a port: the host name alone is due";
  if (value.find('_') != std::string_view::npos)
    return shown + " has an underscore: a host name has letters, digits and hyphens";
  if (value.find('*') != std::string_view::npos)
    return shown + ": \"*\" stands only for the whole first label, as in \"*.example.com\"";
  if (value.front() == '.')
    return shown + " begins with a dot: \"*" + text::quoted(value, 50).substr(1) + " may be meant";
  return shown + " is no host name and no \"*.\" with a domain";
}

namespace {

// The host in canonical form is the caller's: it is compared with many patterns.
bool matches_canonical(const std::string& host, std::string_view pattern) {
  if (host == pattern) return true;
  const bool wildcard = pattern.starts_with("*.");
  if (wildcard) pattern.remove_prefix(2);
  if (pattern.ends_with('.')) return false;  // RFC 5321 §4.1.2: Domain has no final dot
  const auto name = to_a_labels(pattern);
  if (!name) return false;
  if (!wildcard) return host == *name;
  // RFC 8461 §4.1: "the wildcard character '*' may only be used to match the entire left-most label".
  const std::size_t dot = host.find('.');
  if (dot == std::string::npos || host.compare(dot + 1, std::string::npos, *name) != 0) return false;
  return !Address::parse(host);  // RFC 6125 compares DNS-IDs: an address has no labels
}

bool is_sub_domain(std::string_view label) {
  // RFC 5321 §4.1.2: sub-domain = Let-dig [Ldh-str]; Ldh-str = *( ALPHA / DIGIT / "-" ) Let-dig
  return !label.empty() && text::is_alnum(label.front()) && text::is_alnum(label.back()) &&
         std::all_of(label.begin(), label.end(), [](char c) { return text::is_alnum(c) || c == '-'; });
}

}  // namespace

bool matches(std::string_view host, std::string_view pattern) {
  const auto name = to_a_labels(host);
  return name && matches_canonical(*name, pattern);
}

bool matches_any(std::string_view host, std::span<const std::string> patterns) {
  const auto name = to_a_labels(host);
  return name && std::any_of(patterns.begin(), patterns.end(),
                             [&](const std::string& pattern) { return matches_canonical(*name, pattern); });
}

bool is_mx_pattern(std::string_view text) {
  if (text.starts_with("*.")) text.remove_prefix(2);
  while (true) {
    const std::size_t dot = text.find('.');
    if (!is_sub_domain(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_list_or_address(std::string_view pattern) {
  if (pattern.find_first_of(", \t") != std::string_view::npos) return true;
  while (true) {
    const std::size_t colon = pattern.find(':');
    const auto address = Address::parse(pattern.substr(0, colon));
    if (address && !address->is_v6()) return true;
    if (colon == std::string_view::npos) return false;
    pattern.remove_prefix(colon + 1);
  }
}

bool is_asterisks(std::string_view pattern) {
  return !pattern.empty() && pattern.find_first_not_of('*') == std::string_view::npos;
}

namespace {

// Of each generation; there may be a thousand threads. A body has 64 KiB at most.
constexpr std::size_t kBodies = 64, kOctets = 128U << 10U;

/// Two generations: what is asked for stays in the younger one, the older one ends when that is full.
class Readings {
 public:
  using Reading = std::shared_ptr<const PolicyReading>;

  Reading find(const std::string& body) {
    if (const auto it = young_.find(body); it != young_.end()) return it->second;
    const auto it = old_.find(body);
    if (it == old_.end()) return nullptr;
    auto reading = it->second;
    keep(body, reading);
    return reading;
  }

  void keep(const std::string& body, const Reading& reading) {
    if (young_.size() >= kBodies || octets_ >= kOctets) {
      old_ = std::exchange(young_, {});
      octets_ = 0;
    }
    if (young_.emplace(body, reading).second) octets_ += body.size();
  }

 private:
  std::unordered_map<std::string, Reading> young_, old_;
  std::size_t octets_ = 0;  // of the younger one's bodies
};

}  // namespace

std::shared_ptr<const PolicyReading> reading_of(const std::string& body) {
  thread_local Readings readings;
  if (auto known = readings.find(body)) return known;
  auto reading = std::make_shared<const PolicyReading>(read_policy(body));
  readings.keep(body, reading);
  return reading;
}

}  // namespace stswatch
