// The calendar when somebody sets the wall clock: nothing jumps with it until it is known to be right.
#include "agent/watch/calendar.h"

#include <doctest/doctest.h>

#include "tests/agent/manual_clock.h"
#include "tests/alerts/ram_key_values.h"

using namespace stswatch;
using namespace std::chrono_literals;

namespace {

/// A machine whose wall clock can be set.
struct Machine {
  Millis boot{5'000'000};
  std::chrono::sys_time<Millis> wall = kStart;

  Hands hands() {
    return {[this] { return wall; }, [this] { return boot; }};
  }
  void pass(Millis span) {
    boot += span;
    wall += span;
  }
};

}  // namespace

TEST_CASE("small steps are followed, as a time service makes them") {
  Machine machine;
  Calendar calendar(machine.hands());
  for (const auto step : {290s, -290s, 1s, -300s}) {
    machine.pass(10s);
    machine.wall += step;
    CHECK(calendar.now() == std::chrono::floor<Seconds>(machine.wall));
    CHECK_FALSE(calendar.doubt());
  }
  CHECK(calendar.jumps() == 0);
}

TEST_CASE("sleep is no step, since the time since boot counts it") {
  Machine machine;
  Calendar calendar(machine.hands());
  machine.pass(24h * 30);
  CHECK(calendar.now() == kStart + 24h * 30);
  CHECK_FALSE(calendar.doubt());
}

TEST_CASE("a jump either way is doubted, the calendar goes on, and all is well when the clock is back") {
  for (const Seconds by :
       {Seconds{301}, Seconds{-301}, Seconds{-3600}, Seconds{400 * 86400}, Seconds{-400 * 86400}}) {
    CAPTURE(by.count());
    Machine machine;
    Calendar calendar(machine.hands());
    machine.pass(60s);
    machine.wall += by;
    CHECK(calendar.now() == kStart + 60s);
    machine.pass(30min);
    CHECK(calendar.now() == kStart + 31min);
    const auto doubt = calendar.doubt();
    REQUIRE(doubt);
    CHECK(doubt->by == by);
    CHECK(doubt->since == kStart + 60s);
    CHECK(doubt->in_words().find(by < 0s ? " back at " : " ahead at ") != std::string::npos);
    machine.wall -= by;
    CHECK_FALSE(calendar.doubt());
    CHECK(calendar.now() == kStart + 31min);
    CHECK(calendar.jumps() == 0);
  }
}

TEST_CASE("what nobody contradicts for an hour is believed") {
  Machine machine;
  Calendar calendar(machine.hands());
  machine.wall -= 24h;
  machine.pass(59min);
  CHECK(calendar.doubt());
  machine.pass(59min);  // the hour counts from when it was noticed
  CHECK(calendar.now() == kStart + 118min);
  machine.pass(1min);
  CHECK(calendar.now() == kStart + 119min - 24h);
  CHECK_FALSE(calendar.doubt());
  CHECK(calendar.jumps() == 1);
}

TEST_CASE(
    "others decide: who agrees with the new time ends the doubt, who agrees with the old one keeps it") {
  Machine machine;
  Calendar calendar(machine.hands());
  calendar.heard("before", kStart + 24h);  // of no use without a doubt
  machine.wall += 24h;
  REQUIRE(calendar.doubt());
  calendar.heard("neither", kStart + 12h);
  calendar.heard("old", kStart + 2min);
  machine.pass(3h);
  CHECK(calendar.doubt());
  CHECK(calendar.now() == kStart + 3h);
  calendar.heard("new", kStart + 27h);
  CHECK(calendar.doubt()->by ==
        24h);  // one against one, and no hour since it was noticed would help: it has passed
}

TEST_CASE("who agrees with the new time is believed at once") {
  Machine machine;
  Calendar calendar(machine.hands());
  machine.wall += 24h;
  REQUIRE(calendar.doubt());
  calendar.heard("mta-sts.example.com", kStart + 24h + 2s);
  CHECK_FALSE(calendar.doubt());
  CHECK(calendar.now() == kStart + 24h);
}

TEST_CASE("a second jump during the doubt begins another") {
  Machine machine;
  Calendar calendar(machine.hands());
  machine.wall += 24h;
  REQUIRE(calendar.doubt());
  machine.pass(50min);
  machine.wall += 24h;
  CHECK(calendar.doubt()->by == 48h);
  machine.pass(50min);
  CHECK(calendar.doubt());
  CHECK(calendar.now() == kStart + 100min);
}

