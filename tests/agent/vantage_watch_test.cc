#include "agent/watch/vantage_watch.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "tests/agent/manual_clock.h"
#include "tests/observe/observer_peer.h"
#include "tests/observe/table_resolver.h"

using namespace stswatch;
using namespace std::chrono_literals;

namespace {

MxHostObservation mx_look(const std::string& host, std::optional<Failure> failure, TimePoint at = kStart) {
  MxHostObservation look;
  look.host = host;
  look.at = at;
  look.probes.push_back({.address = *Address::parse("192.0.2.1"), .failure = std::move(failure)});
  return look;
}

std::vector<PolicyFetch> fetch(std::optional<Failure> failure) {
  return {PolicyFetch{.address = *Address::parse("192.0.2.2"), .failure = std::move(failure)}};
}

const Failure kSilence{Stage::connect, Cause::timeout, "no answer"};
const Failure kGreeting{Stage::greeting, Cause::deferred, "451 later"};

}  // namespace

TEST_CASE("before anything was tried, nothing is said") {
  const VantageWatch watch(true, false);
  const auto v = watch.now("mta-sts.example.com", kStart);
  CHECK_FALSE(v.reached_25);
  CHECK_FALSE(v.reached_443);
  CHECK_FALSE(v.port25_blocked);
}

TEST_CASE("port 25 is blocked when no MX answers while HTTPS works") {
  VantageWatch watch(true, false);
  watch.saw(mx_look("mx1.example.com", kSilence));
  CHECK_FALSE(watch.now("mta-sts.example.com", kStart).port25_blocked);  // nothing works: the network is down
  watch.saw("mta-sts.example.com", fetch(std::nullopt), kStart);
  CHECK(watch.now("mta-sts.example.com", kStart).port25_blocked);
  const auto later = kStart + Seconds{3601};
  watch.saw("mta-sts.example.com", fetch(std::nullopt), later);
  CHECK_FALSE(watch.now("mta-sts.example.com", later).port25_blocked);  // nobody was asked lately
  watch.saw(mx_look("mx2.example.com", kGreeting));  // a greeting of any kind proves the port open
  const auto v = watch.now("mta-sts.example.com", kStart);
  CHECK_FALSE(v.port25_blocked);
  CHECK(v.reached_25);
}

TEST_CASE("only another host than the policy host itself proves that HTTPS is open (RULES 5.7)") {
  VantageWatch watch(true, false);
  watch.saw("mta-sts.example.com", fetch(std::nullopt), kStart);
  CHECK_FALSE(watch.now("mta-sts.example.com", kStart).reached_443);
  CHECK(watch.now("mta-sts.example.net", kStart).reached_443);
  watch.saw("mta-sts.example.net", fetch(std::nullopt), kStart);
  CHECK(watch.now("mta-sts.example.com", kStart).reached_443);
}

TEST_CASE("a host that alone was reached on port 25 proves nothing about itself") {
  VantageWatch watch(true, false);
  watch.saw(mx_look("mx1.example.com", std::nullopt));
  CHECK(watch.now("", kStart).reached_25_only == "mx1.example.com");
  watch.saw(mx_look("mx2.example.com", kGreeting));
  CHECK(watch.now("", kStart).reached_25_only.empty());
  CHECK(watch.now("", kStart).reached_25);
}

TEST_CASE("what was reached over an hour ago proves nothing now") {
  VantageWatch watch(true, false);
  watch.saw(mx_look("mx1.example.com", std::nullopt));
  CHECK(watch.now("", kStart + Seconds{3600}).reached_25);
  CHECK_FALSE(watch.now("", kStart + Seconds{3601}).reached_25);
}

TEST_CASE("a canary that answers is another host that was reached") {
  VantageWatch watch(true, false);
  CHECK(watch.port25_ok(kStart));
  watch.asked_canaries("canary.example", kStart);
  CHECK(watch.now("", kStart).reached_25);
  CHECK(watch.now("", kStart).reached_25_only == "canary.example");
  CHECK(watch.port25_ok(kStart));
}

