#include "checks/facts/configured.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

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

namespace {

struct UrlPlace {
  std::string_view host, port;
  bool bracketed = false, plain = true;  // plain: nothing stands between the host and the port
};

/// RFC 3986 §3.2, without the user.
UrlPlace place_in(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == url.npos) return {};
  url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  if (const auto at = url.rfind('@'); at != url.npos) url.remove_prefix(at + 1);
  UrlPlace out;
  out.bracketed = url.starts_with('[');
  auto end = out.bracketed ? url.find(']') : url.find(':');
  out.plain = !out.bracketed || end != url.npos;
  end = std::min(end, url.size());
  out.host = out.bracketed ? url.substr(1, end - 1) : url.substr(0, end);
  url.remove_prefix(out.bracketed ? std::min(end + 1, url.size()) : end);
  out.plain = out.plain && (url.empty() || url.front() == ':');
  out.port = url.empty() ? url : url.substr(1);
  return out;
}

bool is_url_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
  return ec == std::errc() && end == text.data() + text.size() && port != 0;
}

}  // namespace

std::string url_fault(std::string_view url) {
  if (!url.starts_with("http://") && !url.starts_with("https://"))
    return "is no URL; it starts with https:// or http://";
  if (std::ranges::any_of(url, [](unsigned char c) { return c <= ' ' || c == 0x7f; }))
    return "holds a blank, which no URL may; write it as %20";
  const auto place = place_in(url);
  if (place.host.empty()) return "names no host; write it as \"https://HOST/PATH\"";
  const auto address = Address::parse(place.host);
  const bool host = place.bracketed ? address && address->is_v6() : to_a_labels(place.host).has_value();
  if (!place.plain || !host)
    return "names what is no host; write it as \"https://HOST/PATH\", an IPv6 address in brackets";
  if (!place.port.empty() && !is_url_port(place.port))
    return "has what is no port behind the host; write 1 to 65535, or leave it out";
  return {};
}

std::string_view host_of_url(std::string_view url) { return place_in(url).host; }

namespace {

constexpr std::size_t kLooked = 1024;  // of a text
constexpr auto kTelling = Secrets::kTelling;
constexpr std::size_t kToken = 8;  // octets of a segment of a path

int nibble(char c) { return text::is_digit(c) ? c - '0' : text::lower(c) - 'a' + 10; }

struct Octet {
  char value;
  std::size_t written;  // 3 of "%2F"
};

Octet octet_at(std::string_view text, std::size_t at) {
  if (text[at] == '%' && at + 2 < text.size() && text::is_hex(text[at + 1]) && text::is_hex(text[at + 2]))
    return {static_cast<char>(nibble(text[at + 1]) * 16 + nibble(text[at + 2])), 3};
  return {text[at], 1};
}

/// How much of the text's beginning is the secret, or as much of it as the text has room for; 0: it is not
/// there.
std::size_t prefix(std::string_view text, std::string_view secret, bool spelled) {
  if (text.starts_with(secret)) return secret.size();
  std::size_t at = 0, matched = 0;
  for (; matched < secret.size() && at < text.size(); ++matched) {
    const auto octet = octet_at(text, at);
    if (spelled && octet.value == secret[matched]) {
      at += octet.written;
      continue;
    }
    if (text[at] != secret[matched]) break;
    ++at;
  }
  if (matched == secret.size()) return at;
  const bool cut = at == text.size() || (spelled && text[at] == '%' && at + 3 > text.size());
  return cut && matched >= kTelling ? text.size() : 0;
}

template <class Each>
void for_each_part(std::string_view text, std::string_view between, Each each) {
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of(between), text.size());
    each(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto octet = octet_at(text, at);
    out += octet.value;
    at += octet.written;
  }
  return out;
}

void Secrets::add(std::string_view written) {
  if (written.empty()) return;
  secrets_.push_back({std::string(written), written.size() >= kTelling});
  if (auto decoded = percent_decoded(written); decoded != written && decoded.size() >= kTelling)
    secrets_.push_back({std::move(decoded), true});
}

void Secrets::add_url(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == url.npos) return;
  url.remove_prefix(scheme + 3);
  auto authority = url.substr(0, url.find_first_of("/?#"));
  url.remove_prefix(authority.size());
  if (const auto at = authority.rfind('@'); at != authority.npos) {
    authority = authority.substr(0, at);
    const auto colon = authority.find(':');
    add(colon == authority.npos ? authority : authority.substr(colon + 1));
  }
  const auto query = std::min(url.find('?'), url.size());
  for_each_part(url.substr(0, query), "/", [&](std::string_view segment) {
    if (segment.size() >= kToken) add(segment);
  });
  for_each_part(url.substr(query), "?&;#", [&](std::string_view field) {
    const auto equals = field.find('=');
    const auto value = equals == field.npos ? field : field.substr(equals + 1);
    if (value.size() >= kTelling) add(value);
  });
}

void Secrets::add_secret_url(std::string_view url) {
  add(url);
  const auto host = host_of_url(url);
  if (host.size() < kTelling) return;
  add(host);
  add(text::lower(host));
  if (const auto asked = to_a_labels(host)) add(*asked);
}

std::size_t Secrets::found(std::string_view text) const {
  std::size_t longest = 0;
  for (const auto& [octets, spelled] : secrets_)
    longest = std::max(longest, prefix(text, octets, spelled));
  return longest;
}

std::string Secrets::hide(std::string_view text) const {
  text = text.substr(0, kLooked);
  std::string out;
  while (!text.empty()) {
    const auto size = found(text);
    size > 0 ? out.append("***") : out.append(1, text.front());
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out;
}

}  // namespace stswatch
