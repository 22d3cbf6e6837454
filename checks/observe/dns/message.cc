#include "checks/observe/dns/message.h"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>

#include "checks/facts/bounds.h"
#include "checks/facts/text.h"

namespace stswatch::dns {
namespace {

bool read(Octets message, const ResourceRecord& rr, Address& address) {
  const auto data = message.subspan(rr.data, rr.size);
  std::array<std::uint8_t, 16> octets{};
  if (data.size() != (rr.type == kTypeA ? 4U : 16U)) return false;
  std::copy(data.begin(), data.end(), octets.begin());
  address =
      rr.type == kTypeA ? Address::v4({octets[0], octets[1], octets[2], octets[3]}) : Address::v6(octets);
  return true;
}

bool read(Octets message, const ResourceRecord& rr, MxRecord& mx) {
  if (rr.size < 3) return false;
  mx.preference = Cursor(message, rr.data).u16();
  auto host = name_to_end(message, rr.data + 2, rr.data + rr.size);
  mx.host = std::move(host).value_or("");
  return host.has_value();
}

bool read(Octets message, const ResourceRecord& rr, NsRecord& ns) {
  auto host = name_to_end(message, rr.data, rr.data + rr.size);
  ns.host = std::move(host).value_or("");
  return host.has_value();
}

// RFC 1035 §3.3.14: one or more character-strings, each behind its length octet.
bool read(Octets message, const ResourceRecord& rr, TxtRecord& txt) {
  auto data = message.subspan(rr.data, rr.size);
  while (!data.empty()) {
    const std::size_t length = data.front();
    if (length >= data.size()) return false;
    txt.strings.emplace_back(reinterpret_cast<const char*>(data.data() + 1), length);
    data = data.subspan(length + 1);
  }
  return !txt.strings.empty();
}

// RFC 6698 §2.1: three octets, and all that follows is the data. Without any it names nothing.
bool read(Octets message, const ResourceRecord& rr, TlsaRecord& tlsa) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  constexpr std::size_t kHead = 3;
  if (rr.size <= kHead) return false;
  const auto data = message.subspan(rr.data, rr.size);
  tlsa = {data[0], data[1], data[2], {}};
  for (const std::uint8_t octet : data.subspan(kHead)) {
    tlsa.data += kDigits[octet >> 4U];
    tlsa.data += kDigits[octet & 15U];
  }
  return true;
}

// RFC 8659 §4.1: flags, then the tag behind its length octet, then all that is left is the value.
bool read(Octets message, const ResourceRecord& rr, CaaRecord& caa) {
  constexpr std::size_t kHead = 2, kTag = 15;
  if (rr.size < kHead) return false;
  const auto data = message.subspan(rr.data, rr.size);
  const std::size_t length = data[1];
  if (length == 0 || length > kTag || kHead + length > data.size()) return false;
  caa.flags = data[0];
  const auto tag = data.subspan(kHead, length), value = data.subspan(kHead + length);
  caa.tag.assign(tag.begin(), tag.end());
  caa.value.assign(value.begin(), value.end());
  return std::ranges::all_of(caa.tag, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  });
}

constexpr std::size_t bound(const TxtRecord*) { return bounds::kTxtRecords; }
constexpr std::size_t bound(const MxRecord*) { return bounds::kMxHosts; }
constexpr std::size_t bound(const Address*) { return bounds::kHostAddresses; }
constexpr std::size_t bound(const NsRecord*) { return bounds::kNameServers; }
constexpr std::size_t bound(const TlsaRecord*) { return bounds::kTlsaRecords; }
constexpr std::size_t bound(const CaaRecord*) { return bounds::kCaaRecords; }

bool before(const Address& a, const Address& b) { return a < b; }
bool before(const MxRecord& a, const MxRecord& b) {
  return std::tie(a.preference, a.host) < std::tie(b.preference, b.host);
}
bool before(const NsRecord& a, const NsRecord& b) { return a.host < b.host; }
bool before(const TxtRecord& a, const TxtRecord& b) { return a.strings < b.strings; }
bool before(const TlsaRecord& a, const TlsaRecord& b) {
  return std::tie(a.usage, a.selector, a.matching, a.data) <
         std::tie(b.usage, b.selector, b.matching, b.data);
}

bool before(const CaaRecord& a, const CaaRecord& b) {
  return std::tie(a.flags, a.tag, a.value) < std::tie(b.flags, b.tag, b.value);
}

