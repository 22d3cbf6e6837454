// The certificates of verified chains that name a CRL over http, each with its issuer, for the moment between
// their handshake and the question whether they are revoked (RFC 5280 §4.2.1.13). Thread-safe; bounded.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "checks/observe/tls/x509.h"

namespace stswatch {

struct IssuedCertificate {
  X509Ptr leaf, issuer;
  std::vector<std::string> lists;  // URLs of its CRL, http only, at most kCrlUrls
};

class IssuerBook {
 public:
  static constexpr std::size_t kKept = 1024;  // some 8 MiB
  static constexpr std::size_t kCrlUrls = 2;
  static constexpr std::size_t kUrlOctets = 1000;

  /// Nothing of a certificate that names no such list.
  void note(X509* leaf, X509* issuer);
  /// By the SHA-256 of the leaf's DER, lower-case hex; once.
  std::optional<IssuedCertificate> take(const std::string& sha256);

 private:
  std::mutex mutex_;
  std::map<std::string, IssuedCertificate> known_;  // guarded by mutex_
  std::deque<std::string> order_;                   // of known_, and of what was taken since
};

}  // namespace stswatch
