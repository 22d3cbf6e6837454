#include "agent/watch/vantage_watch.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "tests/agent/start.h"
#include "tests/observe/observer_peer.h"
#include "tests/observe/table_resolver.h"

using namespace stswatch;

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
