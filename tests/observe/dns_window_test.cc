#include "checks/observe/dns/window.h"

#include <doctest/doctest.h>

using namespace std::chrono_literals;

namespace stswatch::dns {
namespace {

const Window::Clock::time_point kStart{};

void answer(Window& window, std::size_t questions) {
  for (std::size_t i = 0; i < questions; ++i) {
    while (!window.full())
      window.sent();
    window.answered();
  }
}

}  // namespace

TEST_CASE("a resolver that answers gets more at a time, up to a bound") {
  Window window(5s);
  CHECK(window.size() == Window::kFirst);
  answer(window, 100);
  CHECK(window.size() == Window::kFirst + 100);
  answer(window, 10'000);
  CHECK(window.size() == Window::kMost);
  CHECK(window.in_flight() <= Window::kMost);
}

TEST_CASE("what is not used proves nothing") {
  Window window(5s);
  for (int i = 0; i < 1000; ++i) {
    window.sent();
    window.answered();
  }
  CHECK(window.size() == Window::kFirst);
}

TEST_CASE("answers that are lost halve it, once a round, and it comes back one by one") {
  Window window(5s);
  answer(window, 1000);
  for (int i = 0; i < 200; ++i)
    window.lost(kStart + 10s);
  CHECK(window.size() == Window::kMost / 2);
  answer(window, Window::kMost / 2);
  CHECK(window.size() == Window::kMost / 2 + 1);
  for (int round = 0; round < 20; ++round)
    for (int i = 0; i < 100; ++i)
      window.lost(kStart + 20s + round * 10s);
  CHECK(window.size() == Window::kLeast);
  CHECK_FALSE(window.full());
}

TEST_CASE("a few answers that never come, of dead zones, are no overload") {
  Window window(5s);
  answer(window, 1000);
  for (int i = 0; i < 50; ++i)
    window.lost(kStart + 10s + i * 10s);
  CHECK(window.size() == Window::kMost);
}

}  // namespace stswatch::dns
