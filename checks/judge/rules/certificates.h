// What is wrong with the certificate an MX host shows (RFC 8461 §4.2), each fault by its own code. Pure;
// shared by the weighing of a probe, the rules of group H and the world of the sender simulation.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "checks/facts/certificate.h"

namespace stswatch {

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

}  // namespace stswatch
