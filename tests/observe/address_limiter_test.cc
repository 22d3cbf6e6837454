// One connection to an address at a time.
#include "checks/observe/net/address_limiter.h"

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace stswatch;
using namespace std::chrono_literals;

namespace {
const Address kOne = *Address::parse("192.0.2.1");
const Address kTwo = *Address::parse("192.0.2.2");

Address at(const std::string& block, std::size_t number) {
  return *Address::parse(block + std::to_string(number));
}
}  // namespace

TEST_CASE("a free address is taken at once, also with no time left") {
  AddressLimiter address_limiter;
  CHECK(address_limiter.take(kOne, Deadline::in(0ms)).has_value());
}

TEST_CASE("a busy address keeps others waiting until their deadline, and nobody else") {
  AddressLimiter address_limiter;
  const auto turn = address_limiter.take(kOne, Deadline::in(1s));
  CHECK_FALSE(address_limiter.take(kOne, Deadline::in(20ms)).has_value());
  CHECK(address_limiter.take(kTwo, Deadline::in(0ms)).has_value());
}

TEST_CASE("a turn ends with its last holder, not with the moved-from one") {
  AddressLimiter address_limiter;
  auto turn = address_limiter.take(kOne, Deadline::in(1s));
  REQUIRE(turn.has_value());
  {
    const AddressLimiter::DomainUpdate moved(std::move(*turn));
    turn.reset();
    CHECK_FALSE(address_limiter.take(kOne, Deadline::in(0ms)).has_value());
  }
  CHECK(address_limiter.take(kOne, Deadline::in(0ms)).has_value());
}

TEST_CASE("a waiter gets the address when it is freed") {
  AddressLimiter address_limiter;
  auto turn = address_limiter.take(kOne, Deadline::in(1s));
  std::atomic<bool> got{false};
  std::thread waiter([&] { got = address_limiter.take(kOne, Deadline::in(10s)).has_value(); });
  turn.reset();
  waiter.join();
  CHECK(got);
}

TEST_CASE("a wish to stop ends the wait long before the deadline") {
  AddressLimiter address_limiter;
  Cancel stop;
  const auto turn = address_limiter.take(kOne, Deadline::in(1s));
  const auto deadline = Deadline::in(60s, &stop);
  std::atomic<bool> got{true};
  std::thread waiter([&] { got = address_limiter.take(kOne, deadline).has_value(); });
  stop.cancel();
  waiter.join();
  CHECK_FALSE(got);
  CHECK(deadline.left() > 30s);
}

TEST_CASE("never two at one address, whatever the crowd") {
  AddressLimiter address_limiter;
  std::atomic<int> inside{0}, turns{0};
  std::atomic<bool> crowded{false};
  std::vector<std::thread> crowd;
  for (int i = 0; i < 8; ++i) {
    crowd.emplace_back([&] {
      for (int n = 0; n < 200; ++n) {
        const auto turn = address_limiter.take(kOne, Deadline::in(30s));
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

namespace {

/// As many takers as wait, until they are let go.
class Waiters {
 public:
  Waiters(AddressLimiter& address_limiter, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      threads_.emplace_back(
          [&address_limiter, this] { (void)address_limiter.take(kOne, Deadline::in(30s, &cancel_)); });
    while (address_limiter.room(kOne) + count > AddressLimiter::kQueue)
      std::this_thread::yield();
  }
  ~Waiters() {
    cancel_.cancel();
    for (auto& thread : threads_)
      thread.join();
  }

 private:
  Cancel cancel_;
  std::vector<std::thread> threads_;
};

}  // namespace

TEST_CASE("who would not stand in a long queue is told at once that there is one") {
  AddressLimiter address_limiter;
  const auto turn = address_limiter.take(kOne, Deadline::in(1s));
  bool crowded = false;
  {
    const Waiters one_less(address_limiter, AddressLimiter::kQueue - 1);
    CHECK_FALSE(address_limiter.take(kOne, Deadline::in(0ms), &crowded).has_value());
    CHECK_FALSE(crowded);
  }
  const Waiters full(address_limiter, AddressLimiter::kQueue);
  CHECK(address_limiter.room(kOne) == 0);
  CHECK_FALSE(address_limiter.take(kOne, Deadline::in(1h), &crowded).has_value());
  CHECK(crowded);
  CHECK(address_limiter.room(kTwo) == AddressLimiter::kQueue + 1);
}

TEST_CASE("the end of a turn is told, with how many may come") {
  AddressLimiter address_limiter;
  std::vector<std::size_t> told;
  address_limiter.tell_of_room([&](const Address& address, std::size_t room) {
    CHECK(address == kOne);
    CHECK(address_limiter.room(kOne) == room);  // no lock is held
    told.push_back(room);
  });
  { const auto turn = address_limiter.take(kOne, Deadline::in(1s)); }
  CHECK(told == std::vector<std::size_t>{AddressLimiter::kQueue + 1});
  address_limiter.tell_of_room({});
  { const auto turn = address_limiter.take(kOne, Deadline::in(1s)); }
  CHECK(told.size() == 1);
}

TEST_CASE("an address block has few places, of which each is had again when its holder goes") {
  for (const std::string block : {"203.0.114.", "2001:67c:0:1::"}) {
    CAPTURE(block);
    AddressLimiter limiter;
    std::vector<AddressLimiter::DomainUpdate> held;
    for (std::size_t n = 1; n <= AddressLimiter::kOfBlock; ++n) {
      auto turn = limiter.take(at(block, n), Deadline::in(0ms));
      REQUIRE(turn.has_value());
      held.push_back(std::move(*turn));
    }
    CHECK_FALSE(limiter.take(at(block, 99), Deadline::in(0ms)).has_value());
    CHECK_MESSAGE(limiter.take(*Address::parse("203.0.115.99"), Deadline::in(0ms)).has_value(),
                  "another block");
    CHECK(limiter.take(*Address::parse("2001:67c:1::99"), Deadline::in(0ms)).has_value());
    std::atomic<bool> got{false};
    std::thread waiter([&] { got = limiter.take(at(block, 99), Deadline::in(20s)).has_value(); });
    held.pop_back();
    waiter.join();
    CHECK(got);
    CHECK(limiter.take(at(block, 98), Deadline::in(0ms)).has_value());
    CHECK_MESSAGE(!limiter.take(at(block, 1), Deadline::in(0ms)).has_value(), "one at a time to an address");
  }
}

TEST_CASE("what is private is the operator's own, who has no share of himself") {
  AddressLimiter limiter;
  std::vector<AddressLimiter::DomainUpdate> held;
  for (std::size_t n = 1; n <= 2 * AddressLimiter::kOfBlock; ++n) {
    auto turn = limiter.take(at("127.0.1.", n), Deadline::in(0ms));
    REQUIRE(turn.has_value());
    held.push_back(std::move(*turn));
  }
}

TEST_CASE("blocks are an IPv4 /24 and an IPv6 /48") {
  CHECK(AddressLimiter::block_of(*Address::parse("203.0.114.77")) == *Address::parse("203.0.114.0"));
  CHECK(AddressLimiter::block_of(*Address::parse("2001:67c:1:2:3::4")) == *Address::parse("2001:67c:1::"));
}
