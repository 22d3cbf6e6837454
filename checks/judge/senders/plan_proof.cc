// Which course of acts reaches the goal soonest, and the proof that it is safe.
#include "checks/judge/senders/plan_task.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "checks/judge/senders/forecast.h"

namespace stswatch::planner {
namespace {

using namespace std::chrono_literals;

constexpr Seconds kWorthSteps = 24h;  // a plan that is this much sooner may have more steps

Script publication(const Policy& policy) {
  return {{Deed::serve_policy, policy}, {Deed::publish_id, std::nullopt}};
}

bool served_already(const Task& task, const Policy& policy) {
  return task.current() && same_content(*task.current(), policy) && !task.strays();
}

/// Ways to begin a change of the MX set, the shortest first.
std::vector<Script> openings(const Task& task, const Policy& last) {
  std::vector<Script> out{{}};
  const auto add = [&](const Policy& policy) {
    if (!served_already(task, policy)) out.push_back(publication(policy));
  };
  if (task.current()) out.push_back({{Deed::publish_id, std::nullopt}});
  add(last);
  if (last.mode == Mode::enforce) {
    const Policy wide = widened(task, last);
    if (wide.mx.size() != last.mx.size()) add(wide);
  }
  // What a single stray address serves is ended by serving what the others do.
  if (task.current() && task.strays() && !same_content(*task.current(), last))
    add(content_of(*task.current()));
  return out;
}

/// What is left to publish after this script.
void close(const Task& task, const std::optional<Policy>& last, Script& script) {
  std::optional<Policy> file;
  if (task.current()) file = content_of(*task.current());
  bool served = false, announced = task.world.current_id.has_value(), published = false;
  for (const auto& act : script) {
    if (act.deed == Deed::serve_policy) file = act.policy;
    served |= act.deed == Deed::serve_policy;
    published |= act.deed == Deed::publish_id;
  }
  announced |= published || task.record_wanted;
  const bool differs = last && !(file && same_policy(*file, *last));
  const bool stray = task.target && task.strays() && !served;
  if (differs || stray) {
    script.push_back({Deed::serve_policy, last});
    if (announced) script.push_back({Deed::publish_id, std::nullopt});
  } else if (!published && (task.id_of_another || (task.record_wanted && !task.world.current_id))) {
    script.push_back({Deed::publish_id, std::nullopt});
  }
}

std::vector<Script> to_keep(const Task& task) {
  const auto last = final_policy(task);
  std::vector<Script> out{{}};
  if (task.mx_changes && last) out = openings(task, *last);
  for (auto& script : out) {
    if (task.mx_changes) script.push_back({Deed::set_mx, std::nullopt});
    close(task, last, script);
  }
  return out;
}

/// RFC 8461 §8.3: a policy of mode none first, record and file away when nobody can hold another.
std::vector<Script> to_retire(const Task& task) {
  const TimePoint now = task.world.now;
  const auto there = [now](const auto& seen) { return seen.last_ub >= now; };
  const bool enforced_or_tested = std::ranges::any_of(
      task.world.policies, [&](const WorldPolicy& p) { return there(p) && p.mode != Mode::none; });
  const bool file = std::ranges::any_of(task.world.policies, there);
  const bool record = std::ranges::any_of(task.world.ids, there);
  std::vector<Script> out;
  if (!enforced_or_tested) out.emplace_back();
  if (!enforced_or_tested && task.current()) out.push_back({{Deed::publish_id, std::nullopt}});
  if (enforced_or_tested || record) out.push_back(publication(*task.target));
  for (auto& script : out) {
    const bool published = !script.empty();
    const bool served = published && script.front().deed == Deed::serve_policy;
    if (task.mx_changes) script.push_back({Deed::set_mx, std::nullopt});
    if (record || published) script.push_back({Deed::remove_record, std::nullopt});
    if (file || served) script.push_back({Deed::remove_policy, std::nullopt});
  }
  return out;
}

}  // namespace

std::optional<Policy> final_policy(const Task& task) {
  if (task.target) return task.target;
  if (const WorldPolicy* now = task.current()) return content_of(*now);
  return std::nullopt;
}

std::optional<Course> best_course(const Task& task, bool host_ok) {
  std::vector<Course> courses;
  for (const auto& script : task.retire ? to_retire(task) : to_keep(task))
    if (auto course = course_of(task, script, host_ok)) courses.push_back(std::move(*course));
  while (!courses.empty()) {
    const TimePoint soonest = std::ranges::min(courses, {}, &Course::done_at).done_at;
    const auto best = std::ranges::min_element(courses, {}, [&](const Course& c) {
      return std::tuple(c.done_at > soonest + kWorthSteps, c.steps.size(), c.done_at);
    });
    if (disprove(task, *best, host_ok).empty()) return std::move(*best);
    courses.erase(best);
  }
  return std::nullopt;
}

namespace {

using senders::Caches;
using senders::Level;

constexpr std::size_t kMoments = 64;

/// With which MX sets a policy in effect costs its holders something that they have.
struct Harm {
  bool before = false, after = false;
};

std::vector<Harm> harms_of(const Task& task, const Course& course) {
  std::vector<Harm> out;
  for (const auto& p : task.world.policies)
    out.push_back({false, p.mode == Mode::enforce && task.goal_hurts(p.mx, task.claim_of(p))});
  for (const auto& step : course.steps)
    if (step.deed == Deed::serve_policy)
      out.push_back({task.file_hurts(*step.policy, task.before, false),
                     task.file_hurts(*step.policy, task.after, true)});
  return out;
}

/// One execution: when each step is done.
class Run {
 public:
  Run(const Task& task, const Course& course, const std::vector<Harm>& harms, std::vector<TimePoint> at,
      bool host_ok)
      : task_(task), course_(course), harms_(harms), at_(std::move(at)), host_ok_(host_ok) {}

