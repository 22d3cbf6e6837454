// What TLSA records say of a chain, by OpenSSL's DANE functions and without a connection (RFC 6698 §2.1, RFC
// 7671 §5). Each record is held against the chain by itself, so that a judge can weigh them; names are the
// judge's too. For checks/observe, and for the command that judges files.
#pragma once

#include <openssl/x509.h>
#include <span>
#include <string>
#include <vector>

#include "checks/facts/certificate.h"
#include "checks/facts/tlsa.h"

namespace stswatch {

/// `sent`: the leaf first, as the server sent them. Dates hold or not at `now`; usage 3 ignores them.
std::vector<TlsaMatch> match_tlsa(std::span<const TlsaRecord> records, STACK_OF(X509) * sent, TimePoint now);

/// The same of PEM texts, one certificate each.
struct ChainMatch {
  std::optional<Certificate> leaf;  // empty: the first text is no certificate
  std::vector<TlsaMatch> matches;
};
ChainMatch match_tlsa(std::span<const TlsaRecord> records, std::span<const std::string> pem, TimePoint now);

}  // namespace stswatch
