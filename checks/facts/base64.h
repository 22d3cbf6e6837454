// Base64 of RFC 4648 §4, for octets that have to travel in JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace stswatch {

std::string to_base64(std::string_view octets);  // padded

/// nullopt for anything to_base64 would not write: other characters, wrong padding, stray bits at the end.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace stswatch
