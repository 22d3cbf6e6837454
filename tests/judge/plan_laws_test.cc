// Laws of the planner on random worlds and goals, the seed fixed: whatever it calls safe is carried out at
// its earliest times and late in every way, and looked at by a reading of the rules that shares nothing with
// it. Planners that are broken on purpose have to be caught by the same eyes.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "checks/facts/policy.h"
#include "tests/judge/plan_executor.h"
#include "tests/judge/plan_worlds.h"

namespace stswatch::worlds {
namespace {

constexpr unsigned kSeed = 20261128;

/// More of them with STSWATCH_PLANS=100000; others with STSWATCH_SEED.
unsigned from_environment(const char* name, unsigned otherwise) {
  const char* text = std::getenv(name);
  return text ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : otherwise;
}

Lateness punctual() {
  return [](int) { return 0s; };
}

Lateness one_late(int which, Seconds by) {
  return [=](int n) { return n == which ? by : 0s; };
}

/// Each step late by nothing, or by anything from a second to a year.
Lateness at_random(unsigned seed) {
  return [random = std::mt19937(seed)](int) mutable {
    const std::vector<int> scale{0, 1, 600, 7200, 200000, 2000000, 31557600};
    const int most = scale[std::uniform_int_distribution<std::size_t>(0, scale.size() - 1)(random)];
    return Seconds(std::uniform_int_distribution(0, most)(random));
  };
}

/// Empty, or how somebody loses by the plan.
std::string carried_out(const World& world, const Goal& goal, const Plan& plan, unsigned seed) {
  if (auto what = carry_out(world, goal, plan, punctual()); !what.empty()) return "on time: " + what;
  for (unsigned i = 0; i < 4; ++i)
    if (auto what = carry_out(world, goal, plan, at_random(seed + i)); !what.empty()) return "late: " + what;
  const int steps = static_cast<int>(plan.steps.size());
  for (const Seconds by : {Seconds(4000), days(9), days(400)})
    if (steps > 0)
      if (auto what = carry_out(world, goal, plan, one_late(1 + static_cast<int>(seed) % steps, by));
          !what.empty())
        return "one late: " + what;
  return {};
}

std::string story(const World& w, const Goal& g, const Plan& plan) {
  const auto set = [](const std::vector<WorldMx>& mx) {
    std::string out;
    for (const auto& m : mx) {
      const auto ok = works(m, kNow);
      out += ' ' + std::to_string(m.preference) + ' ' + m.host + (!ok ? "?" : *ok ? "" : "!");
    }
    return out;
  };
  std::string out = "\nnow " + to_utc(w.now) + " file " + w.current_policy.value_or("-") + " id " +
                    w.current_id.value_or("-") + "\nMX" + set(w.mx) + '\n';
  for (const auto& p : w.policies) {
    out += p.name + ' ' + std::string(to_string(p.mode)) + ' ' + std::to_string(p.max_age) + ' ' +
           to_utc(p.first) + ' ' + to_utc(p.last_ub);
    for (const auto& mx : p.mx)
      out += ' ' + mx;
    out += '\n';
  }
  for (const auto& i : w.ids)
    out += i.id + ' ' + to_utc(i.first) + ' ' + to_utc(i.last_ub) + " ttl " + std::to_string(i.ttl) + '\n';
  out += "goal" + (g.mx ? set(*g.mx) : " MX as it is") + (g.retire ? " retire" : "") +
         (g.policy ? ' ' + std::string(to_string(g.policy->mode)) : "") + '\n' +
         std::string(to_string(plan.verdict)) + ": " + plan.why + '\n';
  for (const auto& s : plan.steps) {
    out += std::to_string(s.n) + ' ' + std::string(to_string(s.deed)) + ' ' + to_utc(s.not_before);
    for (const auto& wait : s.after)
      out += " (" + std::to_string(wait.step) + "+" + std::to_string(wait.seconds.count()) + ")";
    if (s.policy)
      for (const auto& mx : s.policy->mx)
        out += ' ' + mx;
    out += '\n';
  }
  return out;
}

/// What the verdict has to be, from the hosts alone.
bool may_be(const World& w, const Goal& g, PlanVerdict verdict) {
  const auto& hosts = g.mx ? *g.mx : w.mx;
  bool certain = false, unseen = false;
  for (const auto& m : hosts) {
    const auto ok = works(m, w.now);
    certain |= ok.value_or(false);
    unseen |= !ok.has_value();
  }
  if (verdict == PlanVerdict::safe) return certain || !unseen;
  if (verdict == PlanVerdict::unknown) return unseen;
  return true;
}

}  // namespace

TEST_CASE("no enforcing sender loses by a plan, however late its steps are done") {
  const unsigned worlds = from_environment("STSWATCH_PLANS", 2000);
  const unsigned seed = from_environment("STSWATCH_SEED", kSeed);
  unsigned with_steps = 0, safe = 0, unsafe = 0, unknown = 0;
  for (unsigned i = 0; i < worlds; ++i) {
    PlanMaker make(seed + i);
    const World w = make.world();
    const Goal g = make.goal(w);
    const Plan plan = make_plan(w, g);
    const bool whole = plan.verdict == PlanVerdict::safe || plan.steps.size() > 1;
    std::string wrong = whole ? carried_out(w, g, plan, seed + i) : "";
    if (wrong.empty() && plan.verdict == PlanVerdict::safe) wrong = read_closely(w, g, plan);
    if (wrong.empty() && !may_be(w, g, plan.verdict)) wrong = "another verdict is due";
    if (wrong.empty() && i % 20 == 0 && make_plan(w, g).why != plan.why)
      wrong = "asked twice, it says two things";
    CHECK_MESSAGE(wrong.empty(), "seed ", seed + i, ": ", wrong, story(w, g, plan));
    with_steps += plan.steps.size() > 2;
    safe += plan.verdict == PlanVerdict::safe;
    unsafe += plan.verdict == PlanVerdict::unsafe;
    unknown += plan.verdict == PlanVerdict::unknown;
  }
  MESSAGE(safe, " safe, ", unsafe, " unsafe, ", unknown, " unknown; ", with_steps, " of three steps or more");
  CHECK(with_steps > worlds / 4);
  CHECK(safe > worlds / 3);
  CHECK(unsafe > worlds / 50);
  CHECK(unknown > worlds / 100);
}

namespace {

/// A planner that is broken in one way. Null: this plan cannot be broken so.
using Breaker = std::optional<Plan> (*)(const World&, const Plan&);

/// As the steps now stand: numbers and earliest moments.
Plan renumbered(const World& w, Plan plan) {
  std::vector<TimePoint> at{w.now};
  for (auto& step : plan.steps) {
    TimePoint t = w.now;
    for (const auto& wait : step.after)
      t = std::max(t, at[static_cast<std::size_t>(wait.step)] + wait.seconds);
    step.not_before = t;
    at.push_back(t);
  }
  plan.done_at = at.back();
  return plan;
}

std::size_t find(const Plan& plan, Deed deed) {
  for (std::size_t i = 0; i < plan.steps.size(); ++i)
    if (plan.steps[i].deed == deed) return i;
  return plan.steps.size();
}

/// MX first, the file later.
std::optional<Plan> mx_first(const World& w, const Plan& right) {
  Plan plan = right;
  const std::size_t mx = find(plan, Deed::set_mx);
  if (mx == 0 || mx == plan.steps.size()) return std::nullopt;
  std::rotate(plan.steps.begin(), plan.steps.begin() + static_cast<std::ptrdiff_t>(mx),
              plan.steps.begin() + static_cast<std::ptrdiff_t>(mx) + 1);
  int n = 0;
  for (auto& step : plan.steps) {
    step.n = ++n;
    step.after = {{n - 1, 300s}};
  }
  return renumbered(w, plan);
}

/// The id before the file.
std::optional<Plan> id_first(const World& w, const Plan& right) {
  Plan plan = right;
  const std::size_t file = find(plan, Deed::serve_policy), id = find(plan, Deed::publish_id);
  if (id == plan.steps.size() || file + 1 != id) return std::nullopt;
  std::swap(plan.steps[file].deed, plan.steps[id].deed);
  std::swap(plan.steps[file].policy, plan.steps[id].policy);
  std::swap(plan.steps[file].id, plan.steps[id].id);
  return renumbered(w, plan);
}

/// Two hours are enough for everybody.
std::optional<Plan> short_waits(const World& w, const Plan& right) {
  Plan plan = right;
  bool shorter = false;
  for (auto& step : plan.steps)
    for (auto& wait : step.after) {
      shorter |= wait.seconds > 2h;
      wait.seconds = std::min<Seconds>(wait.seconds, 2h);
    }
  return shorter ? std::optional(renumbered(w, plan)) : std::nullopt;
}

/// The TTL of the MX set is forgotten.
std::optional<Plan> no_mx_ttl(const World& w, const Plan& right) {
  Plan plan = right;
  const std::size_t mx = find(plan, Deed::set_mx);
  if (mx + 1 >= plan.steps.size() || plan.steps[mx + 1].deed != Deed::serve_policy) return std::nullopt;
  plan.steps[mx + 1].after = {{static_cast<int>(mx) + 1, 1s}};
  return renumbered(w, plan);
}

/// Every wait counts from now: right on time, wrong when late.
std::optional<Plan> from_now(const World& w, const Plan& right) {
  Plan plan = right;
  for (auto& step : plan.steps)
    step.after = {{0, step.not_before - w.now}};
  return plan.steps.size() < 3 ? std::nullopt : std::optional(renumbered(w, plan));
}

/// The first file lists only where mail will go.
std::optional<Plan> old_host_dropped(const World& w, const Plan& right) {
  Plan plan = right;
  const std::size_t mx = find(plan, Deed::set_mx), file = find(plan, Deed::serve_policy);
  if (file > mx || mx == plan.steps.size()) return std::nullopt;
  auto& listed = plan.steps[file].policy->mx;
  const auto& goal = plan.steps[mx].mx;
  const std::size_t before = listed.size();
  std::erase_if(listed, [&](const std::string& pattern) {
    return std::ranges::none_of(goal, [&](const WorldMx& m) { return matches(m.host, pattern); });
  });
  return listed.size() == before ? std::nullopt : std::optional(renumbered(w, plan));
}

/// An id that was published before.
std::optional<Plan> reused_id(const World& w, const Plan& right) {
  Plan plan = right;
  const std::size_t id = find(plan, Deed::publish_id);
  if (id == plan.steps.size() || w.ids.empty()) return std::nullopt;
  plan.steps[id].id = w.ids.front().id;
  return plan;
}

/// The same id for both files.
std::optional<Plan> one_id(const World&, const Plan& right) {
  Plan plan = right;
  std::string first;
  for (auto& step : plan.steps) {
    if (step.deed != Deed::publish_id) continue;
    if (!first.empty()) {
      step.id = first;
      return plan;
    }
    first = step.id;
  }
  return std::nullopt;
}

/// Record and file go with the last policy's TTL.
std::optional<Plan> removed_early(const World& w, const Plan& right) {
  Plan plan = right;
  const std::size_t record = find(plan, Deed::remove_record);
  if (record == plan.steps.size() || plan.steps[record].not_before - w.now < 3h) return std::nullopt;
  plan.steps[record].after = {{static_cast<int>(record), 2h}};
  return renumbered(w, plan);
}

struct Mutant {
  std::string name;
  Breaker breaker;
  int of_a_hundred;  // at least so many of the plans that it can break are caught
};

}  // namespace

TEST_CASE("planners that are broken on purpose are caught") {
  const std::vector<Mutant> mutants{
      {"MX first", mx_first, 80},
      {"id before file", id_first, 10},  // where the former file worked as well, nobody loses
      {"two hours are enough", short_waits, 80},
      {"no TTL of the MX set", no_mx_ttl, 20},
      {"waits counted from now", from_now, 25},  // it takes the right step to be late
      {"old host dropped", old_host_dropped, 40},
      {"id used before", reused_id, 100},
      {"one id for two files", one_id, 100},
      {"removed early", removed_early, 80}};
  std::vector<std::pair<int, int>> counts(mutants.size());  // broken, caught
  for (unsigned i = 0; i < 400; ++i) {
    PlanMaker make(7000 + i);
    const World w = make.world();
    const Goal g = make.goal(w);
    const Plan right = make_plan(w, g);
    if (right.verdict != PlanVerdict::safe) continue;
    for (std::size_t m = 0; m < mutants.size(); ++m) {
      const auto plan = mutants[m].breaker(w, right);
      if (!plan) continue;
      ++counts[m].first;
      counts[m].second += !carried_out(w, g, *plan, i).empty() || !read_closely(w, g, *plan).empty();
    }
  }
  for (std::size_t m = 0; m < mutants.size(); ++m) {
    const auto [broken, caught] = counts[m];
    MESSAGE(mutants[m].name, ": ", caught, " of ", broken);
    CHECK_MESSAGE(broken >= 5, mutants[m].name);
    CHECK_MESSAGE(caught * 100 >= broken * mutants[m].of_a_hundred, mutants[m].name);
  }
}

}  // namespace stswatch::worlds
