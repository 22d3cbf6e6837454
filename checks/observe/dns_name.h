// Domain names between text and wire (RFC 1035 §3.1, §4.1.4, §5.1). Any octet may stand in a label, so text
// carries escapes; names read are lower case without final dot, and equal names are equal strings. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace stswatch::dns {

using Octets = std::span<const std::uint8_t>;

inline constexpr std::uint16_t kEdnsSize = 1232;  // DNS flag day 2020: fits every path unfragmented

/// The uncompressed wire form, case kept; nullopt for a text that is no name (empty label, over 63 or 255
/// octets).
std::optional<std::string> to_wire(std::string_view text);

/// The name that begins at `at`, which moves behind it; nullopt when it leaves the message or its pointers do
/// not lead strictly backwards. The root is "".
std::optional<std::string> read_name(Octets message, std::size_t& at);

/// `text` as read_name would spell it.
std::optional<std::string> canonical(std::string_view text);

/// `name` is `zone` or below it; both canonical.
bool is_within(std::string_view name, std::string_view zone);

}  // namespace stswatch::dns
