// A notice as a mail message (RFC 5322, 2045, 2047): text and HTML, one thread for one problem. Pure.
#pragma once

#include <optional>

#include "alerts/notice.h"
#include "alerts/options.h"

namespace stswatch {

struct Mailbox {
  std::string name;     // display name, may be empty
  std::string address;  // addr-spec
};

/// "a@example.com" or "Name <a@example.com>"; nullopt for anything that a header or an envelope cannot hold
/// safely.
std::optional<Mailbox> parse_mailbox(std::string_view text);

/// CRLF line ends, ASCII only, no line over 998 octets. `from` and `to` are those of the receiver, parsed.
std::string to_mail(const Notice& notice, const std::string& receiver, const Mailbox& from,
                    const std::vector<Mailbox>& to, TimePoint sent);

/// RFC 2045 §6.7.
std::string quoted_printable(std::string_view text);
/// A header's unstructured text: RFC 2047 where it is not plain ASCII, folded.
std::string header_text(std::string_view name, std::string_view text);

}  // namespace stswatch
