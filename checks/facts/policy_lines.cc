#include "checks/facts/policy.h"

#include <algorithm>
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

}  // namespace stswatch
