// The second, rare probe of an MX host's address: other ways to come than our usual one (a large ClientHello,
// no SNI, old TLS versions, another EHLO name). RFC 8461 §7.1, RFC 8446 §4.1.2, RFC 7672 §9.2.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "checks/facts/observation.h"
#include "checks/observe/dns/resolver.h"
#include "checks/observe/smtp.h"

namespace stswatch {

/// Whether the usual probe showed what a second one can be held against: TLS came up, or STARTTLS is missing.
bool wants_second_probe(const SmtpProbe& usual);

/// Three connections where all is well. One that fails is made again after one in the usual way: only a fault
/// that comes back is a fact. Stops where the peer defers us or does not answer. Never throws.
SecondProbe probe_again(const std::string& host, const SmtpProbe& usual, const TrustStore& trust,
                        const SmtpOptions& options, TimePoint now, const Deadline& deadline);

// What is looked at rarely, beside the records and the policy (AsideFacts): what is due now, and the DNS
// questions of it. Facts only; what was not due or not answered is carried on from the look before.

/// Good ones daily, bad ones at each look until kSureOf have shown it, then hourly, as what failed.
bool is_due(const Rarely& when, bool bad, TimePoint now);
/// `answered`: it showed something, and the same as before or not.
void note(Rarely& when, bool answered, bool same, TimePoint now);

/// The CAA sets that bear on a host, for the certificates that it shows: asked where one of them comes from a
/// CA whose names are known, daily, and when there is a new one (RFC 8659 §3).
CaaLook look_at_caa(Resolver& resolver, const std::string& host,
                    const std::vector<const PeerCertificates*>& shown, const CaaLook* before, TimePoint now,
                    const Deadline& deadline);

/// What takes the mail of a domain that reports are sent to: absent where it has a null MX (RFC 7505), or
/// neither MX nor address (RFC 5321 §5.1).
struct RuaAnswer {
  Lookup lookup = Lookup::unknown;
  std::string detail{};
  bool answered = true;
};
RuaAnswer look_for_mailbox(Resolver& resolver, std::string_view mailto_path, const Deadline& deadline);

/// Each pattern of the policies that were read; a wildcard's by its registrable domain alone.
std::vector<PatternName> look_for_patterns(Resolver& resolver, const std::vector<PolicyFetch>& fetches,
                                           const std::vector<PatternName>& before, TimePoint now,
                                           const Deadline& deadline);

}  // namespace stswatch
