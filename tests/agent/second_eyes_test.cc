#include "agent/watch/second_eyes.h"

#include <doctest/doctest.h>

#include <future>

#include "tests/agent/manual_clock.h"

using namespace stswatch;

TEST_CASE("looks for others are few, one after the other, and none at a domain that was just looked at") {
  ManualClock clock{kStart};
  std::promise<void> go;
  std::array<std::promise<void>, 3> began;
  std::size_t looks = 0;
  LooksForOthers eyes(
      [&, may_end = go.get_future().share()](SecondLookAsked asked) {
        began.at(looks++).set_value();
        may_end.wait();
        return SecondLookAnswer{std::move(asked), {{"mx-vanished", "a.example"}}, {}};
      },
      clock);
  REQUIRE(eyes.has_time_for("a.example"));
  eyes.look({"a.example", 1, {}});
  began[0].get_future().wait();
  CHECK_FALSE(eyes.has_time_for("a.example"));
  eyes.look({"b.example", 1, {}});
  CHECK(eyes.has_time_for("c.example"));
  eyes.look({"c.example", 1, {}});
  CHECK_FALSE(eyes.has_time_for("d.example"));  // enough is waiting
  CHECK(eyes.answers().empty());
  clock.advance(std::chrono::seconds{29});
  go.set_value();
  began[2].get_future().wait();
  CHECK_FALSE(eyes.has_time_for("a.example"));
  clock.advance(std::chrono::seconds{1});
  CHECK(eyes.has_time_for("a.example"));
  const auto answers = eyes.answers();
  REQUIRE(answers.size() >= 2);
  CHECK(answers[0].asked.domain == "a.example");
  CHECK(answers[0].seen.size() == 1);
}
