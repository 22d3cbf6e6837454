// Each of the agent's senses raises its own finding, once it has lasted, and no other.
#include "agent/watch/self_questions.h"

#include <doctest/doctest.h>

#include "tests/agent/manual_clock.h"
#include "tests/agent/start.h"
#include "tests/alerts/ram_key_values.h"

using namespace stswatch;
using namespace std::chrono_literals;

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
