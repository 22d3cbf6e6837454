// One DNS message out, one in: the query as octets, and what an answer proves (RFC 1035, 2308, 6840, 6891,
// 8914). Pure; whatever the octets, the worst outcome is `unknown`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checks/observe/dns/resolver.h"
#include "checks/observe/dns/wire.h"

// RDATA of the types we ask for -> records: checked to the last octet, without duplicates, in a fixed order,
// bounded. Pure.

namespace stswatch::dns {

std::uint16_t type_code(RecordType type);

/// Of the signatures in the answer section the one that ends first; nullopt where there is none.
struct SignedSpan {
  TimePoint from{}, until{};
};
std::optional<SignedSpan> first_to_end(Octets message, const Sections& sections);

/// Fills the records of `answer` with those of `owner` and lowers its TTL to theirs. At most one more than
/// the bound is kept, so that a judge sees there were too many. False when one of them is malformed.
bool collect_records(Octets message, const Sections& sections, const std::string& owner, RecordType type,
                     DnsAnswer& answer);

bool has_records(const DnsAnswer& answer);

}  // namespace stswatch::dns

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
/// The same, of a question that was not asked for want of our own means.
DnsAnswer exhausted_answer(const DnsQuestion& question, std::string detail);
AnswerFacts& facts_of(DnsAnswer& answer);

}  // namespace stswatch::dns
