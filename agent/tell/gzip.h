// gzip (RFC 1952) for answers whose type the HTTP library does not compress by itself. Pure.
#pragma once

#include <string>
#include <string_view>

namespace stswatch {

/// Empty when zlib has no memory for it: then the answer goes out as it is.
std::string gzipped(std::string_view text);

/// Does an Accept-Encoding header (RFC 9110 §12.5.3) allow gzip?
bool accepts_gzip(std::string_view header);

}  // namespace stswatch
