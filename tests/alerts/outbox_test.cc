// The laws of delivery: receivers that fail, processes that die.
#include <doctest/doctest.h>

#include <random>

#include "alerts/decide.h"
#include "tests/alerts/dispatcher_world.h"

using namespace stswatch;
using namespace stswatch::alerts;
using Kind = SendResult::Kind;

TEST_CASE("what is over before it could be sent is never told") {
  World world;
  world.answer = [](const PendingNotice&) { return Kind::failed; };
  break_mail(world);
  world.pass(1h);
  CHECK(world.dispatcher->state()[0].pending == 1);
  CHECK(world.dispatcher->state()[0].oldest == kStart + 30s);
  mend_mail(world);
  world.pass(1h);
  CHECK(world.dispatcher->state()[0].pending == 0);
  world.answer = [](const PendingNotice&) { return Kind::sent; };
  world.pass(kDay);
  CHECK(world.deliveries.empty());
}

TEST_CASE("a receiver that was down for a day gets one notice for each problem, as it is then") {
  World world({{"mail", {}}, {"chat", {}}});
  world.answer = [](const PendingNotice& pending) {
    return pending.receiver == "mail" ? Kind::failed : Kind::sent;
  };
  world.open("example.com", "certificate-expiring", kHost);
  world.pass(12h);
  world.close("example.com", "certificate-expiring", kHost);
  break_mail(world);
  world.pass(12h);
  CHECK(world.told().empty());
  world.answer = [](const PendingNotice&) { return Kind::sent; };
  world.pass(1min);
  CHECK(world.kinds() == "new/page");
  CHECK(world.kinds("chat").starts_with("new/ticket worse/page"));  // which waited for nobody
}

TEST_CASE("a resolve is owed when the firing notice may have arrived") {
  World world;
  world.answer = [](const PendingNotice&) { return Kind::doubtful; };
  break_mail(world);
  world.pass(1min);
  mend_mail(world);
  world.answer = [](const PendingNotice&) { return Kind::sent; };
  world.pass(1min);
  CHECK(world.kinds() == "resolved/page");
}

TEST_CASE("what may have arrived is sent again under the same key") {
  World world;
  std::set<std::string> keys;
  world.answer = [&](const PendingNotice& pending) {
    keys.insert(pending.notice.key);
    return keys.size() < 2 && world.now < kStart + 2min ? Kind::doubtful : Kind::sent;
  };
  break_mail(world);
  world.pass(1h);
  CHECK(keys.size() == 1);
  CHECK(world.kinds() == "new/page");
}

TEST_CASE("a process that dies between the decision and the sending loses nothing") {
  World world;
  break_mail(world);
  world.dispatcher->turn(kStart + 30s);
  world.restart();
  world.pass(1min);
  CHECK(world.kinds() == "new/page");
  world.restart();
  world.pass(1h);
  CHECK(world.kinds() == "new/page");
  mend_mail(world);
  world.restart();
  world.pass(1h);
  CHECK(world.kinds() == "new/page resolved/page");
}

TEST_CASE("a process that dies between the sending and the acknowledgement repeats the same key") {
  World world;
  break_mail(world);
  world.now += 1min;
  const auto first = world.dispatcher->take("mail", world.now);
  REQUIRE(first);
  world.restart();
  world.pass(1h);
  REQUIRE(world.told().size() == 1);
  CHECK(world.told()[0].key == first->pending.notice.key);
}

TEST_CASE(
    "a process that starts without memory keeps what it owes, and calls nothing over that it has not seen") {
  World world;
  break_mail(world);
  world.pass(1h);
  Dispatcher blank(*world.key_values, [](const std::string&) {});
  blank.adopt({{{"mail", {}}}, {}, {"example.com"}, {}});
  blank.turn(world.now + 1h);
  CHECK_FALSE(blank.take("mail", world.now + 1h));
  CHECK(blank.firing("mail").size() == 1);
}

TEST_CASE("a row that cannot be read is named and costs nothing else") {
  RamKeyValues key_values;
  key_values.put(kTopicTable, "x", "{");
  key_values.put(kOwedTable, "y", "[]");
  int complaints = 0;
  Dispatcher dispatcher(key_values, [&](const std::string&) { ++complaints; });
  CHECK(complaints == 2);
}

