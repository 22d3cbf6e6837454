#include "checks/observe/dns_records.h"

#include <tuple>

#include "checks/facts/bounds.h"

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

constexpr std::size_t bound(const TxtRecord*) { return bounds::kTxtRecords; }
constexpr std::size_t bound(const MxRecord*) { return bounds::kMxHosts; }
constexpr std::size_t bound(const Address*) { return bounds::kHostAddresses; }

bool before(const Address& a, const Address& b) { return a < b; }
bool before(const MxRecord& a, const MxRecord& b) {
  return std::tie(a.preference, a.host) < std::tie(b.preference, b.host);
}
bool before(const TxtRecord& a, const TxtRecord& b) { return a.strings < b.strings; }

/// RFC 2181 §5: an RRset has no order and no duplicates; resolvers rotate it, which must not look like a
/// change.
template <class Record>
void normalise(std::vector<Record>& records) {
  std::sort(records.begin(), records.end(), [](const Record& a, const Record& b) { return before(a, b); });
  records.erase(std::unique(records.begin(), records.end()), records.end());
  constexpr std::size_t kKept = bound(static_cast<const Record*>(nullptr)) + 1;
  if (records.size() > kKept) records.resize(kKept);
}

void limit_octets(std::vector<TxtRecord>& records) {
  std::size_t octets = 0;
  for (auto at = records.begin(); at != records.end(); ++at) {
    for (const auto& string : at->strings)
      octets += string.size();
    if (octets <= bounds::kTxtOctets) continue;
    records.erase(at, records.end());
    return;
  }
}

}  // namespace

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
  if (auto* txt = std::get_if<TxtAnswer>(&answer)) limit_octets(txt->records);
  return true;
}

bool has_records(const DnsAnswer& answer) {
  return std::visit([](const auto& a) { return !a.records.empty(); }, answer);
}

}  // namespace stswatch::dns