TEST_CASE("when no canary answers, what was reached before proves nothing any more") {
  VantageWatch watch(true, false);
  watch.saw("mta-sts.example.com", fetch(std::nullopt), kStart);
  watch.saw(mx_look("mx1.example.com", std::nullopt));
  watch.saw(mx_look("mx2.example.com", std::nullopt));
  const auto later = kStart + Seconds{60};
  watch.asked_canaries("", later);
  CHECK_FALSE(watch.now("", later).reached_25);
  CHECK(watch.now("", later).port25_blocked);
  CHECK_FALSE(watch.port25_ok(later));
  SUBCASE("until one of them answers") { watch.asked_canaries("canary.example", later + Seconds{60}); }
  SUBCASE("or any MX host") { watch.saw(mx_look("mx2.example.com", kGreeting, later + Seconds{60})); }
  CHECK(watch.now("", later + Seconds{60}).reached_25);
  CHECK_FALSE(watch.now("", later + Seconds{60}).port25_blocked);
  CHECK(watch.port25_ok(later + Seconds{60}));
}

TEST_CASE("with port 443 dead too it is the network, not port 25; MX hosts are unknown all the same") {
  VantageWatch watch(true, false);
  watch.asked_canaries("", kStart);
  CHECK_FALSE(watch.now("", kStart).port25_blocked);
  CHECK_FALSE(watch.now("", kStart).reached_25);
  CHECK_FALSE(watch.port25_ok(kStart));
}

TEST_CASE(
    "STARTTLS that a host has lost is held against it once another owner's host was seen to offer it since") {
  VantageWatch watch(true, false);
  const Failure none{Stage::starttls, Cause::not_offered, "EHLO without STARTTLS"};
  const auto doubted = [&](Seconds after) { return watch.now("", kStart + after).starttls_stripped; };
  watch.saw(mx_look("mx1.example.com", std::nullopt));
  watch.saw(mx_look("mx2.example.com", std::nullopt));
  watch.saw(mx_look("mx.example.net", std::nullopt));
  CHECK_FALSE(doubted(0s));
  watch.saw(mx_look("mx1.example.com", none, kStart + 60s));
  CHECK(watch.starttls_undecided(kStart + 60s));
  CHECK(doubted(60s));
  CHECK_FALSE(watch.starttls_stripped().has_value());  // nobody is told of a doubt
  SUBCASE("it was") {
    watch.saw(mx_look("mx.example.net", std::nullopt, kStart + 61s));
    CHECK_FALSE(doubted(61s));
  }
  SUBCASE("the other has lost it too") {
    watch.saw(mx_look("mx.example.net", none, kStart + 61s));
    CHECK_FALSE(watch.starttls_undecided(kStart + 61s));
    CHECK(doubted(61s));
    CHECK(watch.starttls_stripped().has_value());
  }
  SUBCASE("nobody comes to be looked at") { CHECK_FALSE(doubted(661s)); }
}

TEST_CASE("STARTTLS that the hosts of the only owner have lost is held against them") {
  VantageWatch watch(true, false);
  for (const char* host : {"mx1.example.com", "mx2.example.com"})
    watch.saw(mx_look(host, std::nullopt));
  watch.saw(mx_look("mx1.example.com", Failure{Stage::starttls, Cause::not_offered, ""}, kStart + 60s));
  CHECK_FALSE(watch.now("", kStart + 60s).starttls_stripped);
}

namespace {

/// A vantage with a mail server on 127.0.0.1 that greets while it is open; 127.0.0.2 refuses.
struct Here {
  Here() { options.smtp.port = server.port(); }

  std::atomic<bool> open{true};
  std::atomic<int> calls{0};
  dialogue::ScriptedServer server{[this](dialogue::Peer& peer) {
    ++calls;
    if (open) peer.ask("220 here\r\n");
    if (open) peer.say("221 bye\r\n");
  }};
  ObserveOptions options;
  TableResolver resolver;
  VantageWatch vantage{true, false};
  Cancel cancel;
};

}  // namespace

