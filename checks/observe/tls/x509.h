// Certificates of OpenSSL: made into ours, and what is remembered of their chains. For checks/observe alone.
#pragma once

#include <openssl/x509.h>

#include <array>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "checks/facts/certificate.h"

namespace stswatch {

// From OpenSSL's certificate to ours. For checks/observe alone.

template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using X509Ptr = std::unique_ptr<X509, FreeWith<X509_free>>;
using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;

/// Everything a certificate says that we care for. Every dNSName is here, however many: the caller bounds
/// them.
Certificate describe(X509* certificate);

using Fingerprint = std::array<unsigned char, 32>;
Fingerprint fingerprint(const void* octets, std::size_t size);
Fingerprint fingerprint(const X509* certificate);  // of the DER
std::string to_hex(const Fingerprint& digest);

TimePoint to_time(const ASN1_TIME* time);  // the epoch for what is no time

// The certificates of verified chains that name a CRL over http, each with its issuer, for the moment between
// their handshake and the question whether they are revoked (RFC 5280 §4.2.1.13). Thread-safe; bounded.

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

// Chains that have verified, so that the same bytes are not verified at each look: the key proves anew in
// each handshake that the peer has it, and what a chain is worth follows from its certificates, in their
// order, the roots and the date alone. One book for each trust store: another store has verified nothing.
// Names, TLSA records and revocation are asked each time. Thread-safe; bounded.

/// What was found of a chain without a fault.
struct VerifiedChain {
  std::vector<std::size_t> used{};  // as PeerCertificates has it
  bool last_issuer_trusted = false;
  std::string elder_refuses{};
  std::optional<std::size_t> issuer{};  // of the leaf: which of those sent after it; null: one of the roots
  bool operator==(const VerifiedChain&) const = default;
};

class VerifiedChains {
 public:
  static constexpr std::size_t kKept = 131072;  // some 25 MiB; who was first to come goes first

  /// A date at which some certificate begins or ceases to count, as of those sent, so of the roots.
  static void add_dates(const X509* certificate, std::set<TimePoint>& dates);

  explicit VerifiedChains(std::size_t kept = kKept) : kept_(kept) {}
  void know_roots(std::set<TimePoint> dates) { root_dates_ = std::move(dates); }  // before it is shared

  /// Null where none of those dates may lie between then and now: then it is verified anew.
  std::optional<VerifiedChain> recall(const Fingerprint& chain, TimePoint now) const;
  /// `dates`: of those sent.
  void note(const Fingerprint& chain, TimePoint now, const std::set<TimePoint>& dates, VerifiedChain verdict);

  std::size_t size() const;
  std::size_t recalled() const;  // how often since the start

 private:
  struct Known {
    TimePoint after, before;  // the dates nearest to the look that verified it
    VerifiedChain verdict;
  };
  struct Hash {
    std::size_t operator()(const Fingerprint& digest) const;
  };

  const std::size_t kept_;
  std::set<TimePoint> root_dates_;
  mutable std::mutex mutex_;
  std::unordered_map<Fingerprint, Known, Hash> known_;  // guarded by mutex_, as are the next two
  std::deque<Fingerprint> order_;                       // of known_
  mutable std::size_t recalled_ = 0;
};

}  // namespace stswatch
