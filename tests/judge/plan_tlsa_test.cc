// The roll-over of a key under DANE, held against every record set that some sender may have in its cache.
#include "checks/judge/senders/plan_tlsa.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace {

using namespace stswatch;

const TimePoint kTlsaNow = *parse_utc("2026-12-01T00:00:00Z");
TlsaRecord key(char digit) { return {3, 1, 1, std::string(64, digit)}; }
const TlsaRecord kOld = key('a'), kNext = key('b'), kIssuer{2, 1, 1, std::string(64, 'c')};

KeyChange change(std::vector<TlsaRecord> records, std::vector<TlsaRecord> vouching) {
  return {"mx.example.com", std::move(records), std::move(vouching), kNext, 3600, kTlsaNow, {}};
}

std::string deeds(const std::vector<TlsaStep>& steps) {
  std::string out;
  for (const TlsaStep& step : steps)
    out += (out.empty() ? "" : " ") + std::string(to_string(step.deed)) + "+" +
           std::to_string(step.after.count());
  return out;
}

/// Each step is done `late` after it may be. A sender's cache holds a set for a TTL after it was replaced,
/// and a secondary may have served it a TTL longer: some record of it has to be of the key in use.
void check_caches(const KeyChange& start, const std::vector<TlsaStep>& steps, Seconds late) {
  struct Served {
    std::vector<TlsaRecord> records;
    TimePoint until;
  };
  std::vector<Served> served;
  std::vector<TlsaRecord> now = start.records;
  TlsaRecord in_use = kOld;
  TimePoint at = start.now;
  for (const TlsaStep& step : steps) {
    at += step.after + late;
    if (step.records != now) {
      served.push_back({now, at + 2 * Seconds{start.ttl}});
      now = step.records;
    }
    if (step.deed == TlsaDeed::change_key) in_use = kNext;
    CHECK(std::ranges::find(now, in_use) != now.end());
    for (const Served& cached : served)
      if (at < cached.until) CHECK(std::ranges::find(cached.records, in_use) != cached.records.end());
  }
  CHECK(in_use == kNext);
}

}  // namespace

TEST_CASE("publish, wait two TTLs, change, remove; safe for every cache, however late (RFC 7671 §8.1)") {
  const auto start = change({kOld}, {kOld});
  const auto steps = plan_key_change(start);
  REQUIRE(steps);
  CHECK(deeds(*steps) == "publish-tlsa+0 change-key+7200 remove-tlsa+0");
  CHECK(steps->at(1).not_before == kTlsaNow + Seconds{7200});
  CHECK(steps->back().records == std::vector{kNext});
  for (const int late : {0, 1, 3599, 7200, 1'000'000})
    check_caches(start, *steps, Seconds{late});
}

TEST_CASE("the next record stands there already: what is left of the wait") {
  auto start = change({kOld, kNext}, {kOld});
  CHECK(deeds(*plan_key_change(start)) == "change-key+7200 remove-tlsa+0");  // since when is not known
  start.published = kTlsaNow - Seconds{7000};
  CHECK(deeds(*plan_key_change(start)) == "change-key+200 remove-tlsa+0");
  start.published = kTlsaNow - Seconds{90'000};
  CHECK(deeds(*plan_key_change(start)) == "change-key+0 remove-tlsa+0");
}

TEST_CASE("an issuer's record stays") {
  const auto steps = plan_key_change(change({kOld, kIssuer}, {kOld, kIssuer}));
  REQUIRE(steps);
  CHECK(steps->back().records == std::vector{kIssuer, kNext});
}

TEST_CASE("no plan where it would not be safe, or is not needed") {
  const auto why = [](const KeyChange& c) { return plan_key_change(c).error(); };
  CHECK(why(change({}, {})).find("no TLSA records") != std::string::npos);
  CHECK(why(change({kOld}, {})).find("no TLSA record vouches") != std::string::npos);
  CHECK(why(change({kNext}, {kNext})).find("key in use") != std::string::npos);
  CHECK(why(change({kIssuer}, {kIssuer})).find("publish one of it first") != std::string::npos);
  auto unusable = change({kOld}, {kOld});
  unusable.next = {1, 1, 1, std::string(64, 'b')};
  CHECK(why(unusable).find("no sender can use") != std::string::npos);
  unusable.next = {3, 1, 1, "abcd"};
  CHECK(why(unusable).find("no sender can use") != std::string::npos);
}