TEST_CASE("the first canary that greets is enough") {
  Here here;
  Observer observer(here.resolver, nullptr, here.options);
  Canaries canaries({"127.0.0.2", "127.0.0.1", "127.0.0.1"}, observer, here.vantage);
  canaries.ask(kStart, here.cancel);
  CHECK(here.vantage.now("", kStart).reached_25_only == "127.0.0.1");
  CHECK(here.calls == 1);
}

TEST_CASE("a round is not repeated at once, and is after a while") {
  Here here;
  Observer observer(here.resolver, nullptr, here.options);
  Canaries canaries({"127.0.0.1"}, observer, here.vantage);
  canaries.ask(kStart, here.cancel);
  here.open = false;
  canaries.ask(kStart + Seconds{5}, here.cancel);
  CHECK(here.calls == 1);
  CHECK(here.vantage.port25_ok(kStart + Seconds{5}));
  canaries.ask(kStart + Seconds{30}, here.cancel);
  CHECK(here.calls == 2);
  CHECK_FALSE(here.vantage.port25_ok(kStart + Seconds{30}));
}

TEST_CASE("who comes during a round waits for what it finds") {
  Here here;
  Observer observer(here.resolver, nullptr, here.options);
  Canaries canaries({"127.0.0.2", "127.0.0.1"}, observer, here.vantage);
  std::atomic<int> knew{0};
  std::vector<std::thread> crowd;
  for (int i = 0; i < 8; ++i)
    crowd.emplace_back([&] {
      canaries.ask(kStart, here.cancel);
      if (here.vantage.now("", kStart).reached_25) ++knew;
    });
  for (auto& one : crowd)
    one.join();
  CHECK(knew == 8);
  CHECK(here.calls == 1);
}

TEST_CASE("a round that a stop cut short says nothing") {
  Here here;
  Observer observer(here.resolver, nullptr, here.options);
  Canaries canaries({"127.0.0.2"}, observer, here.vantage);
  here.cancel.cancel();
  canaries.ask(kStart, here.cancel);
  CHECK(here.vantage.port25_ok(kStart));
}

TEST_CASE("a canary whose name cannot be looked up says nothing of port 25") {
  Here here;
  here.resolver.unknown<AddressAnswer>("canary.example", RecordType::a);
  Observer observer(here.resolver, nullptr, here.options);
  Canaries canaries({"canary.example"}, observer, here.vantage);
  canaries.ask(kStart, here.cancel);
  CHECK(here.vantage.port25_ok(kStart));
  Canaries two({"canary.example", "127.0.0.2"}, observer, here.vantage);
  two.ask(kStart, here.cancel);
  CHECK_FALSE(here.vantage.port25_ok(kStart));
}

TEST_CASE("without canaries nothing is asked and nothing is said") {
  Here here;
  Observer observer(here.resolver, nullptr, here.options);
  Canaries({}, observer, here.vantage).ask(kStart, here.cancel);
  CHECK(here.vantage.port25_ok(kStart));
  CHECK_FALSE(here.vantage.now("", kStart).reached_25);
}

TEST_CASE(
    "silence is a connection without an answer or without a word, not a refusal in words or a fault of our "
    "own") {
  const auto look = [](std::optional<Failure> failure) {
    MxHostObservation seen;
    seen.probes.push_back({.address = *Address::parse("192.0.2.1"), .failure = std::move(failure)});
    return seen;
  };
  CHECK(dubious(look(Failure{Stage::connect, Cause::timeout, ""})));
  CHECK(dubious(look(Failure{Stage::connect, Cause::refused, ""})));
  CHECK_FALSE(dubious(look(Failure{Stage::connect, Cause::no_route, ""})));
  CHECK_FALSE(dubious(look(Failure{Stage::connect, Cause::local, ""})));
  CHECK(dubious(look(Failure{Stage::greeting, Cause::timeout, ""})));
  CHECK_FALSE(dubious(look(Failure{Stage::greeting, Cause::deferred, ""})));
  CHECK_FALSE(dubious(look(std::nullopt)));
}