TEST_CASE("HTTP dates (RFC 9110 §5.6.7), and what is none") {
  CHECK(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT") == TimePoint{Seconds{784111777}});
  for (const auto* bad : {"", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 GMT ", "now",
                          "1994-11-06T08:49:37Z", "Sunday, 06-Nov-94 08:49:37 GMT"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_http_date(bad));
  }
}

TEST_CASE("a clock that was set between two runs is noticed within one boot, either way") {
  for (const Seconds by : {Seconds{0}, Seconds{299}, Seconds{-7200}, Seconds{7200}}) {
    CAPTURE(by.count());
    RamKeyValues rows;
    Machine machine;
    CHECK_FALSE(jumped_since_logged(rows, machine.hands(), "boot-1"));
    log_clocks(rows, machine.hands(), "boot-1");
    machine.pass(24h);
    machine.wall += by;
    CHECK(jumped_since_logged(rows, machine.hands(), "boot-1") ==
          (std::chrono::abs(by) > 5min ? std::optional(by) : std::nullopt));
    CHECK_FALSE(jumped_since_logged(rows, machine.hands(), "boot-2"));
    CHECK_FALSE(jumped_since_logged(rows, machine.hands(), ""));
  }
}

TEST_CASE("rows of the store that are not understood are no jump") {
  for (const auto* text :
       {"", "[]", "{", R"({"boot":"b"})", R"({"boot":"b","offset_ms":"x"})", R"({"boot":7})"}) {
    CAPTURE(text);
    RamKeyValues rows;
    rows.put("clock", "last", text);
    Machine machine;
    CHECK_FALSE(jumped_since_logged(rows, machine.hands(), "b"));
  }
}

namespace {

const TimePoint kLongAgo{std::chrono::seconds{784111777}};  // Sun, 06 Nov 1994 08:49:37 GMT

struct Witnesses {
  ClockWitness watch{};
  int servers = 0;
  /// A host says that it is this much later than the agent's clock.
  void says(const std::string& host, Seconds by, bool cached = false, std::string address = {}) {
    PolicyFetch fetch;
    fetch.address = *Address::parse(address.empty() ? "192.0.2." + std::to_string(++servers) : address);
    fetch.date = date(kLongAgo + by);
    if (cached) fetch.age = "300";
    watch.saw(host, {fetch}, kLongAgo, kLongAgo + 2s);
  }
  static std::string date(TimePoint at) {
    const auto t = std::chrono::system_clock::to_time_t(at);
    std::tm parts{};
    gmtime_r(&t, &parts);
    char text[40];
    const auto size = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return {text, size};
  }
  std::string now() const { return watch.skewed(kLongAgo + 1min); }
};

}  // namespace

TEST_CASE("three owners' hosts that agree on another time, and nobody who agrees with us") {
  Witnesses w;
  w.says("mta-sts.one.example", 10min);
  w.says("mta-sts.two.example", 9min);
  CHECK(w.now().empty());
  w.says("mta-sts.three.example", 11min);
  CHECK(w.now().starts_with("it is slow by at least "));
  CHECK_FALSE(
      w.watch.skewed(kLongAgo).empty());  // the look during which the last of them was heard began then
  CHECK(w.watch.skewed(kLongAgo + 7h).empty());  // long ago
  SUBCASE("one who agrees with us") {
    w.says("mta-sts.four.example", 1min);
    CHECK(w.now().empty());
  }
  SUBCASE("one in the other direction") {
    w.says("mta-sts.four.example", -10min);
    CHECK(w.now().empty());
  }
}

TEST_CASE("one suffices where its certificate is good by its date and not by ours") {
  const auto said = [](Seconds by, Seconds not_before, ChainFault::Kind kind = ChainFault::Kind::expired) {
    PolicyFetch fetch;
    fetch.address = *Address::parse("192.0.2.1");
    fetch.date = Witnesses::date(kLongAgo + by);
    PeerCertificates peer;
    peer.name_matches = true;
    peer.leaf.not_before = kLongAgo + not_before;
    peer.leaf.not_after = kLongAgo + not_before + 90 * 24h;
    peer.faults = {{kind, 0, "certificate has expired"}};
    fetch.tls.peer = peer;
    return fetch;
  };
  const auto skewed = [](const PolicyFetch& fetch) {
    ClockWitness watch;
    watch.saw("mta-sts.one.example", {fetch}, kLongAgo, kLongAgo);
    return watch.skewed(kLongAgo);
  };
  CHECK(skewed(said(-400 * 24h, -430 * 24h)).starts_with("it is fast by at least 400 d"));
  CHECK(skewed(said(400 * 24h, 380 * 24h, ChainFault::Kind::not_yet_valid)).starts_with("it is slow by"));
  CHECK(skewed(said(Seconds{0}, -430 * 24h)).empty());                                 // it has expired
  CHECK(skewed(said(-1h, -430 * 24h)).empty());                                        // there too
  CHECK(skewed(said(-400 * 24h, -430 * 24h, ChainFault::Kind::self_signed)).empty());  // bad anyhow
}

TEST_CASE("a clock that is fast") {
  Witnesses w;
  for (const char* host : {"mta-sts.one.example", "mta-sts.two.example", "mta-sts.three.example"})
    w.says(host, -3min);
  CHECK(w.now().starts_with("it is fast by at least "));
}

TEST_CASE("what proves nothing of our clock") {
  Witnesses w;
  for (const char* host : {"mta-sts.one.example", "mta-sts.two.example", "mta-sts.three.example"}) {
    w.says(host, 2min);          // tolerated
    w.says(host, -10min, true);  // kept in a cache
  }
  CHECK(w.now().empty());
  Witnesses one_owner, one_server;
  for (const char* host : {"mta-sts.a.example", "mta-sts.b.a.example", "mta-sts.c.a.example"})
    one_owner.says(host, 10min);
  for (const char* host : {"mta-sts.one.example", "mta-sts.two.example", "mta-sts.three.example"})
    one_server.says(host, 10min, false, "192.0.2.99");
  CHECK(one_owner.now().empty());
  CHECK(one_server.now().empty());
}

TEST_CASE("somebody who tells the time is waited for as long as a policy host may take") {
  Witnesses w;
  const SteadyPoint start{1000s};
  const TimePoint now = kLongAgo + 1min;
  CHECK(w.watch.awaited(now, start));
  CHECK(w.watch.awaited(now, start + 59s));
  SUBCASE("in vain") { CHECK_FALSE(w.watch.awaited(now, start + 60s)); }
  SUBCASE("until he speaks, and again where that is long ago") {
    w.says("mta-sts.one.example", Seconds{0});
    CHECK_FALSE(w.watch.awaited(now, start + 1s));
    CHECK(w.watch.awaited(now + 7h, start + 7h));
  }
}
