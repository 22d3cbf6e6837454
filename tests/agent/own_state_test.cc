// The agent's own trouble as it is said, kept over a restart, and over.
#include "agent/watch/own_state.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "agent/watch/means.h"
#include "tests/agent/manual_clock.h"
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

// Each of the agent's senses raises its own finding, once it has lasted, and no other.

namespace {

struct Row {
  SelfSenses::Sense SelfSenses::*sense;
  const char* code;
  Seconds lasts;
};

const Row kRows[] = {
    {&SelfSenses::clocks, "vantage-clock-stepped", 0s},
    {&SelfSenses::means, "vantage-resources", 0s},
    {&SelfSenses::resolver, "vantage-resolver-blind", 0s},
    {&SelfSenses::validation, "vantage-resolver-not-validating", 0s},
    {&SelfSenses::skew, "vantage-clock-skew", 0s},
    {&SelfSenses::starttls, "vantage-starttls-stripped", 0s},
    {&SelfSenses::port25, "vantage-port25-blocked", 60s},
    {&SelfSenses::store, "agent-store-failing", 10s},
    {&SelfSenses::configuration, "agent-reload-failed", 0s},
    {&SelfSenses::receivers, "agent-receiver-failing", 0s},
    {&SelfSenses::reports, "agent-reports-failing", 10s},
};

SelfSenses all_well() {
  SelfSenses out;
  for (const Row& row : kRows)
    out.*row.sense = [] { return std::optional<std::string>(); };
  out.port25_tried = [] { return true; };
  return out;
}

}  // namespace

TEST_CASE("each sense raises its own finding, not before it has lasted, and alone") {
  for (const Row& row : kRows) {
    CAPTURE(row.code);
    RamKeyValues rows;
    ManualClock clock(kStart);
    OwnState own(rows, clock);
    std::optional<std::string> wrong;
    auto senses = all_well();
    senses.*row.sense = [&] { return wrong; };
    SelfCheck check(own, clock, self_questions(senses));
    check.turn();
    CHECK(own.open().empty());
    wrong = "so it is";
    check.turn();
    if (row.lasts > 0s) {
      clock.advance(row.lasts - 1s);
      check.turn();
      CHECK(own.open().empty());
      clock.advance(1s);
      check.turn();
    }
    REQUIRE(own.open().size() == 1);
    CHECK(own.open()[0].code == row.code);
    CHECK(own.open()[0].detail == "so it is");
    wrong.reset();
    check.turn();
    CHECK(own.open().empty());
  }
}

TEST_CASE("a receiver is failing when a notice to it is ten minutes old; all such are named") {
  std::vector<ReceiverFigures> receivers(3);
  receivers[0] = {.name = "mail", .sent = {}, .failed = {}, .pending = 1, .oldest = kStart};
  receivers[1] = {.name = "hook", .sent = {}, .failed = {}, .pending = 2, .oldest = kStart + 1s};
  receivers[2].name = "idle";
  CHECK_FALSE(owed_too_long(receivers, kStart + 599s));
  CHECK(owed_too_long(receivers, kStart + 600s) ==
        "mail is owed 1 notice, the oldest since " + to_utc(kStart));
  CHECK(owed_too_long(receivers, kStart + 601s)->find("; hook is owed 2 notices, ") != std::string::npos);
  CHECK_FALSE(owed_too_long({}, kStart + 601s));
}

namespace {

/// A socket in NOTIFY_SOCKET, as systemd would have it.
class Manager {
 public:
  Manager() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    const std::string name = "stswatch-test-" + std::to_string(::getpid());  // abstract: no file is left
    std::memcpy(at.sun_path + 1, name.data(), name.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&at), size) == 0);
    ::setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
  }
  ~Manager() {
    ::unsetenv("NOTIFY_SOCKET");
    ::close(fd_);
  }

  /// What was said last; empty when nothing was.
  std::string heard() const {
    std::array<char, 512> notice{};
    const auto size = ::recv(fd_, notice.data(), notice.size(), 0);
    return size > 0 ? std::string(notice.data(), static_cast<std::size_t>(size)) : std::string();
  }

 private:
  int fd_;
};

}  // namespace

TEST_CASE("systemd hears a pulse only while the service turns") {
  const Manager manager;
  systemd::Pulse pulse;
  pulse.beat(std::nullopt);
  CHECK(manager.heard() == "WATCHDOG=1");
  pulse.beat("the look at example.com has not ended for 200 s");
  CHECK(manager.heard().empty());
  pulse.beat("the look at example.com has not ended for 210 s");
  CHECK(manager.heard().empty());
  pulse.beat(std::nullopt);
  CHECK(manager.heard() == "WATCHDOG=1");
}

TEST_CASE("a reload carries the moment it began, which Type=notify-reload needs") {
  const Manager manager;
  systemd::reloading();
  const auto said = manager.heard();
  CHECK(said.starts_with("RELOADING=1\nMONOTONIC_USEC="));
  CHECK(std::stoll(said.substr(said.rfind('=') + 1)) > 0);
}

TEST_CASE("without systemd nothing is said and nothing is due") {
  ::unsetenv("NOTIFY_SOCKET");
  ::unsetenv("WATCHDOG_USEC");
  systemd::ready(1);
  CHECK_FALSE(systemd::watchdog());
}
