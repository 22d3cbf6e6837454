#include "checks/facts/domain.h"

#include <idn2.h>
#include <libpsl.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "checks/facts/address.h"
#include "checks/facts/text.h"

namespace stswatch {

namespace {

constexpr std::size_t kNameOctets = 253;    // RFC 1035 §2.3.4, without the length octets at either end
constexpr std::size_t kLabelOctets = 63;    // RFC 1035 §2.3.4
constexpr std::size_t kTypedOctets = 1024;  // an A-label name of 253 octets has no longer U-label form

bool is_name_char(char c) { return text::is_alnum(c) || c == '-' || c == '_'; }

// Every label 1 to 63 octets of what DNS host names are seen to hold, at most 253 in all.
bool is_dns_name(std::string_view name) {
  if (name.empty() || name.size() > kNameOctets) return false;
  while (true) {
    const std::size_t dot = name.find('.');
    const std::string_view label = name.substr(0, dot);
    if (label.empty() || label.size() > kLabelOctets) return false;
    if (!std::all_of(label.begin(), label.end(), is_name_char)) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

// IDNA2008 with the non-transitional mapping of UTS 46: what DNS holds for a name as people write it.
std::optional<std::string> convert(std::string_view host) {
  if (std::all_of(host.begin(), host.end(), text::is_ascii)) return text::lower(host);
  if (host.size() > kTypedOctets || host.find('\0') != std::string_view::npos || !text::is_utf8(host)) {
    return std::nullopt;
  }
  const std::string z(host);
  std::uint8_t* raw = nullptr;
  const int rc = idn2_lookup_u8(reinterpret_cast<const std::uint8_t*>(z.c_str()), &raw,
                                IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
  const std::unique_ptr<std::uint8_t, decltype(&idn2_free)> held(raw, &idn2_free);
  if (rc != IDN2_OK || raw == nullptr) return std::nullopt;
  return text::lower(reinterpret_cast<const char*>(raw));
}

using Error = tl::unexpected<std::string>;

Error error(std::string_view typed, const std::string& what) {
  return Error(text::quoted_as_typed(typed) + ' ' + what);
}

// What people paste instead of a domain name.
std::optional<std::string> not_a_name(std::string_view typed) {
  const std::size_t scheme = typed.find("://");
  if (scheme != std::string_view::npos || typed.find('/') != std::string_view::npos) {
    std::string_view host = scheme == std::string_view::npos ? typed : typed.substr(scheme + 3);
    host = host.substr(0, host.find_first_of("/?#:"));
    return "is a URL or a path: give the domain alone" +
           (host.empty() ? std::string() : ", such as " + text::quoted_as_typed(host));
  }
  if (const std::size_t at = typed.rfind('@'); at != std::string_view::npos) {
    return "is a mail address: give the part behind the @, " + text::quoted_as_typed(typed.substr(at + 1));
  }
  std::string_view bare = typed;
  if (bare.starts_with('[')) bare.remove_prefix(1);
  if (bare.ends_with(']')) bare.remove_suffix(1);
  if (Address::parse(bare)) return "is an IP address: MTA-STS belongs to domain names, give one";
  if (typed.starts_with("*."))
    return "has a wildcard: give the domain itself, " + text::quoted_as_typed(typed.substr(2));
  if (const std::size_t colon = typed.find(':'); colon != std::string_view::npos) {
    return "has a colon: give the domain without a port, such as " +
           text::quoted_as_typed(typed.substr(0, colon));
  }
  return std::nullopt;
}

// Why one label cannot be part of a mail domain; A-labels and lower case by now.
std::optional<std::string> label_fault(std::string_view label) {
  if (label.empty()) return "has an empty label: remove the extra dot";
  const auto odd =
      std::find_if_not(label.begin(), label.end(), [](char c) { return text::is_alnum(c) || c == '-'; });
  if (odd != label.end() && *odd == '_') {
    return "has an underscore in the label " + text::quoted(label) +
           ": give the mail domain itself, without _mta-sts or the like";
  }
  if (odd != label.end()) {
    return "has an illegal character (" + text::octet(*odd) +
           "): only letters, digits, hyphens and dots may be used";
  }
  if (label.size() > kLabelOctets) {
    return "has a label of " + std::to_string(label.size()) + " octets: DNS allows 63, shorten " +
           text::quoted(label);
  }
  if (label.front() == '-' || label.back() == '-') {
    return "has a label that begins or ends with a hyphen: correct " + text::quoted(label);
  }
  return std::nullopt;
}

std::optional<std::string> name_fault(std::string_view name) {
  std::string_view rest = name;
  std::string_view last;
  std::size_t labels = 0;
  while (true) {
    const std::size_t dot = rest.find('.');
    last = rest.substr(0, dot);
    if (auto fault = label_fault(last)) return fault;
    ++labels;
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  if (name.size() > kNameOctets) {
    return "has " + std::to_string(name.size()) + " octets: a domain name has at most 253";
  }
  if (std::all_of(last.begin(), last.end(), text::is_digit)) {
    return "ends in a number, as no domain does: check it (an IP address has no MTA-STS)";
  }
  if (labels == 1) return "has only one label: give the full name, as in \"mail.example\"";
  return std::nullopt;
}

std::string_view without_space(std::string_view s) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  const std::size_t first = s.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return s.substr(first, s.find_last_not_of(kSpace) - first + 1);
}

const psl_ctx_t* suffixes() { return psl_builtin(); }

}  // namespace

tl::expected<Domain, std::string> Domain::parse(std::string_view typed) {
  const std::string_view text = without_space(typed);
  if (text.empty()) return Error("the name is empty: give a domain such as \"example.com\"");
  if (auto fault = not_a_name(text)) return error(text, *fault);
  if (text.size() > kTypedOctets) {
    return error(text, "has " + std::to_string(text.size()) + " octets: a domain name has at most 253");
  }
  auto name = convert(text);
  if (!name)
    return error(text,
                 "cannot be written as a domain name (IDNA2008): check its characters and label lengths");
  if (name->ends_with('.')) name->pop_back();
  if (name->empty()) return error(text, "is the DNS root: give a domain such as \"example.com\"");
  if (auto fault = name_fault(*name)) return error(text, *fault);
  return Domain(std::move(*name));
}

std::optional<std::string> to_a_labels(std::string_view host) {
  if (host.size() > kTypedOctets) return std::nullopt;
  auto name = convert(host);
  if (!name) return std::nullopt;
  if (name->ends_with('.')) name->pop_back();
  if (!is_dns_name(*name)) return std::nullopt;
  return name;
}

std::optional<std::string> name_glob(std::string_view typed) {
  typed = text::trim(typed);
  if (typed.size() > 1 && typed.ends_with('.')) typed.remove_suffix(1);
  std::string out;
  for (bool first = true;; first = false) {
    const auto label = typed.substr(0, typed.find('.'));
    const bool ascii = std::ranges::all_of(label, text::is_ascii);
    const auto converted = ascii ? text::lower(label) : to_a_labels(label);
    if (!converted) return std::nullopt;
    out += (first ? "" : ".") + *converted;
    if (label.size() == typed.size()) return out;
    typed.remove_prefix(label.size() + 1);
  }
}

std::optional<std::string> registrable_domain(std::string_view host) {
  const auto name = to_a_labels(host);
  if (!name || suffixes() == nullptr || Address::parse(*name)) return std::nullopt;
  const char* found = psl_registrable_domain(suffixes(), name->c_str());
  if (found == nullptr) return std::nullopt;
  return std::string(found);
}

bool is_public_suffix(std::string_view host) {
  const auto name = to_a_labels(host);
  return name && suffixes() != nullptr && !Address::parse(*name) &&
         psl_is_public_suffix(suffixes(), name->c_str()) == 1;
}

}  // namespace stswatch
