#include "checks/observe/dns_sections.h"

#include <array>

#include "checks/facts/result.h"

namespace stswatch::dns {
namespace {

constexpr std::uint16_t kOptionEde = 15;  // RFC 8914 §2

/// IANA's registry of extended DNS errors, in its words.
constexpr std::array<std::string_view, 25> kEdeNames{"other error",
                                                     "unsupported DNSKEY algorithm",
                                                     "unsupported DS digest type",
                                                     "stale answer",
                                                     "forged answer",
                                                     "DNSSEC indeterminate",
                                                     "DNSSEC bogus",
                                                     "signature expired",
                                                     "signature not yet valid",
                                                     "DNSKEY missing",
                                                     "RRSIGs missing",
                                                     "no zone key bit set",
                                                     "NSEC missing",
                                                     "cached error",
                                                     "not ready",
                                                     "blocked",
                                                     "censored",
                                                     "filtered",
                                                     "prohibited",
                                                     "stale NXDOMAIN answer",
                                                     "not authoritative",
                                                     "not supported",
                                                     "no reachable authority",
                                                     "network error",
                                                     "invalid data"};

// RFC 2181 §8: a TTL with the top bit set is to be read as zero.
std::uint32_t sane_ttl(std::uint32_t ttl) { return (ttl & 0x80000000U) != 0 ? 0 : ttl; }

std::optional<ResourceRecord> read_record(Octets message, Cursor& cursor) {
  ResourceRecord rr;
  rr.owner = cursor.name();
  rr.type = cursor.u16();
  rr.klass = cursor.u16();
  rr.ttl = cursor.u32();
  rr.size = cursor.u16();
  rr.data = cursor.at();
  cursor.skip(rr.size);
  if (!cursor.ok() || rr.data + rr.size > message.size()) return std::nullopt;
  if (rr.type != kTypeOpt) rr.ttl = sane_ttl(rr.ttl);
  return rr;
}

std::optional<Soa> read_soa(Octets message, const ResourceRecord& rr) {
  Cursor cursor(message.first(rr.data + rr.size), rr.data);
  cursor.name();
  cursor.name();
  cursor.skip(16);
  const std::uint32_t minimum = sane_ttl(cursor.u32());
  if (!cursor.ok() || cursor.at() != rr.data + rr.size) return std::nullopt;
  return Soa{rr.owner, std::min(rr.ttl, minimum)};
}

bool read_opt(Octets message, const ResourceRecord& rr, Sections& sections) {
  sections.extended_rcode = static_cast<int>(rr.ttl >> 24);
  const std::size_t end = rr.data + rr.size;
  Cursor cursor(message.first(end), rr.data);
  while (cursor.at() < end) {
    const std::uint16_t code = cursor.u16();
    const std::uint16_t size = cursor.u16();
    const std::size_t data = cursor.at();
    cursor.skip(size);
    if (!cursor.ok()) return false;
    if (code != kOptionEde || size < 2) continue;
    const std::uint16_t why = Cursor(message, data).u16();
    const auto text = message.subspan(data + 2, size - 2U);
    sections.errors.push_back(
        {why, printable({reinterpret_cast<const char*>(text.data()), text.size()}, 80)});
  }
  return true;
}

}  // namespace

std::uint8_t Cursor::u8() {
  if (!ok_ || at_ >= message_.size()) {
    ok_ = false;
    return 0;
  }
  return message_[at_++];
}

std::uint16_t Cursor::u16() {
  const int high = u8();
  return static_cast<std::uint16_t>(high << 8 | u8());
}

std::uint32_t Cursor::u32() {
  const std::uint32_t high = u16();
  return high << 16 | u16();
}

std::string Cursor::name() {
  auto name = ok_ ? read_name(message_, at_) : std::nullopt;
  ok_ = name.has_value();
  return std::move(name).value_or("");
}

void Cursor::skip(std::size_t octets) {
  ok_ = ok_ && octets <= message_.size() - at_;
  if (ok_) at_ += octets;
}

std::string ExtendedError::str() const {
  std::string words = "EDE " + std::to_string(code);
  if (code < kEdeNames.size()) words += " " + std::string(kEdeNames[code]);
  return text.empty() ? words : words + ": " + text;
}

const ExtendedError* Sections::error() const {
  const auto bogus = std::find_if(errors.begin(), errors.end(), [](const auto& e) { return e.bogus(); });
  if (bogus != errors.end()) return &*bogus;
  return errors.empty() ? nullptr : &errors.front();
}

std::optional<Header> read_header(Octets message) {
  if (message.size() < kHeaderSize) return std::nullopt;
  Cursor cursor(message);
  Header header;
  for (std::uint16_t* field : {&header.id, &header.flags, &header.questions, &header.answers,
                               &header.authorities, &header.additionals})
    *field = cursor.u16();
  return header;
}

std::optional<Question> read_question(Octets message) {
  Cursor cursor(message, kHeaderSize);
  Question question;
  question.name = cursor.name();
  question.type = cursor.u16();
  question.klass = cursor.u16();
  if (!cursor.ok()) return std::nullopt;
  return question;
}

std::optional<Sections> read_sections(Octets message, const Header& header) {
  Cursor cursor(message, kHeaderSize);
  for (int i = 0; i < header.questions && cursor.ok(); ++i) {
    cursor.name();
    cursor.skip(4);
  }
  Sections sections;
  for (int i = 0; i < header.answers; ++i) {
    auto rr = read_record(message, cursor);
    if (!rr) return std::nullopt;
    if (rr->klass == kClassIn) sections.answer.push_back(std::move(*rr));
  }
  for (int i = 0; i < header.authorities; ++i) {
    const auto rr = read_record(message, cursor);
    if (!rr) return std::nullopt;
    if (rr->klass != kClassIn || rr->type != kTypeSoa) continue;
    auto soa = read_soa(message, *rr);
    if (!soa) return std::nullopt;
    sections.authority.push_back(std::move(*soa));
  }
  for (int i = 0; i < header.additionals; ++i) {
    const auto rr = read_record(message, cursor);
    if (!rr || (rr->type == kTypeOpt && !read_opt(message, *rr, sections))) return std::nullopt;
  }
  return sections;
}

std::optional<std::string> name_to_end(Octets message, std::size_t at, std::size_t end) {
  auto name = read_name(message.first(end), at);
  if (!name || at != end) return std::nullopt;
  return name;
}

}  // namespace stswatch::dns
