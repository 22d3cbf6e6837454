// TLSA records as looks saw them come, vouch, idle and go.
#include <doctest/doctest.h>

#include "agent/remember/past.h"
#include "checks/facts/bounds.h"
#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {

TlsaRecord key(char digit) { return {3, 1, 1, std::string(64, digit)}; }

MxHostObservation seen(TimePoint at, const std::vector<TlsaRecord>& records, char in_use,
                       std::uint32_t ttl = 3600) {
  auto look = mx_host(std::string(kMx1), {probe(kMail1, std::string(kMx1))});
  look.at = at;
  look.tlsa = records.empty() ? absent<TlsaAnswer>(tlsa_name(kMx1, 25), false)
                              : found<TlsaAnswer>(tlsa_name(kMx1, 25), ttl);
  look.tlsa.secure = true;
  look.tlsa.records = records;
  for (const TlsaRecord& r : records)
    look.probes[0].tls.tlsa.push_back({.record = r, .matches = r == key(in_use)});
  return look;
}

constexpr auto kHour = std::chrono::hours{1};

}  // namespace

TEST_CASE("a roll-over: when the record came, when its key, when the former record idled and went") {
  HostPast past = note_tlsa({}, seen(kNow, {key('a')}, 'a'));
  REQUIRE(past.tlsa.records.size() == 1);
  CHECK_FALSE(past.tlsa.records[0].absent);  // the baseline
  CHECK(past.tlsa.records[0].matched == kNow);

  past = note_tlsa(past, seen(kNow + kHour, {key('a'), key('b')}, 'a'));
  REQUIRE(past.tlsa.records.size() == 2);
  CHECK(past.tlsa.records[1].absent == kNow);
  CHECK_FALSE(past.tlsa.records[1].matched);
  CHECK(past.tlsa.records[1].idle_since == kNow + kHour);

  past = note_tlsa(past, seen(kNow + 4 * kHour, {key('a'), key('b')}, 'b'));
  CHECK(past.tlsa.records[1].matched == kNow + 4 * kHour);
  CHECK_FALSE(past.tlsa.records[1].idle_since);
  CHECK(past.tlsa.records[0].idle_since == kNow + 4 * kHour);

  past = note_tlsa(past, seen(kNow + 5 * kHour, {key('b')}, 'b'));
  CHECK(past.tlsa.records[0].seen.gone == kNow + 5 * kHour);
  CHECK(past.tlsa.secure == kNow + 5 * kHour);

  past = note_tlsa(past, seen(kNow + days(20), {key('b')}, 'b'));
  CHECK(past.tlsa.records.size() == 1);  // what is long gone is forgotten
}

TEST_CASE("a resolver's copy is as old as its TTL has counted down") {
  HostPast past = note_tlsa({}, seen(kNow, {key('a')}, 'a', 3600));
  past = note_tlsa(past, seen(kNow + kHour, {key('a')}, 'a', 600));
  CHECK(past.tlsa.as_of == kNow + kHour - Seconds{3000});
  past = note_tlsa(past, seen(kNow + 2 * kHour, {key('a'), key('b')}, 'b', 3600));
  CHECK(past.tlsa.records[1].absent == kNow + kHour - Seconds{3000});
}

TEST_CASE("what a look could not see changes nothing") {
  const HostPast past = note_tlsa({}, seen(kNow, {key('a')}, 'a'));
  auto look = seen(kNow + kHour, {}, 'a');
  look.tlsa.secure = false;  // this resolver may have ceased to validate
  CHECK(note_tlsa(past, look) == past);
  look.tlsa = unknown<TlsaAnswer>(look.tlsa.name);
  CHECK(note_tlsa(past, look) == past);
  look = seen(kNow + kHour, {key('a')}, 'z');
  look.probes[0].failure = Failure{Stage::connect, Cause::timeout, "no answer"};
  CHECK_FALSE(note_tlsa(past, look).tlsa.records[0].idle_since);
  look = seen(kNow + kHour, {}, 'a');
  CHECK(note_tlsa(past, look).tlsa.records[0].seen.gone == kNow + kHour);
}

TEST_CASE("records without end do not make a memory without end") {
  HostPast past;
  for (int i = 0; i < 2000; ++i) {
    auto record = key('a');
    record.data += std::to_string(i);
    past = note_tlsa(past, seen(kNow + Seconds{i}, {record}, 'a'));
  }
  CHECK(past.tlsa.records.size() <= 2 * bounds::kTlsaRecords);
}

}  // namespace stswatch::facts
