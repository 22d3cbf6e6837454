// What is wrong with the certificate an MX host shows (RFC 8461 §4.2), each fault by its own code. Pure;
// shared by the weighing of a probe, the rules of group H and the world of the sender simulation.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "checks/facts/certificate.h"

namespace stswatch {

struct CertificateFault {
  std::string_view code;
  std::string detail;
};

/// The faults for which enforcing senders skip the host, in the order of RFC 8460 §4.3 result types as
/// CONTRACT 2 asks for them: expired, host-mismatch, not-trusted. Dates are judged at `now`: the look may be
/// older.
std::vector<CertificateFault> certificate_faults(const PeerCertificates& peer, const std::string& host,
                                                 TimePoint now);

/// RFC 8460 §4.3 for a code of group H.
std::string_view certificate_result_type(std::string_view code);

/// Chain, purpose, strength and notBefore hold: only its end and its names are left to judge (CONTRACT 4,
/// `trusted`).
bool trusted_until_its_end(const PeerCertificates& peer, TimePoint now);

}  // namespace stswatch
