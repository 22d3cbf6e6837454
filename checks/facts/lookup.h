// What a DNS question proved. Silence is not absence: unknown is the default and accuses nobody.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "checks/facts/address.h"

namespace stswatch {

enum class Lookup { unknown, absent, found };

/// One link of a CNAME chain, in the order followed.
struct CnameLink {
  std::string target;  // lower case, no final dot
  std::uint32_t ttl = 0;
  bool operator==(const CnameLink&) const = default;
};

/// What every answer says besides its records.
struct AnswerFacts {
  Lookup lookup = Lookup::unknown;
  std::string name;       // as asked, no final dot
  bool nxdomain = false;  // with lookup absent: NXDOMAIN rather than NODATA
  bool secure = false;    // AD bit of a resolver we trust to validate
  bool bogus = false;     // fails validation: EDE 6-10, or SERVFAIL that turns into an answer with CD
  std::uint32_t ttl = 0;  // seconds; the smallest of the answer, or the negative TTL (RFC 2308 §5)
  std::vector<CnameLink> cname;
  bool cname_loop = false;  // loop, or longer than bounds::kCnameChain
  std::string
      repeated_error{};  // memory: its last looks in a row all ended in this error of the zone's servers
  std::string detail;  // why unknown ("SERVFAIL from 192.0.2.53 (EDE 22 no reachable authority)", "time-out")
  bool operator==(const AnswerFacts&) const = default;
};

template <class Record>
struct Answer : AnswerFacts {
  std::vector<Record> records;
  bool operator==(const Answer&) const = default;
};

/// One TXT resource record: its character-strings in order, octets as sent (RFC 1035 §3.3.14).
struct TxtRecord {
  std::vector<std::string> strings;
  /// RFC 8461 §3.1, RFC 8460 §3: strings are joined without adding spaces.
  std::string joined() const;
  bool operator==(const TxtRecord&) const = default;
};

struct MxRecord {
  std::uint16_t preference = 0;
  std::string host;  // lower case, no final dot; empty for the root: RFC 7505 null MX
  bool operator==(const MxRecord&) const = default;
};

using TxtAnswer = Answer<TxtRecord>;
using MxAnswer = Answer<MxRecord>;
using AddressAnswer = Answer<Address>;

}  // namespace stswatch
