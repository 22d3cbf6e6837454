// Chains that have verified, so that the same bytes are not verified at each look: the key proves anew in
// each handshake that the peer has it, and what a chain is worth follows from its certificates, in their
// order, the roots and the date alone. One book for each trust store: another store has verified nothing.
// Names, TLSA records and revocation are asked each time. Thread-safe; bounded.
#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "checks/observe/tls/x509.h"

namespace stswatch {

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