  std::string disprove() const;

 private:
  World world_at(TimePoint t, std::size_t done) const;
  void carry_out(const PlanStep& step, TimePoint t, World& world) const;
  static bool in_effect(const World& world, const Caches& caches, const std::vector<senders::Pair>& pairs,
                        std::size_t policy);
  std::string look(TimePoint t, std::size_t done) const;
  std::vector<TimePoint> moments(std::size_t done) const;
  std::optional<TimePoint> moved_at(std::size_t done) const;

  const Task& task_;
  const Course& course_;
  const std::vector<Harm>& harms_;  // by policy: those of the world, then those of the steps
  std::vector<TimePoint> at_;
  bool host_ok_;
};

void Run::carry_out(const PlanStep& step, TimePoint t, World& world) const {
  const auto end = [&](auto& all) {
    for (auto& seen : all)
      if (seen.last_ub == TimePoint::max()) seen.last_ub = t;
  };
  if (step.deed == Deed::serve_policy || step.deed == Deed::remove_policy) {
    end(world.policies);
    world.current_policy.reset();
  }
  if (step.deed == Deed::publish_id || step.deed == Deed::remove_record) {
    end(world.ids);
    world.current_id.reset();
  }
  if (step.deed == Deed::serve_policy) {
    const auto& p = *step.policy;
    world.current_policy = "step " + std::to_string(step.n);
    world.policies.push_back({*world.current_policy, p.mode, p.mx, p.max_age, t, TimePoint::max()});
  }
  if (step.deed == Deed::publish_id) {
    world.current_id = step.id;
    world.ids.push_back({step.id, t, TimePoint::max(), task_.ttl});
  }
}

/// As it is at t, when so many steps are done.
World Run::world_at(TimePoint t, std::size_t done) const {
  World world = task_.world;
  const auto open = [&](auto& all) {
    for (auto& seen : all)
      if (seen.last_ub >= task_.world.now) seen.last_ub = TimePoint::max();
  };
  open(world.policies);
  open(world.ids);
  for (std::size_t i = 0; i < done; ++i)
    carry_out(course_.steps[i], at_[i], world);
  const auto close = [&](auto& all) {
    for (auto& seen : all)
      if (seen.last_ub == TimePoint::max()) seen.last_ub = t;
  };
  close(world.policies);
  close(world.ids);
  world.now = t;
  if (host_ok_) world.policy_host_not_after.reset();  // renewed in time
  return world;
}

/// At either level; and while resolvers show a former id its holders neither learn nor let go.
bool Run::in_effect(const World& world, const Caches& caches, const std::vector<senders::Pair>& pairs,
                    std::size_t policy) {
  if (caches.in_effect(policy, world.now, Level::rfc) || caches.in_effect(policy, world.now, Level::field))
    return true;
  return std::ranges::any_of(pairs, [&](const senders::Pair& pair) {
    if (pair.policy != policy) return false;
    return std::ranges::any_of(world.ids, [&](const WorldId& id) {
      return id.id == world.ids[pair.id].id && world.now < senders::later(id.last_ub, id.ttl);
    });
  });
}

std::optional<TimePoint> Run::moved_at(std::size_t done) const {
  for (std::size_t i = 0; i < done; ++i)
    if (course_.steps[i].deed == Deed::set_mx) return at_[i];
  return std::nullopt;
}

std::string Run::look(TimePoint t, std::size_t done) const {
  const World world = world_at(t, done);
  const Caches caches(world);
  const auto pairs = caches.pairs();
  const auto moved = moved_at(done);
  const bool former_seen = moved && t < senders::later(*moved, task_.world.mx_ttl);
  for (std::size_t p = 0; p < world.policies.size(); ++p) {
    const bool harm = (harms_[p].before && (!moved || former_seen)) || (harms_[p].after && moved);
    if (harm && in_effect(world, caches, pairs, p)) return world.policies[p].name + " at " + to_utc(t);
  }
  return {};
}

/// When something changes after so many steps and before the next, and the seconds around it.
std::vector<TimePoint> Run::moments(std::size_t done) const {
  const TimePoint from = done == 0 ? task_.world.now : at_[done - 1];
  const TimePoint until = done < at_.size() ? at_[done] : TimePoint::max();
  const World world = world_at(from, done);
  std::vector<TimePoint> all{from, from + 1s};
  Caches(world).add_events(all, Level::field);
  for (const auto& id : world.ids)
    all.push_back(senders::later(id.last_ub, id.ttl));
  if (const auto moved = moved_at(done)) all.push_back(senders::later(*moved, task_.world.mx_ttl));
  if (until != TimePoint::max()) all.push_back(until - 1s);
  for (std::size_t i = 0, size = all.size(); i < size; ++i)
    if (all[i] > from && all[i] != senders::kOpen) all.push_back(all[i] - 1s);
  std::erase_if(all, [&](TimePoint t) { return t < from || t >= until || t == senders::kOpen; });
  // Between steps holds only end: where they are many, the moments right after a step say it all.
  if (all.size() > kMoments) all = {from, from + 1s};
  all.push_back(from);
  std::ranges::sort(all);
  all.erase(std::ranges::unique(all).begin(), all.end());
  return all;
}

std::string Run::disprove() const {
  for (std::size_t done = 0; done <= at_.size(); ++done)
    for (const TimePoint t : moments(done))
      if (auto why = look(t, done); !why.empty()) return why;
  return {};
}

/// Every step as early as it may be, and this one (or each, past the end) so much later.
std::vector<TimePoint> times(const Task& task, const Course& course, std::size_t late, Seconds by) {
  std::vector<TimePoint> out{task.world.now};
  for (std::size_t i = 0; i < course.steps.size(); ++i) {
    TimePoint at = out.back();
    for (const auto& wait : course.steps[i].after)
      at = std::max(at, out[static_cast<std::size_t>(wait.step)] + wait.seconds);
    if (late == i || late == course.steps.size()) at += by;
    out.push_back(at);
  }
  out.erase(out.begin());
  return out;
}

}  // namespace

std::string disprove(const Task& whole, const Course& course, bool host_ok) {
  Task task = whole;  // without the policies that harm nobody: they decide nothing
  std::erase_if(task.world.policies, [&](const WorldPolicy& p) {
    const bool harms = p.mode == Mode::enforce && whole.goal_hurts(p.mx, whole.claim_of(p));
    return !harms && p.name != whole.world.current_policy;
  });
  const auto harms = harms_of(task, course);
  if (std::ranges::none_of(harms, [](const Harm& h) { return h.before || h.after; })) return {};
  const std::array<Seconds, 7> late{0s, 1s, 1h, kDay, 8 * kDay, 31 * kDay, 366 * kDay};
  for (std::size_t step = 0; step <= course.steps.size(); ++step)
    for (const Seconds by : late) {
      if (by == 0s && step > 0) continue;
      const Run run(task, course, harms, times(task, course, step, by), host_ok);
      if (auto why = run.disprove(); !why.empty()) return why;
    }
  return {};
}

}  // namespace stswatch::planner
