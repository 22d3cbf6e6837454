// One TLSA record (RFC 6698 §2.1): its text, whether SMTP can use it (RFC 7672 §3.1), and at which name it is
// looked for (§2.2.2, §2.2.3). And what a look saw of a chain beside it. Plain values and pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checks/facts/result.h"

namespace stswatch {

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
