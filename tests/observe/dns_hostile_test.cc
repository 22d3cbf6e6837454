#include <doctest/doctest.h>

#include <random>

#include "checks/facts/bounds.h"
#include "checks/observe/dns/message.h"
#include "tests/observe/dns_packet.h"

using namespace stswatch;
using namespace stswatch::testing;

namespace {

/// What must hold whatever the octets.
void read_and_check(const Bytes& octets, const DnsQuestion& question) {
  // A copy of exactly this size: reading one octet too far is then an error ASan sees.
  const std::vector<std::uint8_t> exact(octets.begin(), octets.end());
  auto reading = dns::read_answer(exact, {question, 0x1234, "192.0.2.53", true});
  const AnswerFacts& facts = dns::facts_of(reading.answer);
  const bool records = std::visit([](const auto& a) { return !a.records.empty(); }, reading.answer);
  bool ok = (facts.lookup == Lookup::found) == records;
  ok = ok && (facts.lookup == Lookup::unknown) == !facts.detail.empty();
  ok = ok && facts.detail.size() <= bounds::kDetail && facts.cname.size() <= bounds::kCnameChain;
  ok = ok && reading.definite == (facts.lookup != Lookup::unknown || facts.cname_loop);
  if (!ok) FAIL_CHECK("broken promise for " << facts.name << ": " << facts.detail);
}

struct Sample {
  Bytes octets;
  DnsQuestion question;
};

std::vector<Sample> samples() {
  const std::string d = "example.com";
  return {
      {Packet(d, kTxt).with(d, kTxt, 9, rd_txt({"v=STSv1;", " id=1;"})).ede(0, "text").octets(),
       {d, RecordType::txt}},
      {Packet(d, kMx)
           .raw(u16(0xC00C) + u16(kCname) + u16(1) + u32(7) + u16(4) + Bytes("\1b\xC0\x0C"))
           .raw(Bytes("\1b\xC0\x0C") + u16(kMx) + u16(1) + u32(7) + u16(4) + u16(10) + u16(0xC00C))
           .with("b." + d, kMx, 3, rd_mx(20, "mail.b.example"))
           .octets(),
       {d, RecordType::mx}},
      {Packet(d, kA).with(d, kCname, 4, wire("x.y")).with("x.y", kA, 4, "abcd").octets(), {d, RecordType::a}},
      {Packet(d, kAaaa).rcode(3).soa("com", 300, 300).ede(6, "bogus").octets(), {d, RecordType::aaaa}},
  };
}

}  // namespace

TEST_CASE("50,000 damaged messages: none reads beyond its end, none proves what it does not hold") {
  std::mt19937 engine(8461);
  const auto random = [&engine] { return static_cast<unsigned>(engine()); };
  const auto all = samples();
  for (int i = 0; i < 50'000; ++i) {
    const Sample& sample = all[random() % all.size()];
    Bytes octets = sample.octets;
    for (unsigned n = random() % 6; n > 0; --n) {
      // Mostly behind the header and question, so that the damage is reached.
      const std::size_t from = random() % 4 == 0 ? 0 : std::min<std::size_t>(octets.size() - 1, 29);
      const std::size_t at = from + random() % (octets.size() - from);
      const unsigned kind = random() % 5;
      if (kind == 0) octets[at] = static_cast<char>(random());
      if (kind == 1) octets[at] = static_cast<char>(octets[at] ^ (1 << random() % 8));
      if (kind == 2) octets.insert(at, Bytes(1 + random() % 3, static_cast<char>(random())));
      if (kind == 3) octets.replace(at, 2, u16(0xC000U | random() % 80));
      if (kind == 4 && octets.size() > 40) octets.erase(at, 1 + random() % 4);
      if (octets.empty()) octets = sample.octets;
    }
    if (random() % 8 == 0) octets.resize(random() % (octets.size() + 1));
    read_and_check(octets, sample.question);
  }
}

TEST_CASE("noise") {
  std::mt19937 engine(2308);
  const auto random = [&engine] { return static_cast<unsigned>(engine()); };
  for (int i = 0; i < 5'000; ++i) {
    Bytes octets(random() % 600, '\0');
    for (char& c : octets)
      c = static_cast<char>(random());
    read_and_check(octets, {"example.com", RecordType::txt});
  }
}

TEST_CASE("a message of pointers to pointers costs little") {
  Packet packet("example.com", kTxt);
  Bytes pointers;
  const std::size_t base = packet.octets().size() + 11;
  for (std::size_t i = 0; base + pointers.size() < 16'000; ++i)
    pointers += u16(0xC000U | static_cast<unsigned>(i == 0 ? 12 : base + pointers.size() - 2));
  packet.raw(Bytes(1, '\0') + u16(99) + u16(1) + u32(1) + u16(static_cast<unsigned>(pointers.size())) +
             pointers);
  const unsigned last = static_cast<unsigned>(base + pointers.size() - 2);
  for (int i = 0; i < 3'000; ++i)
    packet.raw(u16(0xC000U | last) + u16(16) + u16(1) + u32(1) + u16(2) + "\1x");
  read_and_check(packet.octets(), {"example.com", RecordType::txt});
}
