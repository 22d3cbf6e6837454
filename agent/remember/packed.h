// Texts made small for the store: zlib (RFC 1950).
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace stswatch {

std::string pack(std::string_view text);
/// What is no packed text, or would be larger than `most`, is an error.
tl::expected<std::string, std::string> unpack(std::string_view packed, std::size_t most);

}  // namespace stswatch
