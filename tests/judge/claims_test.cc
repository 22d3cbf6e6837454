#include "checks/judge/claims.h"

#include <doctest/doctest.h>
#include <algorithm>
#include <random>

#include "checks/judge/catalogue/catalogue.h"
#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {

Verdict fine(std::size_t hosts) {
  Verdict v(domain());
  v.status = Status::ok;
  v.mx.resize(hosts);
  return v;
}

LookTimes seen(TimePoint at) { return {at, at, at, std::nullopt}; }

/// One world: every part with a random age, some never seen, under random intervals.
struct Draw {
  explicit Draw(unsigned seed) : random(seed) {}

  Seconds up_to(int most) { return Seconds{std::uniform_int_distribution<int>(0, most)(random)}; }
  bool one_in(int n) { return std::uniform_int_distribution<int>(1, n)(random) == 1; }
  LookTimes times(Seconds limit) {
    LookTimes out;
    out.first_look = kNow - days(40);
    out.last_look = kNow;
    if (one_in(9)) return out;
    // Around the limit, where it matters.
    out.last_success = one_in(2) ? kNow - limit - Seconds{1} + up_to(2) : kNow - up_to(20000);
    return out;
  }

  std::mt19937 random;
};

bool young(const LookTimes& times, Seconds limit) {
  return times.last_success && kNow - *times.last_success <= limit;
}

}  // namespace

TEST_CASE(
    "no claim of ok, no count and no forecast outlives its facts, and fresh facts are never called old") {
  int fresh = 0, old = 0;
  for (unsigned seed = 0; seed < 20000; ++seed) {
    CAPTURE(seed);
    Draw draw(seed);
    const Freshness limit{draw.up_to(5000) + 1s, draw.up_to(5000) + 1s, draw.up_to(5000) + 1s};
    std::vector<LookTimes> hosts;
    for (auto n = draw.up_to(3).count(); n > 0; --n)
      hosts.push_back(draw.times(limit.mx));
    const FactTimes times{draw.times(limit.dns), draw.times(limit.policy), draw.times(limit.dns),
                          together(hosts)};
    Verdict v = fine(hosts.size());
    const bool deployed = !draw.one_in(4);
    if (!deployed) {
      v.findings.emplace_back();
      v.findings.back().code = codes::not_deployed;
    }
    std::erase_if(hosts, [](const LookTimes& h) { return !h.last_success; });
    const bool all_young =
        young(times.sts_record, limit.dns) && young(times.mx, limit.dns) &&
        (!deployed ||
         (young(times.policy, limit.policy) && (times.hosts.known_hosts == 0 || !hosts.empty()) &&
          std::ranges::all_of(hosts, [&](const LookTimes& h) { return young(h, limit.mx); })));
    const Claims claims = claims_of(v, times, limit, kNow);
    CHECK(claims.fresh == all_young);
    CHECK(claims.status_of(v) == (all_young ? Status::ok : Status::unknown));
    CHECK(claims.words().empty() == all_young);
    if (claims.seen) CHECK((!claims.fresh && *claims.seen < kNow));
    for (const auto status : {Status::critical, Status::warning, Status::unknown}) {
      v.status = status;
      CHECK(claims_of(v, times, limit, kNow).status_of(v) == status);
    }
    ++(all_young ? fresh : old);
  }
  CHECK(fresh > 500);
  CHECK(old > 1000);
}

TEST_CASE("a verdict ages by itself: with nothing but time it stops being told") {
  const Freshness limit{15min, 3h, 3h};
  const FactTimes times{seen(kNow), seen(kNow), seen(kNow), together({seen(kNow), seen(kNow)})};
  const auto at = [&](Seconds later) { return claims_of(fine(2), times, limit, kNow + later); };
  CHECK(at(0s).fresh);
  CHECK(at(15min).fresh);
  CHECK_FALSE(at(15min + 1s).fresh);
  CHECK(at(4h).words() == "not seen since " + to_utc(kNow));
  CHECK(at(-1h).fresh);  // a clock that has gone back makes nothing old
}

TEST_CASE("no limit is given where nothing is watched, and nothing is old then") {
  CHECK(claims_of(fine(1), {}, {}, kNow).fresh);
  CHECK(claims_of(fine(1), {}, {1h, 1h, 1h}, kNow).words() == "never seen");
}

TEST_CASE("a host that was never seen changes nothing beside one that is, and is all there is without it") {
  const Freshness limit{1h, 1h, 1h};
  LookTimes never;
  note_look(never, kNow, false);
  const auto with = [&](const std::vector<LookTimes>& hosts) {
    return claims_of(fine(hosts.size()), {seen(kNow), seen(kNow), seen(kNow), together(hosts)}, limit, kNow);
  };
  CHECK(with({seen(kNow), never}).fresh);
  CHECK_FALSE(with({never, never}).fresh);
  CHECK_FALSE(with({seen(kNow), seen(kNow - 2h)}).fresh);
  CHECK(with({}).fresh);
}

TEST_CASE("failing since the first look behind the last success") {
  LookTimes times;
  note_look(times, kNow, true);
  note_look(times, kNow + 1min, false);
  note_look(times, kNow + 2min, false);
  CHECK(times == LookTimes{kNow + 2min, kNow, kNow, kNow + 1min});
  note_look(times, kNow + 3min, true);
  CHECK_FALSE(times.failing_since);
}

}  // namespace stswatch::facts
