// A domain name in the one form everything else relies on: A-labels, lower case, no final dot.
// Immutable; share freely. The only file behind it (domain.cc) that calls libidn2 and libpsl.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace stswatch {

class Domain {
 public:
  /// From what a person types: U-labels are converted (IDNA2008, non-transitional), case is folded, one final
  /// dot and surrounding white space are dropped. The error says what is wrong with the text and how to mend
  /// it: empty, over 253 octets, a label over 63, an illegal character, an address, a URL, a mail address, a
  /// single label.
  static tl::expected<Domain, std::string> parse(std::string_view typed);

  const std::string& str() const { return name_; }
  std::string policy_host() const { return "mta-sts." + name_; }       // RFC 8461 §3.2
  std::string sts_record_name() const { return "_mta-sts." + name_; }  // RFC 8461 §3.1
  std::string tlsrpt_name() const { return "_smtp._tls." + name_; }    // RFC 8460 §3

  auto operator<=>(const Domain&) const = default;

 private:
  explicit Domain(std::string name) : name_(std::move(name)) {}
  std::string name_;
};

/// The A-label form of any host name (MX target, policy pattern without "*."): lower case, no final dot.
/// nullopt where IDNA cannot convert it. ASCII names with underscores or single labels pass: DNS has them.
std::optional<std::string> to_a_labels(std::string_view host);

/// The same of a glob of names as people write it ("*" for any run of characters, "?" for one), without
/// surrounding white space. nullopt: a label that is not ASCII cannot be converted, as none with a wildcard
/// can.
std::optional<std::string> name_glob(std::string_view typed);

/// The registrable domain ("example.co.uk") by the public suffix list; nullopt for a public suffix itself.
std::optional<std::string> registrable_domain(std::string_view host);

/// True when the name is itself a public suffix (private section included, e.g. a shared hosting suffix).
bool is_public_suffix(std::string_view host);

}  // namespace stswatch
