#include "checks/facts/secrets.h"

#include <algorithm>

#include "checks/facts/domain.h"
#include "checks/facts/text.h"
#include "checks/facts/web_url.h"

namespace stswatch {
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
