// Certificates as a peer showed them, and the TLSA records that vouch for them. Plain values and pure
// functions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checks/facts/result.h"
#include "checks/facts/shared.h"
#include "checks/facts/text.h"

namespace stswatch {

// Certificates as a peer showed them: kept whether or not they verify, so that bad ones can be described.

struct Certificate {
  std::string subject;  // RFC 2253 one-line form, printable
  std::string issuer;
  std::string common_name;  // of the subject; empty if none. Never an identity here: only DNS-IDs are (RFC
                            // 8461 §3.3, §4.2)
  std::string serial;       // lower-case hex
  std::string sha256;       // of the DER, lower-case hex
  std::string spki_sha256;  // of the SubjectPublicKeyInfo, lower-case hex
  std::vector<std::string> dns_names;  // SAN dNSName, lower case, as in the certificate
  TimePoint not_before{};
  TimePoint not_after{};
  std::string key;  // "ECDSA P-256", "RSA 2048", "Ed25519"
  int key_bits = 0;
  std::string signature;  // "ecdsa-with-SHA256"
  bool weak = false;  // RSA below 2048 bits, EC below 224, or an MD5/SHA-1 signature (self-issued excepted)
  bool self_issued = false;         // subject == issuer
  bool names_issuer_url = false;    // AIA with an http caIssuers URL
  std::optional<bool> server_auth;  // extendedKeyUsage permits serverAuth; nullopt without that extension

  bool operator==(const Certificate&) const = default;
};

/// One reason why the chain as sent does not verify; names not among them.
struct ChainFault {
  enum class Kind {
    expired,
    not_yet_valid,
    self_signed,
    unknown_issuer,
    wrong_purpose,
    weak,
    revoked,
    other
  };
  Kind kind = Kind::other;
  int depth = 0;     // 0 is the leaf
  std::string text;  // OpenSSL's words
  bool operator==(const ChainFault&) const = default;
};

struct PeerCertificates {
  Certificate leaf;
  SharedList<Certificate> chain;  // what was sent after the leaf, as sent
  std::vector<ChainFault>
      faults;  // empty: the chain leads to a trusted root, all dates hold at the time of the look
  std::vector<std::size_t>
      used;  // indices into `chain` of those the verified path uses; all when it does not verify
  bool last_issuer_trusted = false;  // the issuer of the last certificate sent is in the trust store
  bool name_matches = false;         // a DNS-ID of the leaf matches the host we asked for
  // "FILE: why": it verifies, but not against the older store that the operator named; empty otherwise.
  std::string elder_refuses{};
  std::optional<bool> revoked{};  // by the CRL of its issuer; null: not looked at, or not to be had
  std::string revocation{};       // of what is revoked: since when, why, by which list

  bool trusted() const { return faults.empty(); }
  bool good() const { return trusted() && name_matches; }
  /// Nothing is wrong with it but its dates, by the clock of the look.
  bool bad_by_dates_alone() const;
  bool has(ChainFault::Kind kind) const;
  /// The earliest end among the leaf and the sent certificates that the path needs.
  TimePoint chain_not_after() const;
  /// The certificate that sets chain_not_after().
  const Certificate& first_to_expire() const;
  /// The first fault's text, or empty.
  std::string verify_error() const;
  bool operator==(const PeerCertificates&) const = default;
};

/// Any DNS-ID of the leaf names the host (RFC 8461 §4.2: wildcard = the whole left-most label; CN never
/// counts).
bool names_host(const Certificate& leaf, std::string_view host);

// One TLSA record (RFC 6698 §2.1): its text, whether SMTP can use it (RFC 7672 §3.1), and at which name it is
// looked for (§2.2.2, §2.2.3). And what a look saw of a chain beside it. Plain values and pure functions.

struct TlsaRecord {
  std::uint8_t usage = 0, selector = 0, matching = 0;
  std::string data{};  // certificate association data as lower-case hex
  std::size_t octets() const { return data.size() / 2; }
  bool full() const { return matching == 0; }
  std::string str() const;    // "3 1 1 e3b0c442..."
  std::string brief() const;  // the same, its data shortened to what tells it apart
  bool operator==(const TlsaRecord&) const = default;
};

using TlsaAnswer = Answer<TlsaRecord>;

/// RFC 6698 §2.2: three numbers, then hex digits in which blanks may stand; nullopt for anything else.
std::optional<TlsaRecord> parse_tlsa(std::string_view text);

/// RFC 7672 §3.1.3: usages 0 and 1 ask for a public CA, which SMTP does not have; some call them unusable.
inline bool is_pkix(const TlsaRecord& record) { return record.usage < 2; }

/// A sender can use it (RFC 7671 §10.3): usage 2 or 3, a selector and matching type that are known, a digest
/// of its length; in place of a digest something that has the outline of a certificate or key.
bool is_usable(const TlsaRecord& record);

/// What one record says of the chain that a server sent, its names left aside.
struct TlsaMatch {
  TlsaRecord record{};
  bool refused = false;  // OpenSSL cannot read its data as certificate or key
  bool sent = false;     // usage 2: the server sent the certificate that it names
  bool matches = false;  // usage 3: the leaf. Usage 2: the path from the leaf to that certificate verifies
  bool operator==(const TlsaMatch&) const = default;
};

/// Where TLSA records are looked for: "_25._tcp.mx.example.com".
std::string tlsa_name(std::string_view base, std::uint16_t port);
/// The TLSA base domain of such a name; empty for another.
std::string_view tlsa_base(std::string_view name);

struct AliasState {
  std::string target;
  bool secure = false;
};

/// RFC 7672 §2.2.2 and §2.2.3, the names to try in order: the end of a chain of aliases that is secure
/// throughout, then the host itself, if at least the first alias is; none where DANE does not apply.
std::vector<std::string> tlsa_bases(const std::string& host, std::span<const AliasState> aliases,
                                    bool addresses_secure);

}  // namespace stswatch
