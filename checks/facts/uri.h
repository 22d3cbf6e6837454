// RFC 3986, as far as a TLSRPT `rua` needs it.
#pragma once

#include <optional>
#include <string_view>

namespace stswatch {

struct Uri {
  std::string_view scheme;
  std::optional<std::string_view> authority;  // between "//" and the path
  std::string_view path;
};

/// The parts of `text` if it matches URI of RFC 3986 appendix A; views into `text`.
std::optional<Uri> parse_uri(std::string_view text);

/// An https URI with a host to ask, or a mailto URI (RFC 6068) with an address to write to.
bool is_report_address(const Uri& uri);

}  // namespace stswatch
