// What the name servers of others are asked: a share a second, whoever comes due.
#include "checks/observe/dns/budget.h"

#include <doctest/doctest.h>

using namespace stswatch;
using namespace std::chrono_literals;
using dns::Budget;

namespace {

const Address kServer = *Address::parse("203.0.114.53"), kOther = *Address::parse("203.0.114.54");

int asked(Budget& budget, const Address& server, Budget::Clock::time_point now, int times = 1000) {
  int out = 0;
  for (int n = 0; n < times; ++n)
    out += budget.may_ask(server, now);
  return out;
}

}  // namespace

TEST_CASE("a server is asked what has gathered, then so many a second, and others are not held up") {
  Budget budget;
  const auto now = Budget::Clock::now();
  CHECK(asked(budget, kServer, now) == Budget::kAtOnce);
  CHECK(asked(budget, kServer, now) == 0);
  CHECK(asked(budget, kOther, now) == Budget::kAtOnce);
  CHECK(asked(budget, kServer, now + 1s) == Budget::kASecond);
  CHECK(asked(budget, kServer, now + 1s + 100ms) == Budget::kASecond / 10);
  CHECK_MESSAGE(asked(budget, kServer, now + 1h) == Budget::kAtOnce,
                "and no more, however long it was left alone");
}

TEST_CASE("over an hour it is the rate, whatever the bursts") {
  Budget budget;
  const auto now = Budget::Clock::now();
  int all = 0;
  for (int minute = 0; minute < 60; ++minute)
    for (int burst = 0; burst < 60; ++burst)
      all += asked(budget, kServer, now + 1s * (60 * minute + burst), 100);
  CHECK(all <= 3600 * Budget::kASecond + Budget::kAtOnce);
  CHECK(all >= 3500 * Budget::kASecond);
}

TEST_CASE("a server of our own, and a clock that stands, change nothing") {
  Budget budget;
  const auto now = Budget::Clock::now();
  CHECK(asked(budget, *Address::parse("127.0.0.1"), now) == 1000);
  CHECK(asked(budget, kServer, now) == Budget::kAtOnce);
  CHECK(asked(budget, kServer, now - 1h) == 0);
}

TEST_CASE("the budget remembers a bounded number of servers") {
  Budget budget;
  const auto now = Budget::Clock::now();
  for (std::uint8_t a = 0; a < 40; ++a)
    for (int b = 0; b < 256; ++b)
      (void)budget.may_ask(Address::v4({203, 1, a, static_cast<std::uint8_t>(b)}), now);
  CHECK(budget.servers() == Budget::kServers);
  CHECK(budget.may_ask(kServer, now + 1h));
  CHECK_MESSAGE(budget.servers() == 1, "those who have all of theirs again are forgotten");
}
