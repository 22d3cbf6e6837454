#include "checks/observe/dns/message.h"

#include <array>

#include "checks/facts/result.h"

namespace stswatch::dns {
namespace {

constexpr std::size_t kLabel = 63;      // RFC 1035 §2.3.4
constexpr std::size_t kWireName = 255;  // RFC 1035 §2.3.4
constexpr std::size_t kPointers =
    127;  // a legal name has no more labels, so no more pointers are ever needed
constexpr std::uint8_t kPointer = 0xC0;  // RFC 1035 §4.1.4

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The octet an escape stands for: "\DDD" or "\X" (RFC 1035 §5.1). `at` is on the backslash and moves to the
/// end.
std::optional<char> unescape(std::string_view text, std::size_t& at) {
  if (at + 1 >= text.size()) return std::nullopt;
  if (!is_digit(text[at + 1])) return text[++at];
  if (at + 3 >= text.size() || !is_digit(text[at + 2]) || !is_digit(text[at + 3])) return std::nullopt;
  const int value = (text[at + 1] - '0') * 100 + (text[at + 2] - '0') * 10 + (text[at + 3] - '0');
  if (value > 255) return std::nullopt;
  at += 3;
  return static_cast<char>(value);
}

void append_escaped(std::string& text, std::uint8_t octet) {
  constexpr std::string_view kSpecial = "\".;\\@$()";
  if (octet >= 'A' && octet <= 'Z') octet = static_cast<std::uint8_t>(octet + ('a' - 'A'));
  const char c = static_cast<char>(octet);
  if (octet > 0x20 && octet < 0x7F) {
    if (kSpecial.find(c) != std::string_view::npos) text += '\\';
    text += c;
    return;
  }
  text += '\\';
  for (const int power : {100, 10, 1})
    text += static_cast<char>('0' + octet / power % 10);
}

bool append_label(std::string& wire, std::string& label) {
  if (label.empty() || label.size() > kLabel) return false;
  wire += static_cast<char>(label.size());
  wire += label;
  label.clear();
  return true;
}

}  // namespace

std::optional<std::string> to_wire(std::string_view text) {
  std::string wire;
  std::string label;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '.') {
      if (!append_label(wire, label)) return std::nullopt;
    } else if (text[at] == '\\') {
      const auto octet = unescape(text, at);
      if (!octet) return std::nullopt;
      label += *octet;
    } else {
      label += text[at];
    }
  }
  if (!label.empty() && !append_label(wire, label)) return std::nullopt;
  wire += '\0';
  if (wire.size() > kWireName) return std::nullopt;
  return wire;
}

std::optional<std::string> read_name(Octets message, std::size_t& at) {
  std::string text;
  std::size_t length = 1;  // of the wire form, final root label included
  std::size_t pointers = 0;
  std::size_t here = at;
  std::size_t lowest = at;  // each pointer must lead before everything read so far: no loop is possible
  std::size_t end = 0;      // behind the first pointer, or behind the root label
  for (;;) {
    if (here >= message.size()) return std::nullopt;
    const std::uint8_t head = message[here];
    if ((head & kPointer) == kPointer) {
      if (here + 1 >= message.size() || ++pointers > kPointers) return std::nullopt;
      if (end == 0) end = here + 2;
      here = static_cast<std::size_t>(head & 0x3F) << 8 | message[here + 1];
      if (here >= lowest) return std::nullopt;
      lowest = here;
      continue;
    }
    if (head > kLabel) return std::nullopt;  // RFC 6891 §5: other label types are gone
    if (head == 0) break;
    length += head + 1U;
    if (length > kWireName || here + head >= message.size()) return std::nullopt;
    if (!text.empty()) text += '.';
    for (const std::uint8_t octet : message.subspan(here + 1, head))
      append_escaped(text, octet);
    here += head + 1U;
  }
  at = end == 0 ? here + 1 : end;
  return text;
}

std::optional<std::string> canonical(std::string_view text) {
  const auto wire = to_wire(text);
  if (!wire) return std::nullopt;
  std::size_t at = 0;
  return read_name(Octets{reinterpret_cast<const std::uint8_t*>(wire->data()), wire->size()}, at);
}

bool is_within(std::string_view name, std::string_view zone) {
  if (zone.empty() || name == zone) return true;
  if (!name.ends_with(zone) || name.size() <= zone.size()) return false;
  const std::size_t dot = name.size() - zone.size() - 1;
  // An escaped dot belongs to a label; an even run of backslashes before it escapes itself.
  std::size_t slashes = 0;
  while (slashes < dot && name[dot - 1 - slashes] == '\\')
    ++slashes;
  return name[dot] == '.' && slashes % 2 == 0;
}

}  // namespace stswatch::dns

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

std::optional<Soa> read_soa(Octets message, const ResourceRecord& rr) {
  Cursor cursor(message.first(rr.data + rr.size), rr.data);
  cursor.name();
  cursor.name();
  const std::uint32_t serial = cursor.u32();
  const std::uint32_t refresh = cursor.u32();
  cursor.skip(8);
  const std::uint32_t minimum = sane_ttl(cursor.u32());
  if (!cursor.ok() || cursor.at() != rr.data + rr.size) return std::nullopt;
  return Soa{rr.owner, std::min(rr.ttl, minimum), serial, refresh};
}

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
    auto rr = read_record(message, cursor);
    if (!rr) return std::nullopt;
    if (rr->klass == kClassIn && rr->type == kTypeNs) sections.referral.push_back(*rr);
    // RFC 5155 §3.2: hash algorithm, flags, iterations.
    if (rr->klass == kClassIn && rr->type == kTypeNsec3 && rr->size > 4)
      sections.nsec3_iterations = std::max(sections.nsec3_iterations, Cursor(message, rr->data + 2).u16());
    if (rr->klass != kClassIn || rr->type != kTypeSoa) continue;
    auto soa = read_soa(message, *rr);
    if (!soa) return std::nullopt;
    sections.authority.push_back(std::move(*soa));
  }
  for (int i = 0; i < header.additionals; ++i) {
    const auto rr = read_record(message, cursor);
    if (!rr || (rr->type == kTypeOpt && !read_opt(message, *rr, sections))) return std::nullopt;
    if (rr->klass == kClassIn && (rr->type == kTypeA || rr->type == kTypeAaaa)) sections.glue.push_back(*rr);
  }
  return sections;
}

std::string rcode_words(int rcode) {
  constexpr std::array<std::string_view, 11> kNames = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
                                                       "NOTIMP",  "REFUSED", "YXDOMAIN", "YXRRSET",
                                                       "NXRRSET", "NOTAUTH", "NOTZONE"};
  if (rcode == kBadVers) return "BADVERS";
  if (rcode < 0 || static_cast<std::size_t>(rcode) >= kNames.size()) return "RCODE " + std::to_string(rcode);
  return std::string(kNames[static_cast<std::size_t>(rcode)]);
}

std::optional<std::string> name_to_end(Octets message, std::size_t at, std::size_t end) {
  auto name = read_name(message.first(end), at);
  if (!name || at != end) return std::nullopt;
  return name;
}

}  // namespace stswatch::dns
