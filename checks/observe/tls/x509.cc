#include "checks/observe/tls/x509.h"

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <iterator>
#include <string_view>
#include <utility>

#include "checks/facts/bounds.h"
#include "checks/facts/result.h"
#include "checks/facts/text.h"

namespace stswatch {
namespace {

constexpr std::size_t kDnsNameOctets = 253;  // RFC 1035 §2.3.4, as text: nothing longer names a host

// RFC 5280 §4.1.2.2: at most 20 octets; what is longer is cut, or one certificate would fill every page.
constexpr std::size_t kSerialKept = 100;

std::string ascii_lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

std::string_view view(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::string one_line(const X509_NAME* name) {
  BioPtr out(BIO_new(BIO_s_mem()));
  if (!out || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0) return {};
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return size <= 0 ? std::string() : printable({text, static_cast<std::size_t>(size)});
}

std::string common_name(const X509_NAME* subject) {
  int last = -1;
  for (int i = -1; (i = X509_NAME_get_index_by_NID(subject, NID_commonName, i)) >= 0;)
    last = i;
  if (last < 0) return {};
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)));
  if (size < 0) return {};
  std::string name = printable({reinterpret_cast<char*>(utf8), static_cast<std::size_t>(size)});
  OPENSSL_free(utf8);
  return name;
}

std::string serial(const X509* certificate) {
  std::unique_ptr<BIGNUM, FreeWith<BN_free>> number(
      ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  if (!number) return {};
  char* hex = BN_bn2hex(number.get());
  if (hex == nullptr) return {};
  std::string text = printable(ascii_lower(hex), kSerialKept);
  OPENSSL_free(hex);
  return text;
}

std::vector<std::string> dns_names(const X509* certificate) {
  std::vector<std::string> names;
  std::unique_ptr<GENERAL_NAMES, FreeWith<GENERAL_NAMES_free>> all(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; all && i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const GENERAL_NAME* entry = sk_GENERAL_NAME_value(all.get(), i);
    if (entry->type != GEN_DNS) continue;
    const auto name = view(entry->d.dNSName);
    // "good.example\0.evil.example" once passed for good.example: a name with a NUL is no name at all.
    if (name.empty() || name.size() > kDnsNameOctets || name.find('\0') != name.npos) continue;
    names.push_back(printable(ascii_lower(std::string(name)), 4 * kDnsNameOctets));
  }
  return names;
}

bool names_issuer_url(const X509* certificate) {
  std::unique_ptr<AUTHORITY_INFO_ACCESS, FreeWith<AUTHORITY_INFO_ACCESS_free>> access(
      static_cast<AUTHORITY_INFO_ACCESS*>(X509_get_ext_d2i(certificate, NID_info_access, nullptr, nullptr)));
  for (int i = 0; access && i < sk_ACCESS_DESCRIPTION_num(access.get()); ++i) {
    const ACCESS_DESCRIPTION* entry = sk_ACCESS_DESCRIPTION_value(access.get(), i);
    if (OBJ_obj2nid(entry->method) != NID_ad_ca_issuers || entry->location->type != GEN_URI) continue;
    const auto url = ascii_lower(std::string(view(entry->location->d.uniformResourceIdentifier)));
    if (url.starts_with("http://") || url.starts_with("https://")) return true;
  }
  return false;
}

std::string key_name(EVP_PKEY* key, int bits) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
      return "RSA " + std::to_string(bits);
    case EVP_PKEY_RSA_PSS:
      return "RSA-PSS " + std::to_string(bits);
    case EVP_PKEY_DSA:
      return "DSA " + std::to_string(bits);
    case EVP_PKEY_ED25519:
      return "Ed25519";
    case EVP_PKEY_ED448:
      return "Ed448";
    case EVP_PKEY_EC:
      break;
    default: {
      const char* name = EVP_PKEY_get0_type_name(key);
      return name == nullptr ? "unknown" : name;
    }
  }
  std::array<char, 64> group{};
  if (EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) != 1) return "ECDSA";
  const char* nist = EC_curve_nid2nist(OBJ_sn2nid(group.data()));
  return std::string("ECDSA ") + (nist != nullptr ? nist : group.data());
}