TEST_CASE("rows are read as they were written") {
  World world;
  world.answer = [](const PendingNotice&) { return Kind::failed; };
  break_mail(world);
  world.pass(1min);
  for (const auto& [_, text] : world.key_values->all(kOwedTable))
    CHECK(to_row(*owed_from_row(text)) == text);
  world.answer = [](const PendingNotice&) { return Kind::sent; };
  world.pass(1min);
  REQUIRE(world.key_values->all(kTopicTable).size() == 1);
  for (const auto& [_, text] : world.key_values->all(kTopicTable))
    CHECK(to_row(*topic_from_row(text)) == text);
  CHECK(world.key_values->all(kOwedTable).empty());
  mend_mail(world);
  world.pass(1h);
  CHECK(world.key_values->all(kTopicTable).empty());
}

TEST_CASE("an unlucky receiver is left alone longer and longer, never shorter than it asks for") {
  CHECK(back_off(1, std::nullopt, 0) == 4s);
  CHECK(back_off(1, std::nullopt, 1) == 7s);
  CHECK(back_off(4, std::nullopt, 0.5) == 40s);
  CHECK(back_off(50, std::nullopt, 0.5) == 600s);
  CHECK(back_off(1, 90s, 0.5) == 90s);
  CHECK(back_off(1, 900000s, 0.5) == 86400s);
}

namespace {

/// What a receiver makes of the notices, each key counted once: the threads that it takes to be firing.
std::set<std::string> believed(const World& world, const std::string& receiver) {
  std::set<std::string> firing;
  for (const auto& n : world.told(receiver)) {
    if (n.firing())
      firing.insert(std::string(n.thread()));
    else
      firing.erase(std::string(n.thread()));
  }
  return firing;
}

struct Fault {
  const char *code, *subject;
};
constexpr Fault kFaults[] = {{"certificate-expired", "mx1.example.com"},
                             {"starttls-refused", "mx2.example.com"},
                             {"enforce-breakage-now", ""},
                             {"sts-txt-missing", ""},
                             {"sts-policy-http-status", ""},
                             {"mx-not-in-policy", "mx2.example.com"}};

}  // namespace

TEST_CASE("whatever fails and dies in whatever order, every receiver ends up knowing what is true") {
  for (unsigned seed = 0; seed < 40; ++seed) {
    std::mt19937 random(seed);
    const auto chance = [&](unsigned of) { return random() % of == 0; };
    World world({{"mail", {}}, {"hook", {.min_severity = Severity::critical}}});
    world.answer = [&](const PendingNotice&) {
      return chance(3) ? Kind::failed : chance(6) ? Kind::doubtful : Kind::sent;
    };
    for (int step = 0; step < 60; ++step) {
      const auto domain = "d" + std::to_string(random() % 4) + ".example.com";
      const auto& fault = kFaults[random() % std::size(kFaults)];
      const auto subject = *fault.subject == '\0' ? domain : std::string(fault.subject);
      if (chance(2))
        world.open(domain, fault.code, subject);
      else
        world.close(domain, fault.code, subject);
      world.pass(Seconds{random() % 100});
      if (chance(8)) (void)world.dispatcher->take("mail", world.now);  // and dies before it can settle
      if (chance(4)) world.restart();
    }
    world.restart();
    world.answer = [](const PendingNotice&) { return Kind::sent; };
    for (int d = 0; d < 4; ++d)
      for (const auto& fault : kFaults) {
        const auto domain = "d" + std::to_string(d) + ".example.com";
        world.close(domain, fault.code, *fault.subject == '\0' ? domain : fault.subject);
      }
    world.pass(1h);
    for (const auto* receiver : {"mail", "hook"}) {
      CHECK_MESSAGE(believed(world, receiver).empty(), "seed ", seed);
      std::set<std::string> keys;
      for (const auto& n : world.told(receiver))
        CHECK_MESSAGE(keys.insert(n.key).second, "seed ", seed, ": ", n.key, " twice");
    }
    CHECK(world.dispatcher->state()[0].pending == 0);
    CHECK(world.key_values->all(kTopicTable).empty());
  }
}
