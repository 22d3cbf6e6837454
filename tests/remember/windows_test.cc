// What senders can hold is bounded by evidence: what was not seen is possible, what was seen is not doubted.
// Time-lines of made facts, looked at as the schedule does it.
#include <doctest/doctest.h>

#include "checks/judge/senders/forecast.h"
#include "tests/remember/timeline.h"

namespace stswatch::facts {
namespace {

constexpr const char* kOrderUnknown = "sts-update-order-unknown";
constexpr const char* kRace = "sts-update-order-race";
constexpr Seconds kWindowEvery = 5min;

/// Looks every five minutes, the file each hour and when the id is new, as the schedule does it.
class Watched : public Timeline {
 public:
  Watched() { look.limits.grain = 510s; }
  void pass(Seconds span) {
    const TimePoint end = now() + span;
    while (now() + kWindowEvery <= end) {
      wait(kWindowEvery);
      see(due());
    }
    look.domain.at = end;
  }

 private:
  bool due() const {
    if (now() - *record->policy_fetched >= 1h) return true;
    if (look.domain.sts.records != record->known->sts.records || wants_confirmation(*record)) return true;
    const auto& changes = record->past.changes;
    return !changes.empty() && now() - changes.back().at < 2h;
  }
};

Watched watched() {
  Watched t;
  t.file({kMx1});
  t.mx_set({std::string(kMx1)});
  t.see();
  t.pass(2h);
  return t;
}

/// The end of the copies of a policy that lists this host first, under this id; null: nobody has one.
std::optional<TimePoint> held_until(const Timeline& t, const std::string& id, std::string_view host) {
  std::optional<TimePoint> out;
  for (const Held& h : held_now(world(t)))
    if (h.id.id == id && h.policy.mx.front() == host)
      out = std::max(out, std::optional(h.until.value_or(TimePoint::max())));
  return out;
}

}  // namespace

TEST_CASE("an id and a file that both became new while nobody looked: either may have come first") {
  auto t = watched();
  const TimePoint stopped = t.now();
  t.wait(3h);
  t.id("B");
  t.file({kMx2});
  t.mx_set({std::string(kMx2)});
  t.see();
  const auto back = t.now();
  t.pass(3h);
  CHECK(held_until(t, "B", kMx1) == back + days(7));
  CHECK(t.verdict().enforce_usable_mx == UsableMx{0, 0, 1});
  CHECK(t.verdict().status == Status::critical);
  CHECK(t.verdict().safe_after >= back + days(7));
  REQUIRE(t.verdict().forecast.breakage);
  CHECK(t.verdict().forecast.breakage->at <= t.now());
  const Finding* f = t.find(kOrderUnknown);
  REQUIRE(f);
  CHECK(f->severity == Severity::warning);
  CHECK(f->route == Route::ticket);
  CHECK(f->detail.find(to_utc(stopped + 1s)) != std::string::npos);
  CHECK(f->detail.find(to_utc(back)) != std::string::npos);
  CHECK_FALSE(t.find(kRace));
  // One more id frees everyone.
  t.id("C");
  t.pass(10min);
  CHECK(held_until(t, "B", kMx1));
  CHECK(t.verdict().enforce_usable_mx == UsableMx{1, 1, 1});
  CHECK_FALSE(t.find(kOrderUnknown));
}

TEST_CASE("sight may be lost of one of the two alone") {
  auto t = watched();
  SUBCASE("the record could not be asked for while the file changed") {
    const auto record = t.look.domain.sts;
    t.look.domain.sts = unknown<TxtAnswer>("_mta-sts.example.com");
    t.pass(30min);
    t.file({kMx1, kMx2});
    t.see();
    const auto changed = t.now();
    t.pass(30min);
    t.look.domain.sts = record;
    t.id("B");
    t.pass(10min);
    CHECK(held_until(t, "B", kMx1) == TimePoint::max());  // it lists mx1 first as well
    CHECK(std::ranges::any_of(held_now(world(t)), [&](const Held& h) {
      return h.id.id == "B" && h.policy.mx.size() == 1 && h.until == changed + days(7);
    }));
  }
  SUBCASE("the file could not be fetched after the id was new") {
    t.id("B");
    const auto good = t.look.domain.fetches;
    t.look.set_fetches({failed_fetch(Stage::request, Cause::timeout, 1s)});
    t.pass(1h);
    t.file({kMx2});
    t.see();
    const auto seen = t.now();
    t.pass(10min);
    CHECK(held_until(t, "B", kMx1) == seen + days(7));
  }
  REQUIRE(t.find(kOrderUnknown));
  CHECK(t.find(kOrderUnknown)->route == Route::ticket);
}

TEST_CASE("within the schedule's grain the figures assume no race, and it is said") {
  auto t = watched();
  t.id("B");
  t.file({kMx2});
  t.mx_set({std::string(kMx2)});
  t.pass(10min);
  CHECK_FALSE(held_until(t, "B", kMx1));
  CHECK(held_until(t, "20261101T000000Z", kMx1));
  CHECK(t.verdict().enforce_usable_mx == UsableMx{1, 1, 1});
  REQUIRE(t.find(kOrderUnknown));
  CHECK(t.find(kOrderUnknown)->severity == Severity::info);
  CHECK(t.find(kOrderUnknown)->route == Route::log);
  CHECK_FALSE(t.find(kRace));
  t.run(days(7));
  t.pass(30min);
  CHECK_FALSE(t.find(kOrderUnknown));
}

TEST_CASE("looks that saw the one before the other leave nothing unknown") {
  auto t = watched();
  SUBCASE("the file first, as RFC 8461 §8.1 has it") {
    t.file({kMx1, kMx2});
    t.see();
    t.pass(20min);
    t.id("B");
    t.pass(10min);
    CHECK_FALSE(t.find(kRace));
  }
  SUBCASE("the id first: a look saw it with the old file") {
    t.id("B");
    t.pass(20min);
    t.file({kMx2});
    t.pass(10min);
    REQUIRE(t.find(kRace));
    CHECK(held_until(t, "B", kMx1));
  }
  CHECK_FALSE(t.find(kOrderUnknown));
}

TEST_CASE("a proven failure ends the old file's window: an update behind it is no race") {
  for (const auto& failure : {fetch(kWeb, "busy", 503), failed_fetch(Stage::handshake, Cause::reset, 1s),
                              failed_fetch(Stage::connect, Cause::refused, 1s)}) {
    for (const int looks : {1, 3}) {
      CAPTURE(looks);
      auto t = watched();
      t.id("B");
      t.mx_set({std::string(kMx2)});
      t.look.set_fetches({failure});
      t.wait(kWindowEvery);
      for (int i = 0; i < looks; ++i) {
        t.see();
        t.wait(30s);
      }
      t.file({kMx2});
      t.see();
      t.pass(1h);
      CHECK_FALSE(t.find(kRace));
      CHECK_FALSE(held_until(t, "B", kMx1));
      CHECK(t.verdict().enforce_usable_mx == UsableMx{1, 1, 1});
    }
  }
}

TEST_CASE("a resolver's cache shows an id late: it counts from when it left the zone") {
  auto t = watched();
  t.look.domain.sts.ttl = 600;  // another's question fetched it fifty minutes before each look
  t.pass(40min);
  t.see();  // the old file is read
  const auto read = t.now();
  t.pass(15min);
  t.id("B");
  t.file({kMx2});
  t.mx_set({std::string(kMx2)});
  SUBCASE("before the old file was last read: the two have met") {
    t.look.domain.sts.ttl = 3600 - 25 * 60;
    t.pass(kWindowEvery);
    CHECK(held_until(t, "B", kMx1) >= t.now() - 1s + days(7));
    CHECK(t.find(kOrderUnknown)->route == Route::ticket);
  }
  SUBCASE("after it: nothing tells") {
    t.look.domain.sts.ttl = 3600 - 10 * 60;
    t.pass(kWindowEvery);
    CHECK_FALSE(held_until(t, "B", kMx1));
    CHECK(t.find(kOrderUnknown)->route == Route::log);
    CHECK(t.find(kOrderUnknown)->detail.find(to_utc(read)) != std::string::npos);
  }
}

TEST_CASE("what the cache of a resolver may hide is said, also where the file was seen to change first") {
  auto t = watched();
  t.look.domain.sts.ttl = 1800;  // what a look sees left the zone half an hour before
  t.pass(40min);
  t.file({kMx1, kMx2});
  t.see();
  t.pass(10min);
  t.id("B");
  t.look.domain.sts.ttl = 3600;
  t.pass(kWindowEvery);
  CHECK(t.find(kOrderUnknown));
  CHECK_FALSE(t.find(kRace));
}

TEST_CASE("the last copy was fetched before the policy host's chain ended") {
  auto t = watched();
  auto showing = fetch(kWeb, policy({kMx1}));
  const TimePoint end = t.now() + 40min;
  showing.tls.peer.change().leaf.not_after = end;
  t.look.set_fetches({showing});
  t.see();
  t.pass(40min + 7min);
  CHECK(t.verdict().forecast.lapse == end + days(7));
  auto expired = showing;
  expired.body.clear();
  expired.failure = Failure{Stage::certificate, Cause::refused, "certificate has expired"};
  expired.tls.peer.change().faults = {{ChainFault::Kind::expired, 0, "certificate has expired"}};
  t.look.set_fetches({expired});
  t.see();
  CHECK(t.verdict().forecast.lapse == end + days(7));
  t.pass(2h);
  CHECK(t.verdict().forecast.lapse == end + days(7));
  CHECK(t.record->past.policies.front().seen.gone == end);
}

TEST_CASE("a text does not take the bound of a window for its end") {
  auto t = watched();
  t.id("B");
  t.pass(20min);
  t.pass(7min);
  const TimePoint last = t.record->past.sight.policies.front().read;
  t.file({kMx2});
  t.pass(kWindowEvery);
  const auto& detail = t.find(kRace)->detail;
  CHECK(detail.find("until " + to_utc(t.now())) == std::string::npos);
  CHECK(detail.find("last seen " + to_utc(last)) != std::string::npos);
}

}  // namespace stswatch::facts
