#include "checks/judge/senders/plan.h"

#include <algorithm>
#include <array>

#include "checks/facts/join.h"
#include "checks/judge/senders/plan_task.h"

namespace stswatch {
namespace {

using namespace planner;

constexpr Seconds kWithinReason = std::chrono::hours{24};

constexpr std::array<std::pair<Deed, std::string_view>, 6> kDeeds{{{Deed::repair, "repair"},
                                                                   {Deed::serve_policy, "serve-policy"},
                                                                   {Deed::publish_id, "publish-id"},
                                                                   {Deed::set_mx, "set-mx"},
                                                                   {Deed::remove_record, "remove-record"},
                                                                   {Deed::remove_policy, "remove-policy"}}};

bool touches_publication(const Course& course) {
  return std::ranges::any_of(course.steps, [](const PlanStep& s) { return s.deed != Deed::set_mx; });
}

class Planner {
 public:
  Planner(const World& world, Task task) : world_(world), task_(std::move(task)) {}

  Plan plan();

 private:
  bool enforce_goal() const;
  bool listed(const std::string& host) const;
  std::vector<std::string> listed_in(Usable state) const;
  bool is_new(const MxView& host) const;
  std::vector<std::string> broken() const;
  void repair(const std::vector<std::string>& hosts);
  Plan stopped(PlanVerdict verdict, std::string why) const;
  std::optional<Course> course();
  void add_repairs(Plan& plan) const;
  Plan finished(const Course& course) const;

