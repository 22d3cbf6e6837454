// DNS messages (RFC 1035, 2308, 6840, 6891, 8914): their sections taken apart, and what an answer proves.
// Pure; whatever the octets, the worst outcome is `unknown`.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checks/observe/dns/resolver.h"

// The sections of a DNS message taken apart, bounds checked, nothing judged yet. Pure.

// Domain names between text and wire (RFC 1035 §3.1, §4.1.4, §5.1). Any octet may stand in a label, so text
// carries escapes; names read are lower case without final dot, and equal names are equal strings. Pure.

namespace stswatch::dns {

using Octets = std::span<const std::uint8_t>;

inline constexpr std::uint16_t kEdnsSize = 1232;  // DNS flag day 2020: fits every path unfragmented

/// The uncompressed wire form, case kept; nullopt for a text that is no name (empty label, over 63 or 255
/// octets).
std::optional<std::string> to_wire(std::string_view text);

/// The name that begins at `at`, which moves behind it; nullopt when it leaves the message or its pointers do
/// not lead strictly backwards. The root is "".
std::optional<std::string> read_name(Octets message, std::size_t& at);

/// `text` as read_name would spell it.
std::optional<std::string> canonical(std::string_view text);

/// `name` is `zone` or below it; both canonical.
bool is_within(std::string_view name, std::string_view zone);

}  // namespace stswatch::dns

namespace stswatch::dns {

inline constexpr std::uint16_t kTypeA = 1, kTypeNs = 2, kTypeCname = 5, kTypeSoa = 6, kTypeMx = 15,
                               kTypeTxt = 16, kTypeAaaa = 28, kTypeOpt = 41, kTypeRrsig = 46, kTypeNsec3 = 50,
                               kTypeTlsa = 52, kTypeCaa = 257;
inline constexpr std::uint16_t kClassIn = 1;
inline constexpr std::size_t kHeaderSize = 12;

inline constexpr int kNoError = 0, kFormErr = 1, kServFail = 2, kNxDomain = 3, kNotImp = 4, kBadVers = 16;
/// "SERVFAIL" (RFC 1035 §4.1.1, RFC 2136 §2.2, RFC 6891 §9); "RCODE 23" of others.
std::string rcode_words(int rcode);

/// Reads forward; beyond the end it yields zeros and is no longer ok().
class Cursor {
 public:
  explicit Cursor(Octets message, std::size_t at = 0) : message_(message), at_(at) {}
  std::uint8_t u8();
  std::uint16_t u16();
  std::uint32_t u32();
  std::string name();
  void skip(std::size_t octets);
  bool ok() const { return ok_; }
  std::size_t at() const { return at_; }

 private:
  Octets message_;
  std::size_t at_;
  bool ok_ = true;
};

struct Header {
  std::uint16_t id = 0, flags = 0, questions = 0, answers = 0, authorities = 0, additionals = 0;
  bool response() const { return (flags & 0x8000) != 0; }
  int opcode() const { return flags >> 11 & 15; }
  bool authoritative() const { return (flags & 0x0400) != 0; }  // AA
  bool truncated() const { return (flags & 0x0200) != 0; }
  bool authentic() const { return (flags & 0x0020) != 0; }  // AD
  int rcode() const { return flags & 15; }
};

struct Question {
  std::string name;
  std::uint16_t type = 0, klass = 0;
};

struct ResourceRecord {
  std::string owner;
  std::uint16_t type = 0, klass = 0;
  std::uint32_t ttl = 0;
  std::size_t data = 0, size = 0;  // RDATA: a range of the message
};

struct Soa {
  std::string owner;
  std::uint32_t negative_ttl = 0;  // RFC 2308 §5: the smaller of the record's TTL and MINIMUM
  std::uint32_t serial = 0, refresh = 0;
};

/// RFC 8914: why it failed, in the server's words.
struct ExtendedError {
  std::uint16_t code = 0;
  std::string text;  // printable
  bool bogus() const { return code >= 6 && code <= 12; }
  std::string str() const;  // "EDE 22 no reachable authority: at delegation example.com"
};

struct Sections {
  std::vector<ResourceRecord> answer;  // class IN only
  std::vector<Soa> authority;
  std::vector<ResourceRecord> referral;  // NS of the authority section (RFC 1034 §4.3.2, step 3b)
  std::vector<ResourceRecord> glue;      // A and AAAA of the additional section
  std::vector<ExtendedError> errors;
  std::uint16_t nsec3_iterations = 0;  // the most of any NSEC3 in the authority section
  int extended_rcode = 0;              // upper eight bits (RFC 6891 §6.1.3)

  /// The one to tell of: a failed validation before others.
  const ExtendedError* error() const;
};

std::optional<Header> read_header(Octets message);
std::optional<Question> read_question(Octets message);
/// Everything behind `questions` questions; nullopt when a record leaves the message.
std::optional<Sections> read_sections(Octets message, const Header& header);
/// An SOA record of the answer section.
std::optional<Soa> read_soa(Octets message, const ResourceRecord& rr);
/// The name that fills an RDATA from `at` to its end.
std::optional<std::string> name_to_end(Octets message, std::size_t at, std::size_t end);

// One DNS message out, one in: the query as octets, and what an answer proves (RFC 1035, 2308, 6840, 6891,
// 8914). Pure; whatever the octets, the worst outcome is `unknown`.

// RDATA of the types we ask for -> records: checked to the last octet, without duplicates, in a fixed order,
// bounded. Pure.

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
