// Kinds of mx patterns that deployed senders stumble over (RFC 8461 §3.2 has a line hold one name). Pure.
#pragma once

#include <string_view>

namespace stswatch {

/// A blank or comma inside, or an IPv4 address: not one name to whoever joins patterns into one text or hands
/// them to OpenSSL.
bool is_list_or_address(std::string_view pattern);

/// Nothing but asterisks, of which some senders keep nothing.
bool is_asterisks(std::string_view pattern);

}  // namespace stswatch
