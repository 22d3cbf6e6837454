// One delivery thread and its receiver: pace, back-off, figures.
#include <doctest/doctest.h>

#include "alerts/delivery.h"
#include "tests/alerts/dispatcher_world.h"

using namespace stswatch;
using namespace stswatch::alerts;

namespace {

struct Script {
  std::vector<SendResult> answers;  // the last goes on for ever
  std::vector<TimePoint> attempts;
  std::vector<std::string> keys;
  std::size_t refreshed = 0;
};

class ScriptedSink : public Sink {
 public:
  ScriptedSink(Script& script, const TimePoint& now) : script_(script), now_(now) {}
  SendResult send(const Notice& notice, const Notice*, const std::stop_token&) override {
    script_.attempts.push_back(now_);
    script_.keys.push_back(notice.key);
    return script_.answers.at(std::min(script_.attempts.size(), script_.answers.size()) - 1);
  }
  std::optional<Seconds> refresh_every() const override { return 60s; }
  SendResult refresh(const std::vector<Notice>& firing, const std::stop_token&) override {
    script_.refreshed += firing.size();
    return {SendResult::Kind::sent, "", ""};
  }

 private:
  Script& script_;
  const TimePoint& now_;
};

const SendResult kSent{SendResult::Kind::sent, "", ""};
SendResult failure(std::string reason, std::optional<Seconds> retry_after = std::nullopt) {
  return {SendResult::Kind::failed, std::move(reason), "as the test says", retry_after};
}

/// The world's dispatcher, with a delivery thread instead of the world's own deliveries.
struct Round {
  explicit Round(std::vector<SendResult> answers) : script{std::move(answers), {}, {}, 0} {
    delivery = std::make_unique<Delivery>(
        *world.dispatcher, Receiver{{"mail", {}}, std::make_unique<ScriptedSink>(script, world.now)},
        Delivery::Hooks{.now = [this] { return world.now; }, .flush = [this] { ++flushes; }});
  }
  void pass(Seconds span) {
    for (const auto end = world.now + span; world.now < end; world.now += 1s) {
      world.dispatcher->turn(world.now);
      while (delivery->step({}) <= world.now) {
      }
    }
  }
  World world;
  Script script;
  int flushes = 0;
  std::unique_ptr<Delivery> delivery;
};

}  // namespace

TEST_CASE("a receiver that fails is tried again later and later, with the same notice") {
  Round round({failure("connect"), failure("connect"), failure("timeout"), kSent});
  break_mail(round.world);
  round.pass(5min);
  REQUIRE(round.script.attempts.size() == 4);
  for (std::size_t i = 2; i < 4; ++i)
    CHECK(round.script.attempts[i] - round.script.attempts[i - 1] >
          round.script.attempts[i - 1] - round.script.attempts[i - 2]);
  CHECK(round.script.keys == std::vector<std::string>(4, round.script.keys[0]));
  CHECK(round.delivery->figures().failed.at("connect") == 2);
  CHECK(round.delivery->figures().failed.at("timeout") == 1);
  CHECK(round.delivery->figures().sent.at("new") == 1);
  CHECK(round.flushes == 4);  // each attempt after what is owed was stored
}

TEST_CASE("Retry-After is honoured") {
  Round round({failure("throttled", 120s), kSent});
  break_mail(round.world);
  round.pass(10min);
  REQUIRE(round.script.attempts.size() == 2);
  CHECK(round.script.attempts[1] - round.script.attempts[0] >= 120s);
}

TEST_CASE("a notice that is refused does not hold up the others, and is offered again") {
  Round round({{SendResult::Kind::refused, "rejected", ""}, kSent});
  break_mail(round.world, "a.example.com", "mx.a.example.com");
  break_mail(round.world, "b.example.com", "mx.b.example.com");
  round.pass(40s);
  CHECK(round.script.keys.size() == 2);
  CHECK(round.script.keys[0] != round.script.keys[1]);
  round.pass(15min);
  REQUIRE(round.script.keys.size() == 3);
  CHECK(round.script.keys[2] == round.script.keys[0]);
}

TEST_CASE("a receiver that forgets is told of what fires, as often as it wants, until it is over") {
  Round round({kSent});
  break_mail(round.world);
  round.pass(10min);
  CHECK(round.script.refreshed >= 8);
  CHECK(round.script.refreshed <= 11);
  mend_mail(round.world);
  round.pass(2min);
  const auto then = round.script.refreshed;
  round.pass(10min);
  CHECK(round.script.refreshed == then);
}

TEST_CASE("every kind and reason is counted from 0") {
  const DeliveryFigures figures;
  CHECK(figures.sent.size() == 5);
  CHECK(figures.failed.size() == 9);
}
