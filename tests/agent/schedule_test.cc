#include "agent/watch/schedule.h"

#include <doctest/doctest.h>

using namespace stswatch;

namespace {

constexpr SteadyPoint kBegin{Seconds{1'800'000'000}};
const LookSubject kDomain{Kind::domain, "example.com"};
const LookSubject kOther{Kind::domain, "example.net"};
const LookSubject kMx{Kind::mx, "mx1.example.com"};

}  // namespace

TEST_CASE("nothing is taken before it is due") {
  Schedule s(1);
  s.add(kDomain, kBegin + Seconds{10});
  CHECK_FALSE(s.take(kBegin, {}));
  CHECK(s.next_due({}) == kBegin + Seconds{10});
  CHECK(s.take(kBegin + Seconds{10}, {}) == kDomain);
}

TEST_CASE("the longest overdue comes first, whatever its kind") {
  Schedule s(1);
  s.add(kDomain, kBegin + Seconds{2});
  s.add(kMx, kBegin + Seconds{1});
  CHECK(s.take(kBegin + Seconds{5}, {}) == kMx);
  CHECK(s.take(kBegin + Seconds{5}, {}) == kDomain);
}

TEST_CASE("where domains have fallen behind, what they are judged with does not wait for all of them") {
  const LookSubject view{Kind::vantage, ""};
  Schedule s(1);
  s.add(kDomain, kBegin);
  s.add(kOther, kBegin);
  s.add(kMx, kBegin + Seconds{5});
  s.add(view, kBegin + Seconds{9});
  CHECK(s.take(kBegin + Seconds{10}, {}) == kDomain);
  CHECK(s.take(kBegin + Seconds{11}, {.mx = false}) == view);
  CHECK(s.take(kBegin + Seconds{11}, {.mx = false}) == kOther);
  s.add({Kind::domain, "example.org"}, kBegin);
  CHECK(s.take(kBegin + Seconds{11}, {}) == kMx);
  CHECK(s.take(kBegin + Seconds{11}, {})->name == "example.org");
}

TEST_CASE("what was slow waits while there is no room for it, and is late like others") {
  Schedule s(1);
  s.add(kDomain, kBegin);
  s.add(kOther, kBegin + Seconds{1});
  CHECK(s.take(kBegin, {}) == kDomain);
  s.done(kDomain, kBegin, Seconds{0}, kBegin + Seconds{100});
  CHECK(s.is_slow(kDomain));
  CHECK(s.take(kBegin + Seconds{5}, {.slow = false}) == kOther);
  CHECK_FALSE(s.take(kBegin + Seconds{5}, {.slow = false}));
  CHECK_FALSE(s.next_due({.slow = false}));
  CHECK(s.late(Kind::domain, kBegin + Seconds{5}) == Seconds{5});
  CHECK(s.take(kBegin + Seconds{5}, {}) == kDomain);
  s.done(kDomain, kBegin + Seconds{5}, Seconds{0});
  CHECK(s.is_slow(kDomain));  // a look that asked little may be quick
  CHECK(s.take(kBegin + Seconds{100}, {}) == kDomain);
  CHECK(s.count_slow() == 1);
  s.done(kDomain, kBegin + Seconds{100}, Seconds{0});
  CHECK_FALSE(s.is_slow(kDomain));
  CHECK(s.count_slow() == 0);
  s.done(kOther, kBegin + Seconds{100}, Seconds{0}, kBegin + Seconds{200});
  CHECK(s.count_slow() == 1);
  s.remove(kOther);
  CHECK(s.count_slow() == 0);
}

TEST_CASE("MX hosts wait while their share of the workers is busy") {
  Schedule s(1);
  s.add(kMx, kBegin);
  s.add(kDomain, kBegin + Seconds{5});
  CHECK_FALSE(s.take(kBegin, {.mx = false}));
  CHECK(s.next_due({.mx = false}) == kBegin + Seconds{5});
  CHECK(s.take(kBegin, {}) == kMx);
}

TEST_CASE("a taken subject is not handed out twice and comes back spread by a tenth") {
  Schedule s(1);
  s.add(kDomain, kBegin);
  REQUIRE(s.take(kBegin, {}));
  CHECK_FALSE(s.take(kBegin + Seconds{9999}, {}));
  s.add(kDomain, kBegin);  // already there
  CHECK_FALSE(s.take(kBegin, {}));
  s.done(kDomain, kBegin, Seconds{300});
  const auto due = s.next_due({});
  REQUIRE(due);
  CHECK(*due >= kBegin + Seconds{270});
  CHECK(*due <= kBegin + Seconds{330});
}

TEST_CASE("the spread differs from subject to subject") {
  Schedule s(7);
  std::set<SteadyPoint> dues;
  for (int i = 0; i < 20; ++i) {
    const LookSubject subject{Kind::domain, std::to_string(i)};
    s.add(subject, kBegin);
    REQUIRE(s.take(kBegin, {}));
    s.done(subject, kBegin, Seconds{3600});
    dues.insert(*s.next_due({}));
    s.remove(subject);
  }
  CHECK(dues.size() > 10);
}

TEST_CASE("hurry makes it due now, also in the middle of a look") {
  Schedule s(1);
  s.add(kDomain, kBegin + Seconds{300});
  s.hurry(kDomain, kBegin);
  REQUIRE(s.take(kBegin, {}) == kDomain);
  s.hurry(kDomain, kBegin);
  s.done(kDomain, kBegin + Seconds{1}, Seconds{300});
  CHECK(s.take(kBegin + Seconds{1}, {}) == kDomain);
  s.done(kDomain, kBegin + Seconds{2}, Seconds{300});
  CHECK_FALSE(s.take(kBegin + Seconds{2}, {}));
}

TEST_CASE("what is removed during its look does not come back") {
  Schedule s(1);
  s.add(kDomain, kBegin);
  REQUIRE(s.take(kBegin, {}));
  s.remove(kDomain);
  s.done(kDomain, kBegin, Seconds{1});
  CHECK_FALSE(s.next_due({}));
  CHECK(s.count(Kind::domain) == 0);
}

TEST_CASE("lateness is that of the longest waiting, and the queue never grows") {
  Schedule s(1);
  s.add(kDomain, kBegin);
  s.add(kOther, kBegin + Seconds{60});
  CHECK(s.late(Kind::domain, kBegin + Seconds{100}) == Seconds{100});
  CHECK(s.late(Kind::mx, kBegin + Seconds{100}) == Seconds{0});
  CHECK(s.late(Kind::domain, kBegin - Seconds{5}) == Seconds{0});
  CHECK(s.count(Kind::domain) == 2);
}

TEST_CASE("what comes back during its look is looked at again after it, never twice at once") {
  Schedule s(1);
  s.add(kDomain, kBegin);
  REQUIRE(s.take(kBegin, {}));
  s.remove(kDomain);
  s.add(kDomain, kBegin);
  CHECK(s.count(Kind::domain) == 1);
  CHECK_FALSE(s.take(kBegin, {}));
  s.done(kDomain, kBegin, Seconds{300});
  CHECK(s.take(kBegin, {}) == kDomain);
}

TEST_CASE("a shorter interval brings forward what is due later, spread over it") {
  Schedule s(1);
  std::set<SteadyPoint> dues;
  for (int i = 0; i < 50; ++i)
    s.add({Kind::mx, std::to_string(i)}, kBegin + Seconds{3600});
  s.add({Kind::mx, "soon"}, kBegin + Seconds{30});
  s.shorten(Kind::mx, kBegin, Seconds{60});
  CHECK(s.count(Kind::mx) == 51);
  for (int i = 0; i < 51; ++i) {
    const auto due = s.next_due({});
    REQUIRE(due);
    CHECK(*due <= kBegin + Seconds{60});
    dues.insert(*due);
    REQUIRE(s.take(*due, {}));
  }
  CHECK(dues.size() > 20);
}

namespace {

const Address kOne = *Address::parse("192.0.2.1");
const Address kTwo = *Address::parse("192.0.2.2");
const LookSubject kA{Kind::domain, "a.example"}, kB{Kind::domain, "b.example"}, kHost{Kind::mx, "a.example"};

}  // namespace

TEST_CASE("who came first leaves first, each once, and for the address that it came for last") {
  AddressQueue queue;
  queue.wait_for_address(kB, kOne, kBegin);
  queue.wait_for_address(kA, kOne, kBegin);
  queue.wait_for_address(kB, kOne, kBegin);
  queue.wait_for_address(kHost, kOne, kBegin);
  queue.wait_for_address(kOther, kOne, kBegin);
  queue.wait_for_address(kOther, kTwo, kBegin);
  CHECK(queue.leave(kOne, 2) == std::vector<LookSubject>{kB, kA});
  CHECK(queue.leave(kOne, 2) == std::vector<LookSubject>{kHost});
  CHECK(queue.leave(kOne, 2).empty());
  CHECK(queue.leave(kTwo, 2) == std::vector<LookSubject>{kOther});
}

TEST_CASE("who has left may come again") {
  AddressQueue queue;
  queue.wait_for_address(kA, kOne, kBegin);
  REQUIRE(queue.leave(kOne, 1).size() == 1);
  queue.wait_for_address(kA, kOne, kBegin);
  CHECK(queue.leave(kOne, 1) == std::vector<LookSubject>{kA});
}

TEST_CASE("how long the longest waits is known of each kind, and ends when it leaves") {
  AddressQueue queue;
  queue.wait_for_address(kA, kOne, kBegin);
  queue.wait_for_address(kB, kTwo, kBegin + Seconds{5});
  queue.wait_for_address(kA, kOne, kBegin + Seconds{7});  // still
  const auto now = kBegin + Seconds{10};
  CHECK(queue.longest(Kind::domain, now) == Seconds{10});
  CHECK(queue.longest(Kind::mx, now) == Seconds{0});
  queue.wait_for_address(kHost, kOne, kBegin + Seconds{8});
  CHECK(queue.longest(Kind::mx, now) == Seconds{2});
  queue.forget(kA);  // looked at by its own time
  CHECK(queue.longest(Kind::domain, now) == Seconds{5});
  CHECK(queue.leave(kOne, 2) == std::vector<LookSubject>{kHost});
  CHECK(queue.longest(Kind::mx, now) == Seconds{0});
}

TEST_CASE("after a restart many domains keep their times, and a few are looked at without delay") {
  const auto left = Seconds{200}, interval = Seconds{300};
  CHECK(after_restart(left, interval, 40) == Seconds{0});
  CHECK(after_restart(left, interval, 1'500) == Seconds{20});
  CHECK(after_restart(left, interval, 15'000) == left);
  CHECK(after_restart(left, interval, 1'000'000) == left);
  CHECK(after_restart(Seconds{-1}, interval, 15'000) == Seconds{0});
}

using Names = MxUsers::Names;

TEST_CASE("a host is in use as long as any domain uses it") {
  MxUsers users;
  CHECK(users.set("a.example", {"mx1", "mx2"}).empty());
  CHECK(users.set("b.example", {"mx2", "mx3"}).empty());
  CHECK(users.domains_of("mx2") == Names{"a.example", "b.example"});
  CHECK(users.set("a.example", {"mx4"}) == std::vector<std::string>{"mx1"});
  CHECK(users.hosts_of("a.example") == Names{"mx4"});
  CHECK(users.set("b.example", {}) == std::vector<std::string>{"mx2", "mx3"});
  CHECK(users.hosts_of("b.example").empty());
  CHECK(users.domains_by_host().size() == 1);
}

TEST_CASE("the same hosts again change nothing") {
  MxUsers users;
  users.set("a.example", {"mx1"});
  CHECK(users.set("a.example", {"mx1"}).empty());
  CHECK(users.domains_of("mx1") == Names{"a.example"});
}

TEST_CASE("who never came may leave") {
  MxUsers users;
  CHECK(users.set("a.example", {}).empty());
  CHECK(users.domains_of("mx1").empty());
}