bool weak_key(EVP_PKEY* key, int bits) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS:
    case EVP_PKEY_DSA:
      return bits < 2048;
    case EVP_PKEY_EC:
      return bits < 224;
    default:
      return false;
  }
}

bool weak_signature(X509* certificate) {
  int digest = NID_undef;
  if (X509_get_signature_info(certificate, &digest, nullptr, nullptr, nullptr) != 1) return false;
  return digest == NID_sha1 || digest == NID_md5 || digest == NID_md5_sha1 || digest == NID_md4 ||
         digest == NID_md2;
}

std::string signature_name(const X509* certificate) {
  const int nid = X509_get_signature_nid(certificate);
  if (nid != NID_undef) return OBJ_nid2ln(nid);
  const X509_ALGOR* algorithm = nullptr;
  X509_get0_signature(nullptr, &algorithm, certificate);
  std::array<char, 80> dotted{};
  OBJ_obj2txt(dotted.data(), static_cast<int>(dotted.size()), algorithm->algorithm, 1);
  return dotted.data();
}

std::string spki_sha256(const X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (size < 0) return {};
  auto text = to_hex(fingerprint(der, static_cast<std::size_t>(size)));
  OPENSSL_free(der);
  return text;
}

}  // namespace

Fingerprint fingerprint(const void* octets, std::size_t size) {
  // Fetched once: OpenSSL 3.0 otherwise looks the algorithm up anew for each digest.
  static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  Fingerprint digest{};
  EVP_Digest(octets, size, digest.data(), nullptr, algorithm, nullptr);
  return digest;
}

Fingerprint fingerprint(const X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  if (size < 0) return {};
  auto digest = fingerprint(der, static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return digest;
}

std::string to_hex(const Fingerprint& digest) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * digest.size());
  for (unsigned char octet : digest) {
    text += kDigits[octet >> 4];
    text += kDigits[octet & 15];
  }
  return text;
}

TimePoint to_time(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return TimePoint(Seconds(timegm(&parts)));
}

Certificate describe(X509* certificate) {
  Certificate facts;
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const X509_NAME* issuer = X509_get_issuer_name(certificate);
  facts.subject = one_line(subject);
  facts.issuer = one_line(issuer);
  facts.common_name = common_name(subject);
  facts.serial = serial(certificate);
  facts.sha256 = to_hex(fingerprint(certificate));
  facts.spki_sha256 = spki_sha256(certificate);
  facts.dns_names = dns_names(certificate);
  facts.not_before = to_time(X509_get0_notBefore(certificate));
  facts.not_after = to_time(X509_get0_notAfter(certificate));
  facts.signature = signature_name(certificate);
  facts.self_issued = X509_NAME_cmp(subject, issuer) == 0;
  facts.names_issuer_url = names_issuer_url(certificate);
  facts.weak = !facts.self_issued && weak_signature(certificate);
  if (EVP_PKEY* key = X509_get0_pubkey(certificate)) {
    facts.key_bits = EVP_PKEY_get_bits(key);
    facts.key = key_name(key, facts.key_bits);
    facts.weak = facts.weak || weak_key(key, facts.key_bits);
  } else {
    facts.key = "unknown";
  }
  // RFC 5280 §4.2.1.12: without the extension every purpose is permitted, so there is nothing to say.
  if ((X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) != 0) {
    facts.server_auth = (X509_get_extended_key_usage(certificate) & (XKU_SSL_SERVER | XKU_ANYEKU)) != 0;
  }
  return facts;
}

