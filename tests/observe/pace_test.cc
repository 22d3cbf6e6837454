// One connection to an address at a time.
#include "checks/observe/pace.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

using namespace stswatch;
using namespace std::chrono_literals;

namespace {
const Address kOne = *Address::parse("192.0.2.1");
const Address kTwo = *Address::parse("192.0.2.2");
}  // namespace

TEST_CASE("a free address is taken at once, also with no time left") {
  Pace pace;
  CHECK(pace.take(kOne, Deadline::in(0ms)).has_value());
}

TEST_CASE("a busy address keeps others waiting until their deadline, and nobody else") {
  Pace pace;
  const auto turn = pace.take(kOne, Deadline::in(1s));
  CHECK_FALSE(pace.take(kOne, Deadline::in(20ms)).has_value());
  CHECK(pace.take(kTwo, Deadline::in(0ms)).has_value());
}

TEST_CASE("a turn ends with its last holder, not with the moved-from one") {
  Pace pace;
  auto turn = pace.take(kOne, Deadline::in(1s));
  REQUIRE(turn.has_value());
  {
    const Pace::Turn moved(std::move(*turn));
    turn.reset();
    CHECK_FALSE(pace.take(kOne, Deadline::in(0ms)).has_value());
  }
  CHECK(pace.take(kOne, Deadline::in(0ms)).has_value());
}

TEST_CASE("a waiter gets the address when it is freed") {
  Pace pace;
  auto turn = pace.take(kOne, Deadline::in(1s));
  std::atomic<bool> got{false};
  std::thread waiter([&] { got = pace.take(kOne, Deadline::in(10s)).has_value(); });
  turn.reset();
  waiter.join();
  CHECK(got);
}

TEST_CASE("a wish to stop ends the wait long before the deadline") {
  Pace pace;
  Cancel stop;
  const auto turn = pace.take(kOne, Deadline::in(1s));
  const auto deadline = Deadline::in(60s, &stop);
  std::atomic<bool> got{true};
  std::thread waiter([&] { got = pace.take(kOne, deadline).has_value(); });
  stop.cancel();
  waiter.join();
  CHECK_FALSE(got);
  CHECK(deadline.left() > 30s);
}

TEST_CASE("never two at one address, whatever the crowd") {
  Pace pace;
  std::atomic<int> inside{0}, turns{0};
  std::atomic<bool> crowded{false};
  std::vector<std::thread> crowd;
  for (int i = 0; i < 8; ++i) {
    crowd.emplace_back([&] {
      for (int n = 0; n < 200; ++n) {
        const auto turn = pace.take(kOne, Deadline::in(30s));
        if (!turn) continue;
        if (++inside != 1) crowded = true;
        ++turns;
        --inside;
      }
    });
  }
  for (auto& thread : crowd)
    thread.join();
  CHECK_FALSE(crowded);
  CHECK(turns == 1600);
}
