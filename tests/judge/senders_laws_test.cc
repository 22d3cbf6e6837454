// Laws of the sender simulation on random worlds, the seed fixed: RULES 4.7's list, and agreement with a
// plain reading of RULES 4 that looks at every event and knows no short cuts.
#include <doctest/doctest.h>

#include <chrono>
#include <random>

#include "checks/facts/policy.h"
#include "tests/judge/senders_world.h"

namespace stswatch::worlds {
namespace {

constexpr int kWorlds = 4000;
constexpr unsigned kWorldSeed = 20261201;

/// Times fall on few values, so that events coincide and windows touch.
class Maker {
 public:
  explicit Maker(unsigned seed) : random_(seed) {}

  World world() {
    World w;
    w.now = kNow;
    w.domain = "example.com";
    const int policies = between(0, 4), ids = between(0, 4), hosts = between(0, 4);
    for (int i = 0; i < policies; ++i)
      w.policies.push_back(some_policy("P" + std::to_string(i)));
    for (int i = 0; i < ids; ++i)
      w.ids.push_back(some_id());
    if (policies > 0 && chance(80)) w.current_policy = w.policies[pick(w.policies.size())].name;
    if (chance(80)) w.current_id = std::string(1, static_cast<char>('A' + between(0, 3)));
    if (chance(80)) w.policy_host_not_after = some_time(-3, 40);
    for (int i = 0; i < hosts; ++i)
      w.mx.push_back(some_mx());
    return w;
  }

  bool chance(int percent) { return between(1, 100) <= percent; }
  int between(int low, int high) { return std::uniform_int_distribution(low, high)(random_); }
  std::size_t pick(std::size_t size) {
    return static_cast<std::size_t>(between(0, static_cast<int>(size) - 1));
  }

 private:
  TimePoint some_time(int low, int high) { return kNow + days(between(low, high)); }
  std::string some_host() { return "mx" + std::to_string(between(1, 4)) + ".example.com"; }

  WorldPolicy some_policy(std::string name) {
    std::vector<std::string> mx;
    for (int i = between(0, 3); i > 0; --i)
      mx.push_back(chance(10) ? "*.example.com" : some_host());
    const TimePoint first = some_time(-60, -1);
    const TimePoint last = chance(40) ? kNow : std::min(kNow - 1s, first + days(between(0, 40)));
    const Mode mode = chance(75) ? Mode::enforce : chance(50) ? Mode::testing : Mode::none;
    return policy(std::move(name), mx, static_cast<std::uint64_t>(between(0, 50)) * 86400, first, last, mode);
  }

  WorldId some_id() {
    const TimePoint first = some_time(-60, -1);
    const TimePoint last = chance(40) ? kNow : std::min(kNow - 1s, first + days(between(0, 40)));
    return {std::string(1, static_cast<char>('A' + between(0, 3))), first, last,
            static_cast<std::uint32_t>(between(0, 2)) * 86400};
  }

  WorldMx some_mx() {
    WorldMx mx{between(1, 3) * 10, some_host(), {}};
    for (int i = chance(5) ? 0 : between(1, 3); i > 0; --i) {
      auto address = good("192.0.2." + std::to_string(i), mx.host, some_time(-5, 40));
      if (chance(15))
        address.reachable.reset();
      else if (chance(10))
        address.reachable = false;
      if (chance(10)) address.starttls = false;
      if (chance(10)) address.trusted = false;
      if (chance(10)) address.dns_names = {"else.example.com"};
      if (chance(10)) address.not_after.reset();
      if (chance(10)) address.not_before = some_time(-5, 5);
      mx.addresses.push_back(std::move(address));
    }
    return mx;
  }

  std::mt19937 random_;
};

/// RULES 4.2 to 4.6 word by word, without any thought for speed.
class PlainReading {
 public:
  PlainReading(const World& w, bool field) : w_(w), field_(field) {}

  struct U {
    int certain = 0, possible = 0;
  };

  std::optional<U> u(TimePoint t) const {
    std::optional<U> least;
    if (w_.mx.empty()) return least;
    for (const auto& p : w_.policies) {
      if (p.mode != Mode::enforce || !in_effect(p, t)) continue;
      const U n = count(p, t);
      if (!least) least = n;
      least = U{std::min(least->certain, n.certain), std::min(least->possible, n.possible)};
    }
    return least;
  }

