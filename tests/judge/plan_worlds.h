// Random worlds and goals for the laws of the planner: a domain with a past, in which things may have been
// done too early, forgotten, or left on one address. The seed decides all. Nothing here is under test.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "checks/judge/senders/plan.h"
#include "tests/judge/senders_world.h"

namespace stswatch::worlds {

class PlanMaker {
 public:
  explicit PlanMaker(unsigned seed) : random_(seed) {}

  World world() {
    World w;
    w.now = kNow + Seconds(between(0, 86399));
    w.domain = "example.com";
    hosts_.clear();
    for (int i = 1; i <= 6; ++i)
      hosts_.push_back(host(w.now, i));
    w.mx = some_set(between(1, 3));
    w.mx_ttl = pick<std::uint32_t>({300, 3600, 3600, 86400});
    if (chance(92)) past(w);
    if (chance(70)) w.policy_host_not_after = w.now + days(between(1, 60));
    if (chance(6)) w.policy_host_not_after = w.now - days(between(0, 9));
    return w;
  }

  Goal goal(const World& w) {
    Goal g;
    if (chance(65)) g.mx = chance(15) ? shuffled(w.mx) : some_set(between(1, 3));
    if (chance(20)) {
      g.retire = true;
      return g;
    }
    if (chance(75)) {
      GoalPolicy p;
      p.mode = chance(80) ? Mode::enforce : chance(50) ? Mode::testing : Mode::none;
      p.max_age = some_age();
      if (chance(20)) {
        p.mx = std::vector<std::string>{};
        for (const auto& mx : g.mx ? *g.mx : w.mx)
          if (chance(85)) p.mx->push_back(mx.host);
        if (chance(40)) p.mx->push_back("*.example.com");
        if (p.mx->empty()) p.mx->push_back("mx1.example.com");
      }
      g.policy = p;
    }
    return g;
  }

  bool chance(int percent) { return between(1, 100) <= percent; }
  int between(int low, int high) { return std::uniform_int_distribution(low, high)(random_); }
  template <class T>
  T pick(std::vector<T> from) {
    return from[static_cast<std::size_t>(between(0, static_cast<int>(from.size()) - 1))];
  }

 private:
  std::uint64_t some_age() { return pick<std::uint64_t>({3600, 86400, 604800, 604800, 2592000, 31557600}); }

  WorldMx host(TimePoint now, int i) {
    const std::string name = "mx" + std::to_string(i) + (i > 4 ? ".new.example" : ".example.com");
    WorldMx mx{0, name, {good("192.0.2." + std::to_string(i), name, now + days(between(1, 90)))}};
    auto& a = mx.addresses.front();
    const int fault = between(1, 100);
    if (fault <= 4) a.starttls = false;
    if (fault > 4 && fault <= 8) a.reachable.reset();
    if (fault > 8 && fault <= 11) a.not_after = now - days(between(0, 3));
    if (fault > 11 && fault <= 13) mx.addresses.clear();
    if (fault > 13 && fault <= 15) a.dns_names = {"else.example.com"};
    if (fault > 15 && fault <= 20) {
      auto second = good("2001:db8::" + std::to_string(i), name, now + days(9));
      second.trusted = false;
      mx.addresses.push_back(second);
    }
    return mx;
  }

  std::vector<WorldMx> shuffled(std::vector<WorldMx> mx) {
    std::shuffle(mx.begin(), mx.end(), random_);
    for (std::size_t i = 0; i < mx.size(); ++i)
      mx[i].preference = chance(20) ? 10 : 10 * (static_cast<int>(i) + 1);
    return mx;
  }

  std::vector<WorldMx> some_set(int size) {
    auto all = shuffled(hosts_);
    all.resize(static_cast<std::size_t>(size));
    return all;
  }

  std::vector<std::string> some_patterns(const World& w) {
    std::vector<std::string> out;
    for (const auto& mx : w.mx)
      if (chance(85)) out.push_back(mx.host);
    if (chance(25)) out.push_back("mx" + std::to_string(between(1, 4)) + ".example.com");
    if (chance(10)) out.push_back("*.example.com");
    if (out.empty()) out.push_back(pick(hosts_).host);
    return out;
  }

  /// One to four policies one after the other, their ids at about the same moments.
  void past(World& w) {
    const int versions = between(1, 4);
    TimePoint first = w.now - days(between(60, 400));
    TimePoint id_first = first;
    for (int i = 0; i < versions; ++i) {
      const bool last = i + 1 == versions;
      const TimePoint end = last ? w.now : std::min(w.now - 1s, first + Seconds(between(1, 100 * 86400)));
      const Mode mode = chance(75) ? Mode::enforce : chance(60) ? Mode::testing : Mode::none;
      w.policies.push_back(
          policy("P" + std::to_string(i + 1), some_patterns(w), some_age(), first, end, mode));
      // The next id comes after the file, with it, too early, or not at all.
      const TimePoint id_end =
          last ? w.now : std::min(w.now - 1s, end + pick<Seconds>({1s, 10min, 1h, -20min}));
      if (last || !chance(10)) {
        const auto ttl = pick<std::uint32_t>({0, 300, 3600, 3600, 86400});
        const std::string id = chance(6) ? "A0" : "A" + std::to_string(i);
        w.ids.push_back({id, std::min(id_first, id_end), id_end, ttl});
        id_first = id_end + Seconds(between(0, 1));
      }
      first = end;
    }
    w.current_policy = w.policies.back().name;
    w.current_id = w.ids.back().id;
    if (chance(8)) w.policies.front().last_ub = w.now;  // a stray address serves it still
    if (chance(8)) gone(w.policies.back(), w), w.current_policy.reset();
    if (chance(8)) gone(w.ids.back(), w), w.current_id.reset();
  }

  template <class Seen>
  void gone(Seen& seen, const World& w) {
    seen.last_ub = std::max(seen.first, w.now - Seconds(between(1, 20 * 86400)));
    if (seen.last_ub >= w.now) seen.last_ub = w.now - 1s;
  }

  std::mt19937 random_;
  std::vector<WorldMx> hosts_;
};

}  // namespace stswatch::worlds
