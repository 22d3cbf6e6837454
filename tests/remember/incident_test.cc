// Laws of a finding over time (RULES 5.3).
#include "agent/remember/memory.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

using namespace stswatch;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kFirstLook{Seconds{1'800'000'000}};

Finding finding(Severity severity = Severity::warning, std::string code = "mx-added") {
  Finding f;
  f.code = std::move(code);
  f.subject = "example.com";
  f.severity = severity;
  return f;
}

class FindingLife {
 public:
  std::vector<Incident> incidents;
  std::vector<Transition> told;
  TimePoint now = kFirstLook;
  std::optional<TimePoint> happened;
  bool replaced = false;

  void look(std::vector<Finding> found, bool seen = true, Seconds later = 60s) {
    now += later;
    auto out = step(
        incidents, found, [seen](const Finding&) { return seen; }, now, {},
        [this](const Finding&) { return happened; }, [this](const Finding&) { return replaced; });
    incidents = std::move(out.incidents);
    std::ranges::move(out.transitions, std::back_inserter(told));
  }
  void bad(Severity s = Severity::warning) { look({finding(s)}); }
  void good() { look({}); }
  void blind() { look({}, false); }
  bool open() const { return !incidents.empty() && incidents.front().open(); }
  std::string story() const {
    std::string out;
    for (const auto& t : told)
      out += std::string(out.empty() ? "" : " ") + std::string(to_string(t.kind));
    return out;
  }
};

}  // namespace

TEST_CASE("it opens with the first bad look and closes after two good ones") {
  FindingLife life;
  life.bad();
  CHECK(life.open());
  life.good();
  CHECK(life.open());
  life.good();
  CHECK_FALSE(life.open());
  CHECK(life.story() == "opened closed");
}

TEST_CASE("a bad look between good ones starts the count again") {
  FindingLife life;
  life.bad();
  life.good();
  life.bad();
  life.good();
  CHECK(life.open());
  CHECK(life.story() == "opened");
}

TEST_CASE("what could not be seen neither opens nor closes, however often") {
  FindingLife life;
  life.blind();
  CHECK(life.incidents.empty());
  life.bad();
  life.good();
  for (int i = 0; i < 1000; ++i)
    life.blind();
  CHECK(life.open());
  life.good();  // the second good one: the blind looks between do not count
  CHECK_FALSE(life.open());
}

TEST_CASE("it counts the looks that saw it since it opened") {
  FindingLife life;
  life.bad();
  life.bad();
  life.blind();
  life.look({finding()}, false);  // still there as far as is known: no new sight of it
  life.good();
  CHECK(life.incidents.front().bad_looks == 2);
  life.bad();
  CHECK(life.incidents.front().bad_looks == 3);
  life.good();
  life.good();
  life.bad();
  CHECK(life.incidents.front().bad_looks == 1);
}

TEST_CASE("a change of severity is told as worse or better") {
  FindingLife life;
  life.bad(Severity::info);
  life.bad(Severity::critical);
  life.bad(Severity::warning);
  CHECK(life.story() == "opened worse better");
}

TEST_CASE(
    "a severity that swings about its threshold is told once, and held until it has been lower for six "
    "hours") {
  FindingLife life;
  for (int i = 0; i < 20; ++i)
    life.bad(i % 2 == 0 ? Severity::warning : Severity::critical);
  CHECK(life.story() == "opened worse better worse");
  life.look({finding()}, true, 5h);
  CHECK(life.incidents.front().finding.severity == Severity::critical);
  life.look({finding()}, true, 2h);
  CHECK(life.incidents.front().finding.severity == Severity::warning);
  CHECK(life.story() == "opened worse better worse better");
}

TEST_CASE("a severity that only falls is not held") {
  FindingLife life;
  life.bad(Severity::critical);
  life.bad(Severity::warning);
  life.bad(Severity::info);
  life.good();
  life.good();
  CHECK(life.story() == "opened better better closed");
}

TEST_CASE("four changes in a day hold it open until it has been quiet for six hours") {
  FindingLife life;
  life.bad();
  life.good();
  life.good();
  life.bad();  // the third change
  life.good();
  life.good();
  life.good();
  CHECK(life.open());
  CHECK(flapping(life.incidents.front(), life.now));
  const auto held = open_findings(life.incidents).front();
  CHECK(held.good_since == life.now - 120s);
  CHECK(held.held_since == life.now - 60s);
  CHECK(held.detail.starts_with("fine since " + to_utc(life.now - 120s) + ", held until "));
  life.look({}, true, 5h);
  CHECK(life.open());
  life.look({}, true, 2h);
  CHECK_FALSE(life.open());
  CHECK(life.story() == "opened closed opened closed");
}

TEST_CASE("what another finding names from now on is over at once, also when it would be held open") {
  FindingLife life;
  for (int i = 0; i < 2; ++i) {
    life.bad();
    life.good();
    life.good();
  }
  CHECK(life.open());
  life.replaced = true;
  life.bad();  // as long as it is found itself, it stays
  CHECK(life.open());
  life.blind();
  CHECK_FALSE(life.open());
  CHECK(life.story() == "opened closed opened closed");
}

TEST_CASE("a second opening on another day is no flapping") {
  FindingLife life;
  for (int i = 0; i < 5; ++i) {
    life.look({finding()}, true, 13h);
    life.look({}, true, 6h);
    life.look({}, true, 6h);
    CHECK_FALSE(life.open());
  }
}

TEST_CASE("a finding of our own closes after one good look, however often it has come and gone") {
  FindingLife life;
  auto own = finding();
  own.of_the_agent = true;
  for (int i = 0; i < 5; ++i) {
    life.look({own});
    life.good();
    CHECK_FALSE(life.open());
  }
}

TEST_CASE("a closed one is kept for a week, then forgotten") {
  FindingLife life;
  life.bad();
  life.good();
  life.good();
  life.look({}, true, 6 * 24h);
  CHECK(life.incidents.size() == 1);
  life.look({}, true, 2 * 24h);
  CHECK(life.incidents.empty());
}

TEST_CASE("an event that happens again while its finding is open is told again, once") {
  FindingLife life;
  life.happened = kFirstLook + 60s;
  life.bad();
  life.bad();
  CHECK(life.story() == "opened");
  life.happened = life.now + 60s;
  life.bad();
  life.bad();
  CHECK(life.story() == "opened opened");
  CHECK(life.incidents.size() == 1);
}

TEST_CASE("an event noted by a look that ended after this one began is told once") {
  FindingLife life;
  life.happened = kFirstLook + 65s;
  life.bad();
  life.bad();
  life.bad();
  CHECK(life.story() == "opened");
}

TEST_CASE("an event that keeps happening is not told each time") {
  FindingLife life;
  for (int i = 0; i < 100; ++i) {
    life.happened = life.now + 60s;
    life.bad();
  }
  CHECK(life.told.size() <= 4);
}

TEST_CASE("opened and closed alternate, whatever the looks show") {
  std::mt19937 random(20261201);
  for (int world = 0; world < 300; ++world) {
    FindingLife life;
    for (int i = 0; i < 200; ++i) {
      const auto dice = random() % 10;
      if (dice < 3) {
        life.look({finding(static_cast<Severity>(random() % 3))}, random() % 2 == 0,
                  Seconds{random() % 7200});
      } else {
        life.look({}, dice < 8, Seconds{random() % 7200});
      }
      REQUIRE(life.incidents.size() <= 1);
    }
    bool open = false;
    for (const auto& t : life.told) {
      REQUIRE((t.kind == Transition::Kind::opened) == !open);
      open = t.kind != Transition::Kind::closed;
    }
    REQUIRE(open == life.open());
  }
}
