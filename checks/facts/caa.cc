#include "checks/facts/caa.h"

#include <algorithm>
#include <array>
#include <optional>

#include "checks/facts/text.h"

namespace stswatch {
namespace {

constexpr std::size_t kDepth = 16;  // no host of mail lies deeper

bool is_label_octet(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::string_view trimmed(std::string_view value) {
  const auto first = value.find_first_not_of(" \t");
  if (first == value.npos) return {};
  return value.substr(first, value.find_last_not_of(" \t") - first + 1);
}

/// RFC 8659 §4.2: the CA that an issue or issuewild property names; empty where it names none, or where its
/// value is malformed, which comes to the same. What parameters ask for is between the owner and the CA.
std::string issuer_of(std::string_view value) {
  const auto name = trimmed(value.substr(0, value.find(';')));
  const bool good =
      std::ranges::all_of(name, [](char c) { return is_label_octet(c) || c == '-' || c == '.'; });
  return good ? text::lower(name) : std::string();
}

enum class Tag { issue, issuewild, other, maybe_unknown, unknown };

/// Every CA has to know the three of RFC 8659; those registered since, some do.
Tag tag_of(const CaaRecord& record) {
  const std::string tag = text::lower(record.tag);
  if (tag == "issue") return Tag::issue;
  if (tag == "issuewild") return Tag::issuewild;
  if (tag == "iodef" || !record.critical()) return Tag::other;
  constexpr std::array kRegistered{"contactemail", "contactphone", "issuemail", "issuevmc",
                                   "auth",         "path",         "policy"};
  return std::ranges::find(kRegistered, tag) != kRegistered.end() ? Tag::maybe_unknown : Tag::unknown;
}

}  // namespace

std::vector<std::string> caa_names(const std::string& host) {
  std::vector<std::string> out;
  for (std::string_view name = host; !name.empty();) {
    if (out.size() == kDepth) return {};
    out.emplace_back(name);
    const auto dot = name.find('.');
    name = dot == name.npos ? std::string_view() : name.substr(dot + 1);
  }
  return out;
}

const CaaAnswer* governing_set(std::span<const CaaAnswer> sets, std::string_view name) {
  auto at = std::ranges::find(sets, name, &CaaAnswer::name);
  for (; at != sets.end(); ++at) {
    if (at->lookup == Lookup::unknown) return nullptr;
    if (!at->records.empty()) return &*at;
  }
  return nullptr;
}

std::optional<bool> allows(std::span<const CaaRecord> set, std::span<const std::string_view> identifiers,
                           bool wildcard) {
  bool in_doubt = false, any_issue = false, any_wild = false, by_issue = false, by_wild = false;
  for (const CaaRecord& record : set) {
    const Tag tag = tag_of(record);
    // RFC 8659 §4.1: a CA that does not know a critical property must not issue.
    if (tag == Tag::unknown) return false;
    in_doubt |= tag == Tag::maybe_unknown;
    if (tag != Tag::issue && tag != Tag::issuewild) continue;
    const std::string who = issuer_of(record.value);
    const bool ours =
        identifiers.empty() ? !who.empty() : std::ranges::find(identifiers, who) != identifiers.end();
    (tag == Tag::issue ? any_issue : any_wild) = true;
    (tag == Tag::issue ? by_issue : by_wild) |= ours;
  }
  // RFC 8659 §4.3: issuewild takes the place of issue for a wildcard, and means nothing otherwise. A set that
  // has neither restricts nobody (§4.2).
  const bool restricted = wildcard && any_wild ? true : any_issue;
  const bool allowed = !restricted || (wildcard && any_wild ? by_wild : by_issue);
  if (!allowed) return false;
  return in_doubt ? std::nullopt : std::optional(true);
}

// Public CAs by the organization in the issuer of what they sign, and the names that their practice
// statements (CP/CPS §4.2, as CA/B Forum Baseline Requirements §2.2 asks) and the CCADB list "CAA
// identifiers" give for CAA records. A CA that is not here is not known, and nothing is said of it. Where a
// group of companies answers to the names of several, all of them stand here: a name too many costs a warning
// that is not given, one too few would give a false one.

namespace {

constexpr std::string_view kLetsEncrypt[] = {"letsencrypt.org"};
constexpr std::string_view kGoogle[] = {"pki.goog", "google.com"};
constexpr std::string_view kDigiCert[] = {"digicert.com",
                                          "www.digicert.com",
                                          "digicert.ne.jp",
                                          "cybertrust.ne.jp",
                                          "symantec.com",
                                          "thawte.com",
                                          "geotrust.com",
                                          "rapidssl.com",
                                          "verisign.com",
                                          "quovadisglobal.com",
                                          "digitalcertvalidation.com",
                                          "volusion.digitalcertvalidation.com",
                                          "stratossl.digitalcertvalidation.com",
                                          "intermediatecertificate.digitalcertvalidation.com",
                                          "1and1.digitalcertvalidation.com",
                                          "amazon.com",
                                          "amazontrust.com",
                                          "awstrust.com",
                                          "amazonaws.com"};
// Entrust's public roots went to Sectigo in 2025, and its customers are served by Sectigo or SSL.com.
constexpr std::string_view kSectigo[] = {"sectigo.com", "usertrust.com",   "trust-provider.com",
                                         "comodo.com",  "comodoca.com",    "netsolssl.com",
                                         "entrust.net", "affirmtrust.com", "zerossl.com"};
constexpr std::string_view kEntrust[] = {"entrust.net", "affirmtrust.com", "sectigo.com", "ssl.com"};
constexpr std::string_view kGlobalSign[] = {"globalsign.com"};
constexpr std::string_view kGoDaddy[] = {"godaddy.com", "starfieldtech.com"};
constexpr std::string_view kAmazon[] = {"amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"};
constexpr std::string_view kMicrosoft[] = {"microsoft.com", "digicert.com"};
constexpr std::string_view kBuypass[] = {"buypass.com", "buypass.no"};
constexpr std::string_view kActalis[] = {"actalis.it"};
constexpr std::string_view kSslCom[] = {"ssl.com"};
constexpr std::string_view kCertum[] = {"certum.pl", "certum.eu", "yandex.ru"};
constexpr std::string_view kHarica[] = {"harica.gr"};
constexpr std::string_view kSwissSign[] = {"swisssign.com", "swisssign.net", "swissigngroup.com"};
constexpr std::string_view kDTrust[] = {"d-trust.net", "d-trust.de", "dtrust.de", "dtrust.net"};
constexpr std::string_view kTelekom[] = {"telesec.de", "pki.dfn.de", "dfn.de"};
constexpr std::string_view kIdenTrust[] = {"identrust.com"};
constexpr std::string_view kGeant[] = {"sectigo.com",  "usertrust.com", "trust-provider.com",
                                       "comodoca.com", "comodo.com",    "harica.gr"};

struct Issuer {
  std::string_view organization;
  std::span<const std::string_view> identifiers;
};

constexpr Issuer kIssuers[] = {
    {"Let's Encrypt", kLetsEncrypt},
    {"Internet Security Research Group", kLetsEncrypt},
    {"Google Trust Services", kGoogle},
    {"Google Trust Services LLC", kGoogle},
    {"DigiCert Inc", kDigiCert},
    {"DigiCert, Inc.", kDigiCert},
    {"Sectigo Limited", kSectigo},
    {"COMODO CA Limited", kSectigo},
    {"The USERTRUST Network", kSectigo},
    {"ZeroSSL", kSectigo},
    {"Entrust, Inc.", kEntrust},
    {"GlobalSign nv-sa", kGlobalSign},
    {"GoDaddy.com, Inc.", kGoDaddy},
    {"Starfield Technologies, Inc.", kGoDaddy},
    {"Amazon", kAmazon},
    {"Microsoft Corporation", kMicrosoft},
    {"Buypass AS-983163327", kBuypass},
    {"Actalis S.p.A.", kActalis},
    {"SSL Corporation", kSslCom},
    {"SSL Corp", kSslCom},
    {"Unizeto Technologies S.A.", kCertum},
    {"Asseco Data Systems S.A.", kCertum},
    {"Hellenic Academic and Research Institutions CA", kHarica},
    {"Hellenic Academic and Research Institutions Cert. Authority", kHarica},
    {"SwissSign AG", kSwissSign},
    {"D-Trust GmbH", kDTrust},
    {"Deutsche Telekom Security GmbH", kTelekom},
    {"T-Systems International GmbH", kTelekom},
    {"IdenTrust", kIdenTrust},
    {"GEANT Vereniging", kGeant},
};

/// The value of O in a distinguished name; RFC 2253 §2.4 escapes commas and the like with a backslash.
std::optional<std::string> organization_of(std::string_view name) {
  std::string part;
  const auto found = [&] { return part.starts_with("O=") || part.starts_with("o="); };
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (c == '\\' && i + 1 < name.size()) {
      part += name[++i];
    } else if (c == ',' || c == '+') {
      if (found()) return part.substr(2);
      part.clear();
    } else if (!(part.empty() && c == ' ')) {
      part += c;
    }
  }
  return found() ? std::optional(part.substr(2)) : std::nullopt;
}

}  // namespace

std::span<const std::string_view> caa_identifiers(std::string_view issuer) {
  const auto organization = organization_of(issuer);
  if (!organization) return {};
  const auto* row = std::ranges::find(kIssuers, *organization, &Issuer::organization);
  return row == std::end(kIssuers) ? std::span<const std::string_view>() : row->identifiers;
}

}  // namespace stswatch