  std::vector<TimePoint> events() const {
    std::vector<TimePoint> all;
    if (w_.policy_host_not_after) all.push_back(*w_.policy_host_not_after);
    for (const auto& mx : w_.mx) {
      for (const auto& a : mx.addresses) {
        if (a.not_after) all.push_back(*a.not_after);
        if (a.not_before) all.push_back(*a.not_before - 5min);
      }
    }
    for (const auto& p : w_.policies) {
      for (const auto& i : w_.ids) {
        if (!exists(i, p)) continue;
        all.push_back(end(i, p) + Seconds(p.max_age));
        all.push_back(end(i, p) + Seconds(std::min<std::uint64_t>(p.max_age, 30 * 86400)));
      }
    }
    std::ranges::sort(all);
    std::erase_if(all, [&](TimePoint t) { return t <= w_.now; });
    return all;
  }

  LevelResult run() const {
    LevelResult r;
    const auto u0 = u(w_.now);
    if (u0) r.usable = UsableMx{u0->certain, u0->possible, static_cast<int>(w_.mx.size())};
    auto moments = events();
    moments.insert(moments.begin(), w_.now);
    for (const auto t : moments) {
      const auto now = u(t);
      const bool none = now && now->possible == 0;
      if (none && !r.breakage) r.breakage = WorldPoint{t, {}, {}};
      if (u0 && now && !none && now->possible < u0->possible && !r.degradation && !r.breakage) {
        r.degradation = WorldPoint{t, {}, {}};
      }
      if (!none && r.breakage && !r.recovery) r.recovery = t;
    }
    return r;
  }

 private:
  const WorldPolicy* current() const {
    for (const auto& p : w_.policies) {
      if (w_.current_policy && p.name == *w_.current_policy) return &p;
    }
    return nullptr;
  }
  static TimePoint end(const WorldId& i, const WorldPolicy& p) {
    return std::min(i.last_ub + Seconds(i.ttl), p.last_ub);
  }
  static bool exists(const WorldId& i, const WorldPolicy& p) {
    return std::max(i.first, p.first) <= end(i, p);
  }
  bool open(const WorldId& i, const WorldPolicy& p) const {
    return i.last_ub == w_.now && p.last_ub == w_.now;
  }
  bool live(const WorldId& i, const WorldPolicy& p, TimePoint t) const {
    return open(i, p) || t < end(i, p) + Seconds(p.max_age);
  }
  bool refreshable(const WorldId& i, TimePoint t) const {
    return w_.current_id && *w_.current_id != i.id && current() &&
           (!w_.policy_host_not_after || t < *w_.policy_host_not_after);
  }
  bool in_effect(const WorldPolicy& p, TimePoint t) const {
    if (&p == current() && w_.current_id) return true;
    for (const auto& i : w_.ids) {
      if (!exists(i, p)) continue;
      if (live(i, p, t) && !refreshable(i, t)) return true;
      if (field_ && w_.current_id && *w_.current_id == i.id) return true;
      const auto slow = Seconds(std::min<std::uint64_t>(p.max_age, 30 * 86400));
      if (field_ && t < end(i, p) + slow) return true;
    }
    return false;
  }
  U count(const WorldPolicy& p, TimePoint t) const {
    U n;
    for (const auto& mx : w_.mx) {
      if (!matches_any(mx.host, p.mx)) continue;
      bool ok = false, unknown = false;
      for (const auto& a : mx.addresses) {
        unknown |= !a.reachable;
        ok |= a.reachable.value_or(false) && a.starttls && a.trusted && matches_any(mx.host, a.dns_names) &&
              (!a.not_before || *a.not_before - 5min <= t) && (!a.not_after || t < *a.not_after);
      }
      n.certain += ok;
      n.possible += ok || unknown;
    }
    return n;
  }

