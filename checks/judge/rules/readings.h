// What certificates, TLSA records and dialogues that fail now and then mean by themselves, before a case is
// put together: for cases, rules and the sender simulation alike. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checks/facts/certificate.h"
#include "checks/judge/past.h"

namespace stswatch {

// What is wrong with the certificate an MX host shows (RFC 8461 §4.2), each fault by its own code. Pure;
// shared by the weighing of a probe, the rules of group H and the world of the sender simulation.

// How much life left is too little: relative to the certificate's own lifetime (RULES 5.2).

enum class Life { healthy, overdue, critical, expired };

struct ExpiryLimits {
  Seconds warn{0};  // absolute floors; the larger of relative and absolute counts
  Seconds crit{0};
};

/// overdue: left < min(L/4, 21 d); L < 10 d: 0.375 L. critical: left < 0.10 L, at least 24 h, at most 7 d; L
/// < 10 d: 0.25 L, at least 24 h. expired: left <= 0. L = not_after - not_before.
Life judge_life(TimePoint not_before, TimePoint not_after, TimePoint now, const ExpiryLimits& limits);

struct CertificateFault {
  std::string_view code;
  std::string detail;
};

/// The faults for which enforcing senders skip the host, in the order of RFC 8460 §4.3 result types as
/// CONTRACT 2 asks for them: expired, host-mismatch, not-trusted. Dates are judged at `now`: the look may be
/// older.
std::vector<CertificateFault> certificate_faults(const PeerCertificates& peer, const std::string& host,
                                                 TimePoint now);

/// Why an older trust store, which the operator named, does not verify a chain that today's does.
std::string in_elder_words(const PeerCertificates& peer);

/// RFC 8460 §4.3 for a code of group H.
std::string_view certificate_result_type(std::string_view code);

/// Chain, purpose, strength and notBefore hold: only its end and its names are left to judge (CONTRACT 4,
/// `trusted`).
bool trusted_until_its_end(const PeerCertificates& peer, TimePoint now);

// DANE for SMTP (RFC 7672) as a sender sees one host and one chain: which TLSA records it can use, whether
// one of them vouches for the chain, and what it does then. For the rules and for lint; pure.

/// What the records of a host say of one chain.
struct DaneReading {
  std::vector<bool> usable;          // by record
  std::vector<std::size_t> matched;  // indices of those that vouch for the chain, names included
  bool known = false;                // every usable record was held against the chain
  bool misnamed = false;             // usage 2 would vouch, but the leaf names none of the reference names
  bool ta_missing = false;           // only usage 2 can be used, and no certificate that it names was sent

  bool any_usable() const;
  bool authenticated() const { return !matched.empty(); }
};

/// `leaf` null: no chain was shown. `names`: the reference names of RFC 7672 §3.2.2.
DaneReading read_dane(std::span<const TlsaRecord> records, std::span<const TlsaMatch> matches,
                      const Certificate* leaf, std::span<const std::string> names);

/// RFC 7672 §3.2.3: a DNS-ID names it, the common name only where there is no DNS-ID; a wildcard stands for
/// the whole left-most label.
bool dane_names(const Certificate& leaf, std::string_view name);

/// RFC 7671 §9: a record beside one of the same usage and selector with a stronger digest is not looked at.
bool is_outdone(std::span<const TlsaRecord> records, std::size_t index);

// A pool behind one address: STARTTLS or the certificate answers differently from one connection to the next.
// The last attempts tell it from a fault that has come to stay and from one that has gone. Pure.

inline constexpr std::size_t kAttempts = 20;  // that are remembered of one address

struct Flapping {
  std::size_t bad = 0, of = 0;     // attempts
  std::set<std::string> faults{};  // the codes of the bad ones
  bool mostly_bad() const { return 2 * bad >= of; }
};

/// A bad attempt at this address has followed a good one at least three times among those remembered.
std::optional<Flapping> flapping_at(const HostPast& past, const std::string& address);

/// Where an address of the host is such a pool, its finding names this code, which is not raised beside it.
bool named_by_pool(const HostPast& past, const std::string& code);

}  // namespace stswatch
