#include "agent/tell/door/request_reader.h"

#include <algorithm>
#include <charconv>

#include "agent/tell/door/bounds.h"

namespace stswatch::door {
namespace {

tl::unexpected<Refusal> refuse(int status, std::string why) {
  return tl::make_unexpected(Refusal{status, std::move(why)});
}

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
constexpr bool digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool letter(char c) { return lower(c) >= 'a' && lower(c) <= 'z'; }

/// RFC 9110 §5.6.2
constexpr bool token_char(char c) {
  return letter(c) || digit(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
bool token(std::string_view s) { return !s.empty() && std::ranges::all_of(s, token_char); }

std::string_view trimmed(std::string_view s) {
  const auto begin = s.find_first_not_of(" \t");
  if (begin == s.npos) return {};
  return s.substr(begin, s.find_last_not_of(" \t") - begin + 1);
}

/// RFC 3986 §3.2.2 and a port; what a name on the web can hold. Strict, since rights depend on it.
bool authority(std::string_view s) {
  return std::ranges::all_of(s, [](char c) {
    return letter(c) || digit(c) || std::string_view("-._~[]:%").find(c) != std::string_view::npos;
  });
}

template <class Take>
void each_word(std::string_view list, Take take) {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    take(trimmed(list.substr(0, comma)));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
}

std::optional<Refusal> read_method(std::string_view method) {
  for (const auto* known : {"GET", "HEAD", "POST"})
    if (method == known) return std::nullopt;
  for (const auto* known : {"PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"})
    if (method == known) return Refusal{405, "nothing here takes this method: use GET, HEAD or POST"};
  return Refusal{501, "this method is not known here"};
}

/// RFC 9112 §3: method SP target SP version, with one space each.
std::optional<Refusal> read_request_line(std::string_view line, RequestHead& head, bool& http10) {
  const auto first = line.find(' '), last = line.rfind(' ');
  if (first == line.npos || first == last) return Refusal{400, "this is no request line"};
  const auto method = line.substr(0, first), version = line.substr(last + 1);
  auto target = line.substr(first + 1, last - first - 1);
  if (!token(method)) return Refusal{400, "this is no request line"};
  if (version.size() != 8 || !version.starts_with("HTTP/") || !digit(version[5]) || version[6] != '.' ||
      !digit(version[7]))
    return Refusal{400, "this is no version of HTTP"};
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return Refusal{505, "HTTP/1.1 is spoken here"};
  http10 = version == "HTTP/1.0";
  if (auto wrong = read_method(method)) return wrong;
  if (target.size() > kTarget) return Refusal{414, "this path is too long"};
  if (target.empty() || !std::ranges::all_of(target, [](char c) { return c > ' ' && c < 0x7f; }))
    return Refusal{400, "this path holds what a path cannot"};
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!same_word(target.substr(0, scheme.size()), scheme)) continue;
    target.remove_prefix(scheme.size());
    const auto end = std::min(target.find_first_of("/?"), target.size());
    head.host = target.substr(0, end);
    if (head.host.empty()) return Refusal{400, "this target names no host"};
    target.remove_prefix(end);
  }
  head.target = target.starts_with('/') ? target : "/" + std::string(target);
  if (head.host.empty() && !target.starts_with('/')) return Refusal{400, "a path begins with /"};
  head.method = method;
  return std::nullopt;
}

/// RFC 9112 §6.3, without its leniency: one length, or chunks, or no body.
std::optional<Refusal> read_framing(RequestHead& head, bool http10, std::size_t lengths,
                                    std::size_t codings) {
  if (lengths > 1) return Refusal{400, "two lengths"};
  if (codings > 1 || (codings > 0 && lengths > 0) || (codings > 0 && http10))
    return Refusal{400, "a length and a transfer coding, or two"};
  if (codings > 0) {
    if (!same_word(head.value("transfer-encoding"), "chunked"))
      return Refusal{501, "of transfer codings only chunked is read"};
    head.chunked = true;
  }
  if (lengths > 0) {
    const auto text = head.value("content-length");
    const bool number = !text.empty() && std::ranges::all_of(text, digit);
    if (!number) return Refusal{400, "the length is no number"};
    const auto end = text.data() + text.size();
    if (std::from_chars(text.data(), end, head.length).ec != std::errc())
      return Refusal{413, "this body is too long"};
    if (head.length > body_bound(head.path())) return Refusal{413, "this body is too long"};
  }
  return std::nullopt;
}

std::optional<Refusal> read_host(RequestHead& head, bool http10, std::size_t hosts) {
  if (hosts > 1 || (hosts == 0 && !http10)) return Refusal{400, "one Host header is wanted"};
  if (!authority(head.value("host")) || !authority(head.host)) return Refusal{400, "Host names no host"};
  if (head.host.empty()) head.host = head.value("host");
  return std::nullopt;
}

std::optional<Refusal> read_meaning(RequestHead& head, bool http10) {
  std::size_t lengths = 0, codings = 0, hosts = 0;
  head.keep = !http10;
  for (const auto& [name, value] : head.headers) {
    lengths += same_word(name, "content-length");
    codings += same_word(name, "transfer-encoding");
    hosts += same_word(name, "host");
    if (same_word(name, "connection"))
      each_word(value, [&](std::string_view word) { head.keep &= !same_word(word, "close"); });
    if (same_word(name, "content-encoding") && !value.empty() && !same_word(value, "identity"))
      return Refusal{415, "send the body as it is, without a content encoding"};
    if (same_word(name, "content-type") && same_word(value.substr(0, 10), "multipart/"))
      return Refusal{415, "send form fields as application/x-www-form-urlencoded"};
    if (same_word(name, "expect")) {
      if (!same_word(value, "100-continue")) return Refusal{417, "this expectation is not known here"};
      head.wants_continue = !http10;
    }
  }
  if (auto wrong = read_framing(head, http10, lengths, codings)) return wrong;
  return read_host(head, http10, hosts);
}

}  // namespace

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view RequestHead::value(std::string_view name) const {
  const auto found = std::ranges::find_if(headers, [&](const Header& h) { return same_word(h.name, name); });
  return found == headers.end() ? std::string_view() : std::string_view(found->value);
}

tl::expected<Header, Refusal> parse_header(std::string_view line) {
  if (line.size() > kHeaderLine) return refuse(431, "a header line is too long");
  // RFC 9112 §5.2: a folded line is refused; §5.1: so is a space before the colon.
  const auto colon = line.find(':');
  if (colon == line.npos || !token(line.substr(0, colon))) return refuse(400, "this is no header line");
  const auto value = trimmed(line.substr(colon + 1));
  const auto control = [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 0x7f; };
  if (std::ranges::any_of(value, control)) return refuse(400, "a header holds a control character");
  return Header{std::string(line.substr(0, colon)), std::string(value)};
}

tl::expected<RequestHead, Refusal> parse_head(std::string_view text) {
  RequestHead head;
  bool http10 = false;
  const auto next_line = [&] {
    const auto end = text.find("\r\n");
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(line.size() + 2, text.size()));
    return line;
  };
  if (auto wrong = read_request_line(next_line(), head, http10))
    return tl::make_unexpected(std::move(*wrong));
  while (!text.empty()) {
    if (head.headers.size() == kHeaderLines) return refuse(431, "these are too many header lines");
    auto header = parse_header(next_line());
    if (!header) return tl::make_unexpected(std::move(header.error()));
    head.headers.push_back(std::move(*header));
  }
  if (auto wrong = read_meaning(head, http10)) return tl::make_unexpected(std::move(*wrong));
  return head;
}

}  // namespace stswatch::door
