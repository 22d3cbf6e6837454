#include "agent/tell/door/web_gate.h"

#include <algorithm>

#include "checks/facts/result.h"

namespace stswatch::door {
namespace {

std::string lowered(std::string_view s) {
  std::string out(s);
  for (auto& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

/// Of an authority, in lower case, without port, brackets and a final dot.
std::string host_of(std::string_view authority) {
  auto host = authority;
  if (host.starts_with('[')) {
    host = host.substr(1, host.find(']') - 1);
  } else if (std::ranges::count(host, ':') == 1) {
    host = host.substr(0, host.find(':'));
  }
  if (host.ends_with('.')) host.remove_suffix(1);
  return lowered(host);
}

/// "https://a.example:443/x" as "https://a.example"; empty for what is no URL.
std::string origin_of(std::string_view url) {
  const auto scheme_end = url.find("://");
  if (scheme_end == url.npos) return {};
  const auto scheme = lowered(url.substr(0, scheme_end));
  auto authority = url.substr(scheme_end + 3);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  const std::string_view usual = scheme == "https" ? ":443" : ":80";
  if (authority.ends_with(usual)) authority.remove_suffix(usual.size());
  return authority.empty() ? std::string() : scheme + "://" + lowered(authority);
}

bool is_loopback(const Address& address) { return address.not_public_reason() == "loopback"; }

bool known(std::string_view authority, const OwnNames& own) {
  const auto host = host_of(authority);
  if (host.empty()) return false;
  if (host == "localhost") return true;
  if (const auto address = Address::parse(host); address && (is_loopback(*address) || own.is_ours(*address)))
    return true;
  if (const auto external = origin_of(own.external_url); !external.empty())
    if (host == host_of(external.substr(external.find("://") + 3))) return true;
  return std::ranges::any_of(own.hosts, [&](const std::string& each) { return host == host_of(each); });
}

/// The origin is the host that was asked, by either scheme (a proxy may speak TLS before us), or the one that
/// people know the service by.
bool own_origin(std::string_view origin, std::string_view host, const OwnNames& own) {
  const auto from = origin_of(origin);
  if (from.empty()) return false;
  if (from == origin_of(own.external_url)) return true;
  return from == origin_of("http://" + std::string(host)) ||
         from == origin_of("https://" + std::string(host));
}

/// Of the same name, whatever the ports.
bool same_name(std::string_view origin, std::string_view host) {
  const auto from = origin_of(origin);
  return !from.empty() && host_of(from.substr(from.find("://") + 3)) == host_of(host);
}

/// A page cannot forge what the browser says.
bool same_origin_says_browser(const RequestHead& head) {
  return head.value("sec-fetch-site") == "same-origin";
}

std::string another_port(std::string_view origin, std::string_view host) {
  return "this was sent by a page of this name on another port (Origin " + printable(origin) + ", Host " +
         printable(host) + "): let the proxy hand on Host with its port, or set external_url";
}

}  // namespace

std::optional<std::string> foreign(const RequestHead& head, const OwnNames& own) {
  if (head.method != "POST") return std::nullopt;
  if (!known(head.host, own))
    return "the Host of this request is no name of this service: add it to agent.hosts, or ask by an address";
  constexpr const char* kAnother = "this was sent by a page of another site";
  for (const auto& [name, value] : head.headers) {
    if (same_word(name, "sec-fetch-site") && value != "same-origin" && value != "none") return kAnother;
    if (!same_word(name, "origin") || own_origin(value, head.host, own)) continue;
    if (!same_name(value, head.host)) return kAnother;
    // A proxy on another port may drop it from Host; without the browser's word it is another service's page.
    if (!same_origin_says_browser(head)) return another_port(value, head.host);
  }
  return std::nullopt;
}

}  // namespace stswatch::door
