// The agent's own trouble as it is said, kept over a restart, and over.
#include "agent/watch/own_state.h"

#include <doctest/doctest.h>

#include "agent/watch/means.h"
#include "agent/watch/self_check.h"
#include "tests/agent/manual_clock.h"
#include "tests/agent/start.h"
#include "tests/alerts/ram_key_values.h"

using namespace stswatch;
using namespace std::chrono_literals;

namespace {

constexpr const char* kClock = "vantage-clock-stepped";
constexpr const char* kMeans = "vantage-resources";

}  // namespace

TEST_CASE("what ails is told once, its newest detail shown, and its end told once") {
  RamKeyValues rows;
  ManualClock clock(kStart);
  OwnState own(rows, clock);
  int changes = 0;
  own.on_change([&] { ++changes; });
  own.well(kClock);
  CHECK(changes == 0);
  own.ails(kClock, "by an hour");
  clock.advance(10s);
  own.ails(kClock, "by two hours");
  CHECK(changes == 1);
  REQUIRE(own.open().size() == 1);
  const auto incident = own.incidents().at(0);
  CHECK(incident.finding.code == kClock);
  CHECK(incident.finding.of_the_agent);
  CHECK(incident.finding.detail == "by two hours");
  CHECK(incident.opened == kStart);
  CHECK(incident.last_bad == kStart + 10s);
  own.settle(kClock, std::nullopt);
  own.settle(kClock, std::nullopt);
  CHECK(changes == 2);
  CHECK(own.open().empty());
  CHECK(own.incidents().at(0).closed == kStart + 10s);
  own.ails(kClock, "again");
  CHECK(own.incidents().at(0).opened == kStart + 10s);
  CHECK(own.is(kClock));
}

TEST_CASE(
    "what was open at the end of a run is open at the next start, with its date; other rows are nothing") {
  RamKeyValues rows;
  ManualClock clock(kStart);
  {
    OwnState own(rows, clock);
    own.ails(kClock, "by an hour");
    own.ails(kMeans, "Too many open files");
    own.well(kMeans);
  }
  rows.put("own_trouble", "vantage-of-tomorrow", R"({"opened":"2026-12-01T00:00:00Z","detail":"x"})");
  for (const auto* text : {"", "[]", "{}", R"({"opened":7})", R"({"opened":"yesterday"})"}) {
    rows.put("own_trouble", kMeans, text);
    clock.advance(1h);
    const OwnState next(rows, clock);
    REQUIRE(next.incidents().size() == 1);
    CHECK(next.is(kClock));
    CHECK(next.incidents().at(0).opened == kStart);
    CHECK(next.open().at(0).detail == "by an hour");
  }
  clock.set(kStart - 24h);  // the clock was ahead then
  CHECK(OwnState(rows, clock).incidents().at(0).opened == kStart - 24h);
}

TEST_CASE(
    "a question that lasts is said, one that passes is not; a calendar that is set changes nothing of that") {
  RamKeyValues rows;
  ManualClock clock(kStart);
  OwnState own(rows, clock);
  std::optional<std::string> wrong;
  SelfCheck check(own, clock,
                  {{kMeans, 60s, [&] { return wrong; }, {}}, {kClock, 0s, [&] { return wrong; }, {}}});
  const auto pass = [&](Seconds span) {
    clock.advance(span);
    check.turn();
  };
  pass(1s);
  CHECK(own.open().empty());
  wrong = "so";
  pass(1s);
  CHECK(own.is(kClock));
  CHECK_FALSE(own.is(kMeans));
  clock.set(kStart + 24h);
  pass(59s);
  CHECK_FALSE(own.is(kMeans));
  wrong.reset();
  pass(0s);
  wrong = "so";
  pass(1s);
  pass(59s);
  CHECK_FALSE(own.is(kMeans));
  pass(1s);
  CHECK(own.is(kMeans));
  wrong.reset();
  pass(1s);
  CHECK(own.open().empty());
}

TEST_CASE("while nobody can say, what was open stays open") {
  RamKeyValues rows;
  ManualClock clock(kStart);
  OwnState own(rows, clock);
  own.ails("vantage-port25-blocked", "from the last run");
  bool tried = false;
  SelfCheck check(
      own, clock,
      {{"vantage-port25-blocked", 0s, [] { return std::optional<std::string>(); }, [&] { return tried; }}});
  check.turn();
  CHECK(own.is("vantage-port25-blocked"));
  tried = true;
  check.turn();
  CHECK_FALSE(own.is("vantage-port25-blocked"));
}

TEST_CASE("means: as many looks as are asked for, and over after a quiet minute") {
  Means means;
  const SteadyPoint start{Seconds{1000}};
  CHECK_FALSE(means.lacking(1, start));
  means.lacked("192.0.2.1: Too many open files", start);
  CHECK_FALSE(means.lacking(2, start));
  CHECK(means.lacking(1, start));
  means.lacked("192.0.2.2: Too many open files", start + 30s);
  CHECK(means.lacking(2, start + 30s) == "192.0.2.2: Too many open files");
  CHECK(means.lacking(2, start + 89s));
  CHECK_FALSE(means.lacking(2, start + 90s));
  means.lacked("once more", start + 90s);
  CHECK_FALSE(means.lacking(2, start + 90s));
}
