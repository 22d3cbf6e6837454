#include "checks/facts/uri.h"

#include <algorithm>
#include <string>

#include "checks/facts/address.h"
#include "checks/facts/domain.h"
#include "checks/facts/mx_pattern.h"
#include "checks/facts/text.h"

namespace stswatch {

namespace {

constexpr std::string_view kSubDelims = "!$&'()*+,;=";

bool is_unreserved(char c) { return text::is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~'; }
bool is_in(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

// *( unreserved / pct-encoded / sub-delims / extra )
bool is_made_of(std::string_view s, std::string_view extra) {
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (s[i] == '%') {
      if (i + 2 >= s.size() || !text::is_hex(s[i + 1]) || !text::is_hex(s[i + 2])) return false;
      i += 2;
    } else if (!is_unreserved(s[i]) && !is_in(s[i], kSubDelims) && !is_in(s[i], extra)) {
      return false;
    }
  }
  return true;
}

bool is_scheme(std::string_view s) {
  return !s.empty() && text::is_alpha(s.front()) && std::all_of(s.begin(), s.end(), [](char c) {
    return text::is_alnum(c) || c == '+' || c == '-' || c == '.';
  });
}

// IP-literal = "[" ( IPv6address / IPvFuture ) "]", without the brackets
bool is_ip_literal(std::string_view s) {
  const auto address = Address::parse(s);
  if (address) return address->is_v6();
  if (s.size() < 4 || text::lower(s.front()) != 'v') return false;
  const std::size_t dot = s.find('.');
  if (dot == std::string_view::npos || dot < 2 || dot + 1 == s.size()) return false;
  const std::string_view version = s.substr(1, dot - 1);
  const std::string_view rest = s.substr(dot + 1);
  return std::all_of(version.begin(), version.end(), text::is_hex) &&
         rest.find('%') == std::string_view::npos && is_made_of(rest, ":");
}

struct Authority {
  std::string_view host;  // an IP literal keeps its brackets
  std::string_view port;
};

std::optional<Authority> parse_authority(std::string_view s) {
  if (const std::size_t at = s.find('@'); at != std::string_view::npos) {
    if (!is_made_of(s.substr(0, at), ":")) return std::nullopt;
    s.remove_prefix(at + 1);
  }
  const bool literal = s.starts_with('[');
  if (literal && s.find(']') == std::string_view::npos) return std::nullopt;
  const std::size_t end = literal ? s.find(']') + 1 : std::min(s.find(':'), s.size());
  const Authority out{s.substr(0, end), s.substr(std::min(end + 1, s.size()))};
  if (end < s.size() && s[end] != ':') return std::nullopt;
  if (!std::all_of(out.port.begin(), out.port.end(), text::is_digit)) return std::nullopt;
  if (literal ? !is_ip_literal(out.host.substr(1, out.host.size() - 2)) : !is_made_of(out.host, "")) {
    return std::nullopt;
  }
  return out;
}

std::string decode(std::string_view s) {
  std::string out;
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (s[i] != '%' || i + 2 >= s.size()) {
      out += s[i];
      continue;
    }
    out += static_cast<char>(std::stoi(std::string(s.substr(i + 1, 2)), nullptr, 16));
    i += 2;
  }
  return out;
}

bool is_port(std::string_view port) {
  constexpr unsigned kMax = 65535;
  unsigned value = 0;
  for (const char c : port) {
    value = value * 10 + static_cast<unsigned>(c - '0');
    if (value > kMax) return false;
  }
  return port.empty() || value != 0;
}

bool is_https_host(std::string_view authority) {
  const auto parts = parse_authority(authority);
  if (!parts || parts->host.empty() || !is_port(parts->port)) return false;
  return parts->host.starts_with('[') || to_a_labels(decode(parts->host)).has_value();
}

// RFC 5321 §4.1.2: Mailbox = Local-part "@" ( Domain / address-literal ), loosely on the left.
bool is_mailbox(std::string_view address) {
  const std::size_t at = address.rfind('@');
  if (at == std::string_view::npos || at == 0) return false;
  const std::string_view local = address.substr(0, at);
  const std::string_view domain = address.substr(at + 1);
  const bool quoted = local.size() > 2 && local.front() == '"' && local.back() == '"';
  const auto odd = [&](char c) { return (c >= 0 && c <= ' ' && !(quoted && c == ' ')) || c == '\x7f'; };
  if (std::any_of(local.begin(), local.end(), odd)) return false;
  if (!quoted && local.find_first_of("@\"(),:;<>[]\\") != std::string_view::npos) return false;
  if (domain.size() > 2 && domain.front() == '[' && domain.back() == ']') return true;
  const auto name = to_a_labels(domain);
  return name && is_mx_pattern(*name);
}

// RFC 6068 §2: to = addr-spec *("," addr-spec), each percent-encoded; RFC 8460 §3 wants the comma encoded as
// well.
bool is_mailto_path(std::string_view path) {
  const std::string all = decode(path);
  std::string_view rest = all;
  while (true) {
    const std::size_t comma = rest.find(',');
    if (!is_mailbox(rest.substr(0, comma))) return false;
    if (comma == std::string_view::npos) return true;
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace

std::optional<Uri> parse_uri(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || !is_scheme(text.substr(0, colon))) return std::nullopt;
  Uri uri;
  uri.scheme = text.substr(0, colon);
  std::string_view rest = text.substr(colon + 1);
  for (const char mark : {'#', '?'}) {
    const std::size_t at = rest.find(mark);
    if (at == std::string_view::npos) continue;
    if (!is_made_of(rest.substr(at + 1), ":@/?")) return std::nullopt;
    rest = rest.substr(0, at);
  }
  if (rest.starts_with("//")) {
    const std::size_t end = std::min(rest.find('/', 2), rest.size());
    uri.authority = rest.substr(2, end - 2);
    if (!parse_authority(*uri.authority)) return std::nullopt;
    rest = rest.substr(end);
  }
  uri.path = rest;
  if (!is_made_of(uri.path, ":@/")) return std::nullopt;
  return uri;
}

bool is_report_address(const Uri& uri) {
  // RFC 3986 §3.1: schemes are case-insensitive. RFC 8460 §3: "Two URI schemes are supported: "mailto" and
  // "https""
  if (text::iequals(uri.scheme, "https")) return uri.authority && is_https_host(*uri.authority);
  if (text::iequals(uri.scheme, "mailto")) return !uri.authority && is_mailto_path(uri.path);
  return false;
}

}  // namespace stswatch
