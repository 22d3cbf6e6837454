// Ordinary failure as a value: where a conversation with the outside stopped, and why.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "checks/facts/address.h"
#include "checks/facts/text.h"

namespace stswatch {

// What a DNS question proved. Silence is not absence: unknown is the default and accuses nobody.

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
  std::optional<TimePoint> signed_until{};  // of a secure answer: the first of its signatures to end
  std::optional<TimePoint> signed_from{};   // when that one began
  bool rsasha1 = false;                     // the resolver calls secure what RSASHA1 alone signs (RFC 9905)
  std::uint16_t nsec3_iterations = 0;       // of the denial beside the answer (RFC 5155 §3.1.3)
  std::vector<CnameLink> cname;
  bool cname_loop = false;  // loop, or longer than bounds::kCnameChain
  bool exhausted = false;   // unknown since our own descriptors or buffers ran out: says nothing of the name
  // Unknown, and why that is the zone's fault: what its own servers said, or that it fails validation. Empty
  // where nothing proves it, however long it lasts (RULES 5.8).
  std::string zone_error{};
  std::string detail;  // why unknown ("SERVFAIL from 192.0.2.53 (EDE 22 no reachable authority)", "time-out")
  /// Why nobody who validates can resolve this name; empty where that is not proved (RFC 4035 §5.5).
  std::string proven_error() const {
    if (!zone_error.empty()) return zone_error;
    return lookup == Lookup::unknown && bogus ? detail : std::string();
  }
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

/// A name server of a zone: lower case, no final dot.
struct NsRecord {
  std::string host;
  bool operator==(const NsRecord&) const = default;
};

using TxtAnswer = Answer<TxtRecord>;
using MxAnswer = Answer<MxRecord>;
using AddressAnswer = Answer<Address>;
using NsAnswer = Answer<NsRecord>;

/// How far a look had come when it failed; in the order of the conversation.
enum class Stage { dns, connect, greeting, ehlo, starttls, handshake, certificate, request, headers, body };

enum class Cause {
  timeout,       // the deadline passed while we waited for the peer
  refused,       // TCP RST to our SYN
  reset,         // connection reset later
  closed,        // the peer closed where more was due
  no_route,      // our side has no way there (no IPv6, network down): says nothing of the peer
  local,         // any other fault of our own machine (no time left, a firewall): says nothing of the peer
  exhausted,     // our descriptors, ports, buffers or memory are used up: says nothing of the peer
  not_public,    // refused by us: private, loopback, link-local, multicast or metadata address
  tls_alert,     // the peer sent a TLS alert
  tls_protocol,  // bytes that are no TLS, or no common version
  malformed,     // outside the protocol's grammar
  over_budget,   // more bytes than the protocol sanely needs
  deferred,      // SMTP 4xx: come again later
  rejected,      // SMTP 5xx
  not_offered,   // STARTTLS is not among the EHLO keywords
  certificate,   // the chain or the name did not verify: nothing was requested
  cancelled,     // we were told to stop: says nothing of the peer
};

struct Failure {
  Stage stage = Stage::connect;
  Cause cause = Cause::local;
  std::string detail;  // in the field's words, e.g. "454 4.7.0 TLS not available"; printable, bounded

  bool operator==(const Failure&) const = default;
};

template <class T>
using Result = tl::expected<T, Failure>;

std::string_view to_string(Stage stage);
std::string_view to_string(Cause cause);

/// What an errno of our own socket calls says: of the peer, of the way there, or of ourselves.
Cause cause_of_errno(int error);

/// Of our own doing: it proves nothing about whoever was asked.
bool is_our_own(Cause cause);

/// What the network said, made safe to store and print: control and non-ASCII octets become \xNN,
/// and the whole is cut at `max` characters with "...".
std::string printable(std::string_view raw, std::size_t max = 200);

}  // namespace stswatch
