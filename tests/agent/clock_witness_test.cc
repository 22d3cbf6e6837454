#include "agent/watch/clock_witness.h"

#include <doctest/doctest.h>

using namespace stswatch;
using namespace std::chrono_literals;

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
