// An answer of a name server (RFC 1035): the first octet says what was asked, the rest is the message.
// Nothing that is no answer to the question is believed, and what is kept of it is bounded.
#include <array>
#include <cstdlib>
#include <span>

#include "checks/facts/bounds.h"
#include "checks/observe/dns/message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stswatch;
  if (size < 3) return 0;
  constexpr std::array kTypes{RecordType::txt, RecordType::mx,   RecordType::a,  RecordType::aaaa,
                              RecordType::ns,  RecordType::tlsa, RecordType::caa};
  const DnsQuestion question{"_mta-sts.example.com", kTypes[data[0] % kTypes.size()]};
  const std::span message(data + 1, size - 1);
  const auto id = static_cast<std::uint16_t>(data[1] << 8U | data[2]);
  auto reading = dns::read_answer(
      message, {.question = question, .id = id, .server = "192.0.2.53", .trust_ad = (data[0] & 0x80U) != 0});
  const auto& facts = dns::facts_of(reading.answer);
  if (facts.lookup == Lookup::unknown && reading.definite && facts.detail.empty()) std::abort();
  if (facts.lookup == Lookup::found && facts.cname.empty() && !dns::has_records(reading.answer)) std::abort();
  if (facts.secure && (data[0] & 0x80U) == 0) std::abort();
  return 0;
}
