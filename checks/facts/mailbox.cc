#include "checks/facts/mailbox.h"

#include <algorithm>

#include "checks/facts/address.h"
#include "checks/facts/domain.h"
#include "checks/facts/text.h"

namespace stswatch {
namespace {

constexpr std::size_t kAddressOctets = 254;  // RFC 5321 §4.5.3.1.3, without the angle brackets

/// RFC 5322 §3.2.3 atext and the dot: quoting and white space never occur in what we send to.
bool is_local_part_char(char c) {
  return text::is_alnum(c) || std::string_view("!#$%&'*+-/=?^_`{|}~.").find(c) != std::string_view::npos;
}

bool is_all_ascii(std::string_view s) { return std::ranges::all_of(s, text::is_ascii); }

/// RFC 5321 §4.1.3: "[192.0.2.1]", "[IPv6:2001:db8::1]".
bool is_address_literal(std::string_view domain) {
  if (!domain.starts_with('[') || !domain.ends_with(']')) return false;
  auto inner = domain.substr(1, domain.size() - 2);
  const bool v6 = text::istarts_with(inner, "IPv6:");
  if (v6) inner.remove_prefix(5);
  const auto address = Address::parse(inner);
  return address && address->is_v6() == v6;
}

}  // namespace

tl::expected<Mailbox, std::string> parse_mailbox(std::string_view text) {
  const auto wrong = [](const std::string& what) { return tl::make_unexpected(what); };
  const auto none = [&] { return wrong("is no mail address; write \"postmaster@example.com\""); };
  Mailbox out;
  std::string_view address = text::trim(text);
  if (const auto open = address.find('<'); open != address.npos) {
    if (!address.ends_with('>')) return none();
    auto name = text::trim(address.substr(0, open));
    if (name.size() > 1 && name.starts_with('"') && name.ends_with('"'))
      name = name.substr(1, name.size() - 2);
    out.name = name;
    address = address.substr(open + 1, address.size() - open - 2);
  }
  if (!text::is_one_line(out.name)) return none();
  const auto at = address.rfind('@');
  if (at == address.npos || at == 0 || at + 1 == address.size()) return none();
  if (address.size() > kAddressOctets)
    return wrong("is longer than the " + std::to_string(kAddressOctets) + " octets of a mail address");
  const auto local = address.substr(0, at), domain = address.substr(at + 1);
  if (!is_all_ascii(local)) return wrong("has to be ASCII before the \"@\"; name an address that is");
  const auto ascii = to_a_labels(domain);
  if (!is_all_ascii(domain))
    return wrong("has to be ASCII behind the \"@\"; write " +
                 (ascii ? '"' + *ascii + '"' : std::string("the domain as its A-labels, \"xn--...\"")));
  if (!std::ranges::all_of(local, is_local_part_char)) return none();
  if ((!ascii || domain.ends_with('.')) && !is_address_literal(domain)) return none();
  out.address = address;
  return out;
}

}  // namespace stswatch
