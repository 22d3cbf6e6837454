// HMAC-SHA256 (RFC 2104), in lower-case hex.
#pragma once

#include <string>
#include <string_view>

namespace stswatch {

std::string hmac_sha256_hex(std::string_view secret, std::string_view message);

}  // namespace stswatch
