// Host names against policy patterns and certificate names: one rule serves both (RFC 8461 §4.1, §4.2, RFC
// 6125).
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace stswatch {

/// RFC 8461 §4.1: equal, or "*." standing for the whole left-most label and nothing else. ASCII case is
/// folded, a final dot of the host dropped; U-labels on either side are converted first, what cannot be
/// matches nothing.
bool matches(std::string_view host, std::string_view pattern);

bool matches_any(std::string_view host, std::span<const std::string> patterns);

/// `["*."] Domain` of RFC 8461 §3.2 with Domain of RFC 5321 §4.1.2 (letters, digits, inner hyphens; no final
/// dot).
bool is_mx_pattern(std::string_view text);

}  // namespace stswatch
