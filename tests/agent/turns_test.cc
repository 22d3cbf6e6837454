// What many ask for and one thread does.
#include "agent/watch/reload.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <semaphore>
#include <vector>

using namespace stswatch;

namespace {

constexpr auto kPatience = std::chrono::seconds{60};

/// Turns that begin when they like and end when the test says so, or when they are told to stop.
struct Held {
  std::counting_semaphore<> begun{0}, goes_on{0};
  std::atomic<int> turns{0};
  Turns all{[this](const std::stop_token& stop) -> Turns::Outcome {
    const int mine = ++turns;
    const std::stop_callback on_stop(stop, [this] { goes_on.release(); });
    begun.release();
    if (!goes_on.try_acquire_for(kPatience)) return tl::make_unexpected("the test has failed");
    if (stop.stop_requested()) return tl::make_unexpected("cut off");
    if (mine == 1) return tl::make_unexpected("the first is refused");
    return {};
  }};

  std::vector<std::future<Turns::Outcome>> askers(int n) {
    std::vector<std::future<Turns::Outcome>> out;
    for (int i = 0; i < n; ++i)
      out.push_back(std::async(std::launch::async, [this] { return all.take(); }));
    return out;
  }
};

}  // namespace

TEST_CASE("whoever asks while a turn is under way gets the next, one for all") {
  Held held;
  auto first = held.askers(1);
  REQUIRE(held.begun.try_acquire_for(kPatience));
  for (int i = 0; i < 20; ++i)
    held.all.ask();
  held.goes_on.release(1);
  CHECK(first[0].get().error() == "the first is refused");
  REQUIRE(held.begun.try_acquire_for(kPatience));
  held.goes_on.release(1);
  auto later = held.askers(1);
  REQUIRE(held.begun.try_acquire_for(kPatience));
  held.goes_on.release(1);
  CHECK(later[0].get().has_value());
  held.all.stop();
  CHECK(held.turns == 3);
}

TEST_CASE("once it is to stop the turn under way is told, and nobody waits for another") {
  Held held;
  auto waiting = held.askers(1);
  REQUIRE(held.begun.try_acquire_for(kPatience));
  auto crowd = held.askers(8);
  held.all.stop();
  CHECK(waiting[0].get().error() == "cut off");
  for (auto& each : crowd)
    CHECK_FALSE(each.get().has_value());
  CHECK(held.turns == 1);
  CHECK(held.all.take().error() == "the agent stops");
  held.all.ask();
  CHECK(held.turns == 1);
  held.all.stop();
}
