// The second, rare probe of an MX host's address: other ways to come than our usual one (a large ClientHello,
// no SNI, old TLS versions, another EHLO name). RFC 8461 §7.1, RFC 8446 §4.1.2, RFC 7672 §9.2.
#pragma once

#include <string>

#include "checks/facts/second_probe.h"
#include "checks/observe/smtp.h"

namespace stswatch {

/// Whether the usual probe showed what a second one can be held against: TLS came up, or STARTTLS is missing.
bool wants_second_probe(const SmtpProbe& usual);

/// Three connections where all is well. One that fails is made again after one in the usual way: only a fault
/// that comes back is a fact. Stops where the peer defers us or does not answer. Never throws.
SecondProbe probe_again(const std::string& host, const SmtpProbe& usual, const TrustStore& trust,
                        const SmtpOptions& options, TimePoint now, const Deadline& deadline);

}  // namespace stswatch
