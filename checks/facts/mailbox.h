// A mail address as somebody configured it, with or without a name before it.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace stswatch {

struct Mailbox {
  std::string name;     // display name, may be empty
  std::string address;  // addr-spec
};

/// "a@example.com" or "Name <a@example.com>"; an error for anything that a header or an envelope cannot hold
/// safely, to follow the text: "is no mail address; ...".
tl::expected<Mailbox, std::string> parse_mailbox(std::string_view text);

}  // namespace stswatch
