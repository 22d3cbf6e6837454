// RULES 5.2: how much life left is too little.
#include "checks/judge/rules/readings.h"

#include <doctest/doctest.h>

#include "tests/judge/facts_builder.h"

using namespace stswatch;
using namespace std::chrono_literals;
using facts::days;

namespace {

struct Row {
  const char* why;
  Seconds life;
  Seconds left;
  Life expected;
  ExpiryLimits limits{};
};

const Row kRows[] = {
    {"398 d: overdue below 21 d", days(398), days(21) - 1s, Life::overdue},
    {"398 d: 21 d are not below 21 d", days(398), days(21), Life::healthy},
    {"398 d: critical below 7 d", days(398), days(7) - 1s, Life::critical},
    {"398 d: 7 d are not below 7 d", days(398), days(7), Life::overdue},
    {"200 d: overdue below 21 d", days(200), days(20), Life::overdue},
    {"100 d: overdue below 21 d", days(100), days(20), Life::overdue},
    {"90 d: healthy before its renewal", days(90), days(31), Life::healthy},
    {"90 d: overdue below 21 d", days(90), days(20), Life::overdue},
    {"90 d: critical below 7 d", days(90), days(6), Life::critical},
    {"64 d: overdue below 16 d", days(64), days(16) - 1s, Life::overdue},
    {"64 d: healthy at 16 d", days(64), days(16), Life::healthy},
    {"64 d: critical below 6.4 d", days(64), 153h, Life::critical},
    {"64 d: not critical at 6.4 d", days(64), Seconds(552960), Life::overdue},
    {"47 d: overdue below 11.75 d", days(47), 282h - 1s, Life::overdue},
    {"47 d: healthy at 11.75 d", days(47), 282h, Life::healthy},
    {"47 d: critical below 4.7 d", days(47), 112h, Life::critical},
    {"45 d: 16 d left are healthy (scenario 23)", days(45), days(16), Life::healthy},
    {"45 d: overdue below 11.25 d", days(45), 270h - 1s, Life::overdue},
    {"45 d: critical below 4.5 d", days(45), 108h - 1s, Life::critical},
    {"160 h: healthy at 60 h", 160h, 60h, Life::healthy},
    {"160 h: 45 h left are overdue (scenario 24)", 160h, 45h, Life::overdue},
    {"160 h: overdue below 60 h", 160h, 60h - 1s, Life::overdue},
    {"160 h: critical below 40 h", 160h, 40h - 1s, Life::critical},
    {"160 h: not critical at 40 h", 160h, 40h, Life::overdue},
    {"just 10 d: the rule of long ones, critical at least 24 h", days(10), 24h - 1s, Life::critical},
    {"3 d: critical at least 24 h", days(3), 24h - 1s, Life::critical},
    {"a second left is not expired", days(90), 1s, Life::critical},
    {"nothing left is expired", days(90), 0s, Life::expired},
    {"past is expired", days(90), -1s, Life::expired},
    {"absolute floor above the relative one counts", days(90), days(29), Life::overdue, {days(30), 0s}},
    {"absolute floor below the relative one does not", days(90), days(20), Life::overdue, {days(3), 0s}},
    {"absolute critical floor", days(90), days(9), Life::critical, {0s, days(10)}},
    {"absolute floors do not reach further", days(90), days(31), Life::healthy, {days(30), days(10)}},
};

}  // namespace

TEST_CASE("judge_life follows the certificate's own lifetime (RULES 5.2)") {
  for (const Row& row : kRows) {
    CAPTURE(row.why);
    const TimePoint end = facts::kNow + row.left;
    CHECK(judge_life(end - row.life, end, facts::kNow, row.limits) == row.expected);
  }
}
