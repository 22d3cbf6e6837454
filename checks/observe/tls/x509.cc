#include "checks/observe/tls/x509.h"

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <algorithm>
#include <ctime>
#include <string_view>

#include "checks/facts/result.h"

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

}  // namespace stswatch
