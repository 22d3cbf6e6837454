#include "checks/judge/senders/plan_task.h"

#include <algorithm>
#include <tuple>

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

}  // namespace stswatch::planner
