#include "checks/facts/mx_pattern.h"

#include <algorithm>

#include "checks/facts/address.h"
#include "checks/facts/domain.h"
#include "checks/facts/policy.h"
#include "checks/facts/text.h"

namespace stswatch {

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

}  // namespace stswatch