/// What a set that is too large is cut to: those that senders look for among whatever else is there (RFC 8461
/// §3.1, RFC 8460 §3) go last, or a policy would seem to have no record.
bool matters(const TxtRecord& record) {
  const auto text = record.joined();
  return text::istarts_with(text, "v=STSv1") || text::istarts_with(text, "v=TLSRPTv1");
}
template <class Record>
bool matters(const Record&) {
  return true;
}

/// RFC 2181 §5: an RRset has no order and no duplicates; resolvers rotate it, which must not look like a
/// change.
template <class Record>
void normalise(std::vector<Record>& records) {
  std::sort(records.begin(), records.end(), [](const Record& a, const Record& b) { return before(a, b); });
  records.erase(std::unique(records.begin(), records.end()), records.end());
  constexpr std::size_t kKept = bound(static_cast<const Record*>(nullptr)) + 1;
  if (records.size() <= kKept) return;
  std::stable_partition(records.begin(), records.end(), [](const Record& r) { return matters(r); });
  records.resize(kKept);
  std::sort(records.begin(), records.end(), [](const Record& a, const Record& b) { return before(a, b); });
}

std::size_t octets_of(const TxtRecord& record) {
  std::size_t octets = 0;
  for (const auto& string : record.strings)
    octets += string.size();
  return octets;
}
std::size_t octets_of(const TlsaRecord& record) { return record.octets(); }

template <class Record>
void limit_octets(std::vector<Record>& records, std::size_t most) {
  std::size_t octets = 0;
  for (const Record& record : records)
    octets += octets_of(record);
  if (octets <= most) return;
  octets = 0;
  std::stable_partition(records.begin(), records.end(), [](const Record& r) { return matters(r); });
  for (auto at = records.begin(); at != records.end(); ++at) {
    octets += octets_of(*at);
    if (octets <= most) continue;
    records.erase(at, records.end());
    break;
  }
  std::sort(records.begin(), records.end(), [](const Record& a, const Record& b) { return before(a, b); });
}

}  // namespace

/// RFC 4034 §3.1.5: seconds since 1970, of which 32 bits are kept; they last until 2106.
std::optional<SignedSpan> first_to_end(Octets message, const Sections& sections) {
  constexpr std::size_t kExpiration = 8, kHead = 18;
  std::optional<SignedSpan> first;
  for (const ResourceRecord& rr : sections.answer) {
    if (rr.type != kTypeRrsig || rr.size <= kHead) continue;
    Cursor cursor(message, rr.data + kExpiration);
    const TimePoint until{Seconds{cursor.u32()}};
    const TimePoint from{Seconds{cursor.u32()}};
    if (!first || until < first->until) first = SignedSpan{from, until};
  }
  return first;
}

std::uint16_t type_code(RecordType type) {
  switch (type) {
    case RecordType::a:
      return kTypeA;
    case RecordType::aaaa:
      return kTypeAaaa;
    case RecordType::mx:
      return kTypeMx;
    case RecordType::txt:
      return kTypeTxt;
    case RecordType::ns:
      return kTypeNs;
    case RecordType::tlsa:
      return kTypeTlsa;
    case RecordType::caa:
      return kTypeCaa;
  }
  return 0;
}

bool collect_records(Octets message, const Sections& sections, const std::string& owner, RecordType type,
                     DnsAnswer& answer) {
  const auto fill = [&](auto& into) {
    for (const auto& rr : sections.answer) {
      if (rr.type != type_code(type) || rr.owner != owner) continue;
      if (!read(message, rr, into.records.emplace_back())) return false;
      into.ttl = std::min(into.ttl, rr.ttl);
    }
    normalise(into.records);
    return true;
  };
  if (!std::visit(fill, answer)) return false;
  if (auto* txt = std::get_if<TxtAnswer>(&answer)) limit_octets(txt->records, bounds::kTxtOctets);
  if (auto* tlsa = std::get_if<TlsaAnswer>(&answer)) limit_octets(tlsa->records, bounds::kTlsaOctets);
  // A part of a CAA set would forbid what the rest allows.
  if (const auto* caa = std::get_if<CaaAnswer>(&answer)) {
    std::size_t octets = 0;
    for (const auto& record : caa->records)
      octets += record.tag.size() + record.value.size();
    return octets <= bounds::kCaaOctets && caa->records.size() <= bounds::kCaaRecords;
  }
  return true;
}

bool has_records(const DnsAnswer& answer) {
  return std::visit([](const auto& a) { return !a.records.empty(); }, answer);
}

}  // namespace stswatch::dns