namespace {

/// RFC 5280 §4.2.1.13: the full names of each point; one for some reasons only, or signed by another, is
/// left.
std::vector<std::string> http_lists(const X509* certificate) {
  std::vector<std::string> out;
  const std::unique_ptr<CRL_DIST_POINTS, FreeWith<CRL_DIST_POINTS_free>> points(static_cast<CRL_DIST_POINTS*>(
      X509_get_ext_d2i(certificate, NID_crl_distribution_points, nullptr, nullptr)));
  for (int i = 0; points && i < sk_DIST_POINT_num(points.get()); ++i) {
    const DIST_POINT* point = sk_DIST_POINT_value(points.get(), i);
    if (point->distpoint == nullptr || point->distpoint->type != 0) continue;
    if (point->reasons != nullptr || point->CRLissuer != nullptr) continue;
    const GENERAL_NAMES* names = point->distpoint->name.fullname;
    for (int n = 0; n < sk_GENERAL_NAME_num(names) && out.size() < IssuerBook::kCrlUrls; ++n) {
      const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, n);
      if (name->type != GEN_URI) continue;
      const ASN1_STRING* text = name->d.uniformResourceIdentifier;
      const std::string_view url(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                                 static_cast<std::size_t>(ASN1_STRING_length(text)));
      if (text::istarts_with(url, "http://") && url.size() <= IssuerBook::kUrlOctets) out.emplace_back(url);
    }
  }
  return out;
}

X509Ptr shared(X509* certificate) {
  X509_up_ref(certificate);
  return X509Ptr(certificate);
}

}  // namespace

void IssuerBook::note(X509* leaf, X509* issuer) {
  auto lists = http_lists(leaf);
  if (lists.empty()) return;
  auto key = to_hex(fingerprint(leaf));
  const std::lock_guard lock(mutex_);
  const bool fresh =
      known_.insert_or_assign(key, IssuedCertificate{shared(leaf), shared(issuer), std::move(lists)}).second;
  if (fresh) order_.push_back(std::move(key));
  while (order_.size() > kKept) {
    known_.erase(order_.front());
    order_.pop_front();
  }
}

std::optional<IssuedCertificate> IssuerBook::take(const std::string& sha256) {
  const std::lock_guard lock(mutex_);
  const auto it = known_.find(sha256);
  if (it == known_.end()) return std::nullopt;
  std::optional out(std::move(it->second));
  known_.erase(it);
  return out;
}

namespace {

constexpr Seconds kEdge{1};  // whether a certificate counts at its very date is OpenSSL's to say

}  // namespace

void VerifiedChains::add_dates(const X509* certificate, std::set<TimePoint>& dates) {
  const auto begin = to_time(X509_get0_notBefore(certificate));
  dates.insert(begin);
  dates.insert(begin - bounds::kClockTolerance);  // RULES 4.2: a few minutes young is no fault
  dates.insert(to_time(X509_get0_notAfter(certificate)));
}

std::size_t VerifiedChains::Hash::operator()(const Fingerprint& digest) const {
  std::size_t out = 0;
  std::memcpy(&out, digest.data(), sizeof out);
  return out;
}

std::optional<VerifiedChain> VerifiedChains::recall(const Fingerprint& chain, TimePoint now) const {
  const std::lock_guard lock(mutex_);
  const auto it = known_.find(chain);
  if (it == known_.end() || now - kEdge <= it->second.after || now + kEdge >= it->second.before)
    return std::nullopt;
  ++recalled_;
  return it->second.verdict;
}

void VerifiedChains::note(const Fingerprint& chain, TimePoint now, const std::set<TimePoint>& dates,
                          VerifiedChain verdict) {
  Known known{TimePoint::min(), TimePoint::max(), std::move(verdict)};
  for (const auto* all : {&dates, &std::as_const(root_dates_)}) {
    const auto next = all->lower_bound(now - kEdge);
    if (next != all->end() && *next <= now + kEdge) return;  // at this very moment it changes
    if (next != all->end()) known.before = std::min(known.before, *next);
    if (next != all->begin()) known.after = std::max(known.after, *std::prev(next));
  }
  const std::lock_guard lock(mutex_);
  if (known_.insert_or_assign(chain, std::move(known)).second) order_.push_back(chain);
  while (order_.size() > kept_) {
    known_.erase(order_.front());
    order_.pop_front();
  }
}

std::size_t VerifiedChains::size() const {
  const std::lock_guard lock(mutex_);
  return known_.size();
}

std::size_t VerifiedChains::recalled() const {
  const std::lock_guard lock(mutex_);
  return recalled_;
}

}  // namespace stswatch