  const World& world_;
  Task task_;
};

bool Planner::enforce_goal() const {
  const auto last = final_policy(task_);
  return !task_.retire && last && last->mode == Mode::enforce;
}

bool Planner::listed(const std::string& host) const {
  return !enforce_goal() || fare(final_policy(task_)->mx, {{0, host, Usable::yes}}).certain > 0;
}

/// Goal hosts in that state that senders may use in the end: those that an enforce policy lists, else all.
std::vector<std::string> Planner::listed_in(Usable state) const {
  std::vector<std::string> out;
  for (const auto& mx : task_.after)
    if (mx.state == state && listed(mx.host) && std::ranges::find(out, mx.host) == out.end())
      out.push_back(mx.host);
  return out;
}

bool Planner::is_new(const MxView& host) const {
  const auto was = std::ranges::find(task_.start, host.host, &MxView::host);
  return was == task_.start.end() || was->state != host.state;
}

/// Goal hosts that have to be repaired before the goal is safe: all broken ones, if one of them is new or no
/// listed one may work.
std::vector<std::string> Planner::broken() const {
  if (!enforce_goal()) return {};
  std::vector<std::string> out;
  bool must = listed_in(Usable::yes).empty() && listed_in(Usable::unknown).empty();
  for (const auto& mx : task_.after) {
    if (mx.state != Usable::no) continue;
    must |= is_new(mx);
    if (std::ranges::find(out, mx.host) == out.end()) out.push_back(mx.host);
  }
  return must ? out : std::vector<std::string>{};
}

void Planner::repair(const std::vector<std::string>& hosts) {
  task_.repairs.insert(task_.repairs.end(), hosts.begin(), hosts.end());
  for (auto* set : {&task_.before, &task_.after})
    for (auto& mx : *set)
      if (std::ranges::find(hosts, mx.host) != hosts.end()) mx.state = Usable::yes;
}

void Planner::add_repairs(Plan& plan) const {
  for (const auto& host : task_.repairs) {
    PlanStep step;
    step.n = static_cast<int>(plan.steps.size()) + 1;
    step.after = {{0, Seconds{0}}};
    step.not_before = world_.now;
    step.host = host;
    plan.steps.push_back(std::move(step));
  }
}

/// What is to be repaired, and no further.
Plan Planner::stopped(PlanVerdict verdict, std::string why) const {
  Plan plan{verdict, std::move(why), {}, world_.now};
  add_repairs(plan);
  describe(task_, plan);
  return plan;
}

/// The shortest course; the policy host is repaired first where file or record has to change.
std::optional<Course> Planner::course() {
  for (const Care care : {Care::full, Care::lenient}) {
    task_.care = care;
    if (!task_.host_ended) {
      if (auto found = best_course(task_, true)) return found;
      continue;
    }
    if (auto found = best_course(task_, false); found && !touches_publication(*found)) return found;
    if (auto found = best_course(task_, true)) {
      task_.repairs.push_back("mta-sts." + task_.world.domain);
      return found;
    }
  }
  return std::nullopt;
}

Plan Planner::finished(const Course& course) const {
  Plan plan;
  add_repairs(plan);
  const int repairs = static_cast<int>(plan.steps.size());
  for (PlanStep step : course.steps) {
    for (auto& wait : step.after)
      if (wait.step > 0) wait.step += repairs;
    if (step.n == 1 && repairs > 0) {
      std::erase_if(step.after, [](const Wait& w) { return w.step == 0 && w.seconds.count() == 0; });
      for (int i = 1; i <= repairs; ++i)
        step.after.push_back({i, Seconds{0}});
    }
    step.n += repairs;
    plan.steps.push_back(std::move(step));
  }
  plan.done_at = plan.steps.empty() ? world_.now : plan.steps.back().not_before;
  describe(task_, plan);
  plan.verdict = repairs > 0 ? PlanVerdict::unsafe : PlanVerdict::safe;
  if (repairs > 0)
    plan.why = "To be repaired first: " + text::joined(task_.repairs) +
               ". Nothing that works may be removed before that; the other steps are safe once it is done.";
  else if (plan.steps.empty())
    plan.why = "Nothing has to change.";
  else
    plan.why =
        "Simulated at every moment until the last cache has ended, however late each step is done: no "
        "enforcing "
        "sender loses its last usable MX host, and none has to skip a better one because of the plan.";
  plan.why += remarks(task_, world_, plan);
  return plan;
}

Plan Planner::plan() {
  if (task_.after.empty() && task_.target && task_.target->mode != Mode::none && task_.target->mx.empty())
    return stopped(PlanVerdict::unsafe, world_.domain + " has no MX host that its policy could list.");
  const auto unseen = listed_in(Usable::unknown);
  const bool certain = !listed_in(Usable::yes).empty() || task_.after.empty();
  const auto to_repair = broken();
  repair(to_repair);
  const auto listed_host = [this](const MxView& mx) { return listed(mx.host); };
  if (enforce_goal() && !task_.after.empty() && std::ranges::none_of(task_.after, listed_host)) {
    std::vector<std::string> hosts;
    for (const auto& mx : task_.after)
      hosts.push_back(mx.host);
    return stopped(PlanVerdict::unsafe,
                   "The policy of the goal lists none of its MX hosts: " + text::joined(hosts) + '.');
  }
  if (to_repair.empty() && !certain && !unseen.empty())
    return stopped(PlanVerdict::unknown, "Not seen, so nothing is proven: " + text::joined(unseen) +
                                             ". No other host of the goal is certain to work.");
  if (enforce_goal()) task_.inherent = fare(final_policy(task_)->mx, task_.after).skipped;
  if (const auto found = course()) return finished(*found);
  return stopped(task_.repairs.empty() ? PlanVerdict::unknown : PlanVerdict::unsafe,
                 "No order of steps is proven safe from here: repair what is broken now, and plan again.");
}

bool proven(const Plan& plan) { return plan.verdict == PlanVerdict::safe; }

}  // namespace

std::string_view to_string(Deed deed) {
  return std::ranges::find(kDeeds, deed, &std::pair<Deed, std::string_view>::first)->second;
}

std::optional<Deed> parse_deed(std::string_view text) {
  const auto it = std::ranges::find(kDeeds, text, &std::pair<Deed, std::string_view>::second);
  return it == kDeeds.end() ? std::nullopt : std::optional(it->first);
}

std::string_view to_string(PlanVerdict verdict) {
  switch (verdict) {
    case PlanVerdict::safe:
      return "safe";
    case PlanVerdict::unsafe:
      return "unsafe";
    case PlanVerdict::unknown:
      return "unknown";
  }
  return "unknown";
}

Plan make_plan(const World& world, const Goal& goal) {
  Task task = make_task(world, goal);
  Plan as_it_is = Planner(world, task).plan();
  if (!task.restored) return as_it_is;
  // Senders hold a policy that is served no more. Served again, and fitted to the goal, it lets them learn;
  // that is done where they cannot be waited for, or not within reason.
  task.target = task.restored;
  Plan served_again = Planner(world, task).plan();
  if (!proven(as_it_is)) return served_again;
  return proven(served_again) && served_again.done_at + kWithinReason < as_it_is.done_at ? served_again
                                                                                         : as_it_is;
}

}  // namespace stswatch