namespace stswatch::dns {
namespace {

/// Follows the aliases of `name` whatever the order of the records; returns where the chain ends, nullopt
/// when one is malformed. Sets facts.cname, ttl and cname_loop.
std::optional<std::string> follow_aliases(Octets message, const Sections& sections, std::string name,
                                          AnswerFacts& facts) {
  std::vector<std::string> seen{name};
  for (;;) {
    const auto alias = std::find_if(sections.answer.begin(), sections.answer.end(), [&](const auto& rr) {
      return rr.type == kTypeCname && rr.owner == name;
    });
    if (alias == sections.answer.end()) return name;
    auto target = name_to_end(message, alias->data, alias->data + alias->size);
    if (!target) return std::nullopt;
    facts.cname_loop = std::find(seen.begin(), seen.end(), *target) != seen.end() ||
                       facts.cname.size() >= bounds::kCnameChain;
    facts.ttl = std::min(facts.ttl, alias->ttl);
    if (facts.cname.size() < bounds::kCnameChain) facts.cname.push_back({*target, alias->ttl});
    if (facts.cname_loop) return name;
    name = *target;
    seen.push_back(std::move(*target));
  }
}

/// RFC 2308 §2.1, §2.2: only the SOA of the zone the name is in makes an answer without records a negative
/// one; what filters and lame servers send has none, or another zone's.
const Soa* covering_soa(const Sections& sections, const std::string& name) {
  const auto soa = std::find_if(sections.authority.begin(), sections.authority.end(),
                                [&](const Soa& s) { return is_within(name, s.owner); });
  return soa == sections.authority.end() ? nullptr : &*soa;
}

/// Judges a message that is complete, ours, and NOERROR or NXDOMAIN. Empty when it proves something, else why
/// not.
std::string prove(Octets message, const Sections& sections, const std::string& asked, RecordType type,
                  bool nxdomain, DnsAnswer& answer) {
  AnswerFacts& facts = facts_of(answer);
  facts.ttl = std::numeric_limits<std::uint32_t>::max();
  const auto end = follow_aliases(message, sections, asked, facts);
  if (!end) return "malformed CNAME";
  if (facts.cname_loop) return {};
  if (!collect_records(message, sections, *end, type, answer)) return "malformed record";
  if (has_records(answer) && nxdomain) return "NXDOMAIN with records";
  if (has_records(answer)) {
    facts.lookup = Lookup::found;
    return {};
  }
  const Soa* soa = covering_soa(sections, *end);
  if (soa == nullptr) return "negative answer without SOA";
  facts.lookup = Lookup::absent;
  facts.nxdomain = nxdomain;
  facts.ttl = std::min(facts.ttl, soa->negative_ttl);
  return {};
}

/// RFC 9905: what only RSASHA1 signs counts as unsigned, whatever this resolver thinks of it. True where the
/// answer shows such an RRset; a resolver that leaves the signatures out is believed.
bool weakly_signed(Octets message, const Sections& sections) {
  constexpr std::uint8_t kRsaSha1 = 5, kRsaSha1Nsec3 = 7;
  std::map<std::pair<std::string, std::uint16_t>, bool> strong;  // by what they cover
  for (const ResourceRecord& rr : sections.answer) {
    if (rr.type != kTypeRrsig || rr.size < 3) continue;
    Cursor cursor(message, rr.data);
    const std::uint16_t covered = cursor.u16();
    const std::uint8_t algorithm = cursor.u8();
    strong[{rr.owner, covered}] |= algorithm != kRsaSha1 && algorithm != kRsaSha1Nsec3;
  }
  return std::ranges::any_of(strong, [](const auto& entry) { return !entry.second; });
}

Reading failed(const Sent& sent, const std::string& why) {
  Reading reading;
  reading.answer = unknown_answer(sent.question, why + " from " + std::string(sent.server));
  return reading;
}

Reading refusal(const Sent& sent, const Sections& sections, int rcode) {
  Reading reading = failed(sent, rcode_words(rcode));
  AnswerFacts& facts = facts_of(reading.answer);
  if (const auto* error = sections.error()) facts.detail += " (" + error->str() + ")";
  facts.bogus = rcode == kServFail && sections.error() != nullptr && sections.error()->bogus();
  reading.unexplained = rcode == kServFail && sections.errors.empty();
  reading.dislikes_edns = rcode == kFormErr || rcode == kNotImp || rcode == kBadVers;
  return reading;
}

/// Why the message is no answer to what was sent; empty if it is. Header-only replies pass for errors:
/// servers that cannot read a query cannot echo it either.
std::string mismatch(const Header& header, Octets message, const std::string& asked, const Sent& sent) {
  if (!header.response() || header.opcode() != 0) return "no answer but another message";
  if (header.id != sent.id) return "answer with a wrong id";
  const bool error = header.rcode() != kNoError && header.rcode() != kNxDomain;
  if (header.questions == 0 && error) return {};
  if (header.questions != 1) return "answer without the question";
  const auto echoed = read_question(message);
  if (!echoed) return "unreadable answer";
  if (echoed->name != asked || echoed->type != type_code(sent.question.type) || echoed->klass != kClassIn)
    return "answer to another question (\"" + printable(echoed->name, 60) + "\")";
  return {};
}

}  // namespace

std::optional<std::vector<std::uint8_t>> write_query(const DnsQuestion& question, std::uint16_t id,
                                                     QueryForm form) {
  const auto name = to_wire(question.name);
  if (!name) return std::nullopt;
  std::vector<std::uint8_t> query;
  query.reserve(kHeaderSize + name->size() + 15);
  const auto u16 = [&query](unsigned value) {
    query.push_back(static_cast<std::uint8_t>(value >> 8));
    query.push_back(static_cast<std::uint8_t>(value & 0xFF));
  };
  u16(id);
  u16(0x0120U | (form.checking_disabled ? 0x0010U : 0U));  // RD, and AD: "tell me" (RFC 6840 §5.7)
  for (const unsigned count : {1U, 0U, 0U, form.edns ? 1U : 0U})
    u16(count);
  query.insert(query.end(), name->begin(), name->end());
  u16(type_code(question.type));
  u16(kClassIn);
  if (form.edns) {
    query.push_back(0);
    for (const unsigned field : {unsigned{kTypeOpt}, unsigned{kEdnsSize}, 0U, 0x8000U /* DO */, 0U})
      u16(field);
  }
  return query;
}

Reading read_answer(Octets message, const Sent& sent) {
  const auto asked = canonical(sent.question.name);
  const auto header = read_header(message);
  if (!asked || !header) return failed(sent, "unreadable answer");
  if (const auto why = mismatch(*header, message, *asked, sent); !why.empty()) return failed(sent, why);
  const auto sections = header->truncated() ? std::nullopt : read_sections(message, *header);
  if (!sections) {
    Reading reading = failed(sent, header->truncated() ? "truncated answer" : "unreadable answer");
    reading.truncated = true;
    return reading;
  }
  const int rcode = sections->extended_rcode << 4 | header->rcode();
  if (rcode != kNoError && rcode != kNxDomain) return refusal(sent, *sections, rcode);

  Reading reading;
  reading.answer = unknown_answer(sent.question, {});
  const auto why = prove(message, *sections, *asked, sent.question.type, rcode == kNxDomain, reading.answer);
  if (!why.empty()) return failed(sent, why);
  AnswerFacts& facts = facts_of(reading.answer);
  reading.definite = true;
  const bool authentic = sent.trust_ad && header->authentic();
  facts.rsasha1 = authentic && weakly_signed(message, *sections);
  facts.secure = authentic && !facts.rsasha1;
  if (sent.trust_ad) facts.nsec3_iterations = sections->nsec3_iterations;
  if (const auto first = facts.secure ? first_to_end(message, *sections) : std::nullopt) {
    facts.signed_until = first->until;
    facts.signed_from = first->from;
  }
  if (facts.cname_loop)
    facts.detail = "CNAME loop or more than " + std::to_string(bounds::kCnameChain) + " links";
  return reading;
}

DnsAnswer unknown_answer(const DnsQuestion& question, std::string detail) {
  DnsAnswer answer;
  switch (question.type) {
    case RecordType::a:
    case RecordType::aaaa:
      answer = AddressAnswer{};
      break;
    case RecordType::mx:
      answer = MxAnswer{};
      break;
    case RecordType::txt:
      answer = TxtAnswer{};
      break;
    case RecordType::ns:
      answer = NsAnswer{};
      break;
    case RecordType::tlsa:
      answer = TlsaAnswer{};
      break;
    case RecordType::caa:
      answer = CaaAnswer{};
      break;
  }
  AnswerFacts& facts = facts_of(answer);
  facts.name = question.name;
  facts.detail = printable(detail, bounds::kDetail);
  return answer;
}

DnsAnswer exhausted_answer(const DnsQuestion& question, std::string detail) {
  DnsAnswer answer = unknown_answer(question, std::move(detail));
  facts_of(answer).exhausted = true;
  return answer;
}

AnswerFacts& facts_of(DnsAnswer& answer) {
  return std::visit([](auto& a) -> AnswerFacts& { return a; }, answer);
}

}  // namespace stswatch::dns
