#include "checks/facts/web_url.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "checks/facts/address.h"
#include "checks/facts/domain.h"

namespace stswatch {
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

}  // namespace stswatch
