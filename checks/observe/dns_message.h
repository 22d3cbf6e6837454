// One DNS message out, one in: the query as octets, and what an answer proves (RFC 1035, 2308, 6840, 6891,
// 8914). Pure; whatever the octets, the worst outcome is `unknown`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checks/observe/dns_name.h"
#include "checks/observe/resolver.h"

namespace stswatch::dns {

struct QueryForm {
  bool edns = true;
  bool checking_disabled = false;  // CD: the resolver is not to validate (RFC 4035 §3.2.2)
};

/// With RD and AD set; DO with EDNS. nullopt when the name cannot be asked for.
std::optional<std::vector<std::uint8_t>> write_query(const DnsQuestion& question, std::uint16_t id,
                                                     QueryForm form);

/// What we sent, to whom, and whether AD in the answer counts.
struct Sent {
  const DnsQuestion& question;
  std::uint16_t id = 0;
  std::string_view server;
  bool trust_ad = false;
};

struct Reading {
  DnsAnswer answer;
  bool definite =
      false;  // found, absent, or a CNAME chain that cannot be followed: asking others is pointless
  bool truncated = false;      // TC, or cut without saying so: ask over TCP
  bool dislikes_edns = false;  // FORMERR, NOTIMP or BADVERS: ask without EDNS (RFC 6891 §6.2.2, §7)
  bool unexplained = false;    // SERVFAIL without an EDE: may be a failed validation
};

Reading read_answer(Octets message, const Sent& sent);

DnsAnswer unknown_answer(const DnsQuestion& question, std::string detail);
AnswerFacts& facts_of(DnsAnswer& answer);

}  // namespace stswatch::dns
