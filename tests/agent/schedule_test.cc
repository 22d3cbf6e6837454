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
  CHECK_FALSE(s.take(kBegin, true));
  CHECK(s.next_due(true) == kBegin + Seconds{10});
  CHECK(s.take(kBegin + Seconds{10}, true) == kDomain);
}

TEST_CASE("the longest overdue comes first, whatever its kind") {
  Schedule s(1);
  s.add(kDomain, kBegin + Seconds{2});
  s.add(kMx, kBegin + Seconds{1});
  CHECK(s.take(kBegin + Seconds{5}, true) == kMx);
  CHECK(s.take(kBegin + Seconds{5}, true) == kDomain);
}

TEST_CASE("MX hosts wait while their share of the workers is busy") {
  Schedule s(1);
  s.add(kMx, kBegin);
  s.add(kDomain, kBegin + Seconds{5});
  CHECK_FALSE(s.take(kBegin, false));
  CHECK(s.next_due(false) == kBegin + Seconds{5});
  CHECK(s.take(kBegin, true) == kMx);
}

TEST_CASE("a taken subject is not handed out twice and comes back spread by a tenth") {
  Schedule s(1);
  s.add(kDomain, kBegin);
  REQUIRE(s.take(kBegin, true));
  CHECK_FALSE(s.take(kBegin + Seconds{9999}, true));
  s.add(kDomain, kBegin);  // already there
  CHECK_FALSE(s.take(kBegin, true));
  s.done(kDomain, kBegin, Seconds{300});
  const auto due = s.next_due(true);
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
    REQUIRE(s.take(kBegin, true));
    s.done(subject, kBegin, Seconds{3600});
    dues.insert(*s.next_due(true));
    s.remove(subject);
  }
  CHECK(dues.size() > 10);
}

TEST_CASE("hurry makes it due now, also in the middle of a look") {
  Schedule s(1);
  s.add(kDomain, kBegin + Seconds{300});
  s.hurry(kDomain, kBegin);
  REQUIRE(s.take(kBegin, true) == kDomain);
  s.hurry(kDomain, kBegin);
  s.done(kDomain, kBegin + Seconds{1}, Seconds{300});
  CHECK(s.take(kBegin + Seconds{1}, true) == kDomain);
  s.done(kDomain, kBegin + Seconds{2}, Seconds{300});
  CHECK_FALSE(s.take(kBegin + Seconds{2}, true));
}

TEST_CASE("what is removed during its look does not come back") {
  Schedule s(1);
  s.add(kDomain, kBegin);
  REQUIRE(s.take(kBegin, true));
  s.remove(kDomain);
  s.done(kDomain, kBegin, Seconds{1});
  CHECK_FALSE(s.next_due(true));
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
  REQUIRE(s.take(kBegin, true));
  s.remove(kDomain);
  s.add(kDomain, kBegin);
  CHECK(s.count(Kind::domain) == 1);
  CHECK_FALSE(s.take(kBegin, true));
  s.done(kDomain, kBegin, Seconds{300});
  CHECK(s.take(kBegin, true) == kDomain);
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
    const auto due = s.next_due(true);
    REQUIRE(due);
    CHECK(*due <= kBegin + Seconds{60});
    dues.insert(*due);
    REQUIRE(s.take(*due, true));
  }
  CHECK(dues.size() > 20);
}