  const World& w_;
  bool field_;
};

TimePoint breakage(const LevelResult& r) { return r.breakage ? r.breakage->at : TimePoint::max(); }

std::optional<TimePoint> time_of(const std::optional<WorldPoint>& p) {
  return p ? std::optional(p->at) : std::nullopt;
}

bool agree(const LevelResult& got, const LevelResult& want) {
  return got.usable == want.usable && time_of(got.degradation) == time_of(want.degradation) &&
         time_of(got.breakage) == time_of(want.breakage) && got.recovery == want.recovery;
}

template <class Law>
void on_random_worlds(Law law) {
  for (int i = 0; i < kWorlds; ++i) {
    Maker maker(kWorldSeed + static_cast<unsigned>(i));
    const World w = maker.world();
    if (!law(w, maker)) {
      CAPTURE(i);
      CHECK_MESSAGE(false, "the law fails on this world");
      return;
    }
  }
  CHECK(true);
}

}  // namespace

TEST_CASE("the simulation agrees with RULES 4 read word by word, at every event") {
  int broken = 0, degraded = 0, recovered = 0;
  on_random_worlds([&](const World& w, Maker&) {
    const Simulation s = simulate(w);
    broken += s.rfc.breakage.has_value();
    degraded += s.rfc.degradation.has_value();
    recovered += s.field.recovery.has_value();
    return agree(s.rfc, PlainReading(w, false).run()) && agree(s.field, PlainReading(w, true).run());
  });
  // The worlds are worth something: each outcome comes up often.
  CHECK(broken > kWorlds / 10);
  CHECK(degraded > kWorlds / 100);
  CHECK(recovered > kWorlds / 20);
}

TEST_CASE("a longer max_age never makes breakage later (RULES 4.7)") {
  on_random_worlds([](const World& w, Maker& maker) {
    if (w.policies.empty()) return true;
    World longer = w;
    longer.policies[maker.pick(w.policies.size())].max_age +=
        86400 * static_cast<unsigned>(maker.between(1, 400));
    const auto before = simulate(w), after = simulate(longer);
    return breakage(after.rfc) <= breakage(before.rfc) && breakage(after.field) <= breakage(before.field);
  });
}

TEST_CASE("adding a pattern to the current policy never lowers U for the current policy (RULES 4.7)") {
  on_random_worlds([](const World& w, Maker& maker) {
    if (!w.current_policy || !w.current_id) return true;
    World alone = w;
    std::erase_if(alone.policies, [&](const WorldPolicy& p) { return p.name != *w.current_policy; });
    alone.policies[0].mode = Mode::enforce;
    World wider = alone;
    wider.policies[0].mx.push_back("mx" + std::to_string(maker.between(1, 4)) + ".example.com");
    const auto before = simulate(alone).rfc, after = simulate(wider).rfc;
    if (!before.usable) return !after.usable;
    return after.usable->min >= before.usable->min && after.usable->max >= before.usable->max &&
           breakage(after) >= breakage(before);
  });
}

TEST_CASE("changing to an id never used before never makes a pair binding (RULES 4.7)") {
  on_random_worlds([](const World& w, Maker&) {
    World changed = w;
    changed.current_id = "NEVER";
    const auto before = simulate(w), after = simulate(changed);
    for (const auto& held : before.senders) {
      if (held.holds.what != Holds::What::pair || !held.refreshable) continue;
      const auto same = std::ranges::find(after.senders, held.holds, &SenderOutcome::holds);
      if (same == after.senders.end() || !same->refreshable) return false;
    }
    return true;
  });
}

TEST_CASE("going back to a used id can make a pair binding (RULES 4.7)") {
  auto w = moved();
  CHECK(simulate(w).rfc.usable == UsableMx{1, 1, 1});
  w.current_id = "A";
  CHECK(simulate(w).rfc.usable == UsableMx{0, 0, 1});
}

TEST_CASE(
    "an unknown never creates breakage, and beside a known good address it changes nothing (RULES 4.7)") {
  on_random_worlds([](const World& w, Maker& maker) {
    if (w.mx.empty()) return true;
    const std::size_t host = maker.pick(w.mx.size());
    World seen = w;
    seen.mx[host].addresses.push_back(good("192.0.2.77", w.mx[host].host, kNow + days(500)));
    World blind = seen;
    auto unknown = good("192.0.2.78", w.mx[host].host, kNow - days(1));
    unknown.reachable.reset();
    blind.mx[host].addresses.push_back(unknown);
    const auto before = simulate(seen).rfc, after = simulate(blind).rfc;
    if (before.usable != after.usable) return false;
    return breakage(after) >= breakage(before);
  });
}

TEST_CASE(
    "taking record and host away differs from an opt-out in what can be refreshed alone (RULES 4.7: 7a, "
    "7b)") {
  World in_order;
  in_order.now = kNow;
  in_order.domain = "example.com";
  in_order.policies = {policy("P1", {"mx1.example.com"}, 31557600, kNow - days(300), kNow - days(30)),
                       policy("P2", {"mx1.example.com"}, 86400, kNow - days(30), kNow, Mode::none)};
  in_order.ids = {{"A", kNow - days(300), kNow - days(30), 3600}, {"B", kNow - days(30) + 1h, kNow, 3600}};
  in_order.current_policy = "P2";
  in_order.current_id = "B";
  in_order.mx = {mx(10, "mx1.example.com", kNow + days(50))};
  World removed = in_order;
  removed.current_policy.reset();
  removed.current_id.reset();
  const auto held = [](const World& w) {
    const auto all = simulate(w).senders;
    return *std::ranges::find(all, Holds{Holds::What::pair, "A", "P1"}, &SenderOutcome::holds);
  };
  CHECK(held(in_order).refreshable);
  CHECK_FALSE(held(removed).refreshable);
  CHECK(held(in_order).live_until == held(removed).live_until);
  CHECK_FALSE(simulate(in_order).rfc.usable);
  CHECK(simulate(removed).rfc.usable == UsableMx{1, 1, 1});
}

TEST_CASE("every reason at a later moment names its cause") {
  on_random_worlds([](const World& w, Maker&) {
    const auto s = simulate(w);
    for (const auto* p : {&s.rfc.degradation, &s.rfc.breakage, &s.field.degradation, &s.field.breakage}) {
      if (!*p) continue;
      if ((*p)->reason.empty() || (*p)->policy.empty()) return false;
      if ((*p)->at > w.now && (*p)->reason.front().why != Why::policy_host_certificate_expired &&
          (*p)->reason.front().why != Why::certificate_expired) {
        return false;
      }
    }
    return true;
  });
}

TEST_CASE("a thousand worlds, each in well under 10 ms") {
  std::vector<World> all;
  for (unsigned i = 0; i < 1000; ++i)
    all.push_back(Maker(kWorldSeed + i).world());
  const auto start = std::chrono::steady_clock::now();
  std::size_t senders = 0;
  for (const World& w : all)
    senders += simulate(w).senders.size();
  const auto took = std::chrono::steady_clock::now() - start;
  CHECK(senders > all.size());
  CHECK(took < all.size() * 10ms);
  MESSAGE("1,000 worlds took " << std::chrono::duration_cast<std::chrono::microseconds>(took).count()
                               << " us");
}

TEST_CASE("a world as large as the bounds allow is simulated in passing") {
  auto w = moved();
  w.mx.clear();
  for (int h = 0; h < 50; ++h) {
    WorldMx host{h, "mx" + std::to_string(h) + ".example.com", {}};
    for (int a = 0; a < 16; ++a) {
      host.addresses.push_back(
          good("192.0.2." + std::to_string(a), host.host, kNow + days(30) + h * 1h + a * 1s));
    }
    w.mx.push_back(std::move(host));
  }
  for (int p = 0; p < 20; ++p) {
    w.policies.push_back(
        policy("Q" + std::to_string(p), {"*.example.com"}, 2592000, kNow - days(p + 2), kNow - days(p)));
    w.ids.push_back({"Q" + std::to_string(p), kNow - days(p + 2), kNow - days(p), 3600});
  }
  const auto start = std::chrono::steady_clock::now();
  const auto s = simulate(w);
  const auto took = std::chrono::steady_clock::now() - start;
  CHECK(s.rfc.usable);
  CHECK(took <
        30s);  // only that it does not explode: sanitizers and a busy machine cost a factor of hundreds
  MESSAGE("took " << std::chrono::duration_cast<std::chrono::microseconds>(took).count() << " us");
}

}  // namespace stswatch::worlds
