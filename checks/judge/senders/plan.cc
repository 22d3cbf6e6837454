#include "checks/judge/senders/plan.h"

#include <algorithm>
#include <array>
#include <map>

#include "checks/facts/text.h"
#include "checks/judge/case.h"
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
        "enforcing sender loses its last usable MX host, and none has to skip a better one because of the "
        "plan.";
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

namespace stswatch::planner {

// The words of a plan.

namespace {

std::string policy_words(const Policy& policy) {
  std::string out = "mode " + std::string(to_string(policy.mode));
  if (!policy.mx.empty()) out += ", mx " + text::joined(policy.mx);
  return out + ", max_age " + std::to_string(policy.max_age);
}

std::string why_not(const Task& task, const std::string& host) {
  for (const auto& mx : task.goal_mx) {
    if (mx.host != host) continue;
    if (mx.addresses.empty()) return "it has no address";
    std::string out;
    for (const auto& a : mx.addresses) {
      text::add(out, "; ", a.address + ": ");
      if (!a.reachable)
        out += "not seen";
      else if (!*a.reachable)
        out += "unreachable";
      else if (!a.starttls)
        out += "no STARTTLS";
      else if (!a.trusted)
        out += "its certificate is not trusted";
      else if (a.not_after && *a.not_after <= task.world.now)
        out += "its certificate ended at " + to_utc(*a.not_after);
      else
        out += "its certificate does not name the host or is not valid yet";
    }
    return out;
  }
  return "it is not usable";
}

/// To the second: who waits too little loses mail.
std::string exactly(Seconds span) {
  const auto left = span.count();
  const std::array<std::pair<Seconds::rep, const char*>, 4> units{
      {{left / 86400, " d"}, {left / 3600 % 24, " h"}, {left / 60 % 60, " min"}, {left % 60, " s"}}};
  std::string out;
  for (const auto& [count, unit] : units)
    if (count > 0) text::add(out, " ", std::to_string(count) + unit);
  return out;
}

std::string waits_words(const PlanStep& step) {
  std::string out;
  for (const auto& wait : step.after) {
    if (wait.seconds.count() == 0) continue;
    out += (out.empty() ? " At least " : ", and ") + exactly(wait.seconds) + " after ";
    out += wait.step == 0 ? "the moment of this plan" : "step " + std::to_string(wait.step);
  }
  return out.empty() ? out : out + '.';
}

/// Nothing new is served before it: the file stands, and its id is another one's.
std::string id_words(const Task& task, const PlanStep& step, const Plan& plan) {
  const bool served = std::ranges::any_of(
      plan.steps, [&](const PlanStep& s) { return s.n < step.n && s.deed == Deed::serve_policy; });
  if (!task.id_of_another || served) return {};
  return " The id of now, " + *task.world.current_id +
         ", was there with an earlier file too: who fetched that one keeps it under this id.";
}

bool testing_before(const Task& task, const PlanStep& step, const Plan& plan) {
  Mode before = task.current() ? task.current()->mode : Mode::none;
  for (const auto& one : plan.steps)
    if (one.n < step.n && one.policy) before = one.policy->mode;
  return before == Mode::testing;
}

/// The step is late enough that no resolver shows the former MX set.
bool waits_for_resolvers(const Task& task, const PlanStep& step, int move) {
  return std::ranges::any_of(step.after, [&](const Wait& wait) {
    return wait.step == move && wait.seconds >= Seconds(task.world.mx_ttl);
  });
}

std::string serve_words(const Task& task, const PlanStep& step, const Plan& plan) {
  std::string out = "Serve this policy at every address of mta-sts." + task.world.domain + ": " +
                    policy_words(*step.policy) + '.';
  const auto moves = [](const PlanStep& s) { return s.deed == Deed::set_mx; };
  const auto move = std::ranges::find_if(plan.steps, moves);
  if (step.policy->mode == Mode::enforce && testing_before(task, step, plan))
    out +=
        " Better not before the readiness gates hold: two weeks without a fault, and TLS reports that show "
        "none.";
  if (task.retire)
    out += " Senders that fetch it let go of the former one (RFC 8461 section 8.3).";
  else if (move != plan.steps.end() && step.n < move->n && step.policy->mode == Mode::enforce)
    out +=
        " It lists the MX hosts of before and after, because mail goes to both until the last old cache has"
        " ended (RFC 8461 section 8.1).";
  else if (move != plan.steps.end() && waits_for_resolvers(task, step, move->n))
    out += " By then no resolver shows the former MX set.";
  return out;
}

std::string mx_words(const Task& task, const PlanStep& step) {
  std::vector<std::string> hosts;
  for (const auto& mx : step.mx)
    hosts.push_back(std::to_string(mx.preference) + ' ' + mx.host);
  std::string out = "Make this the whole MX set: " + text::joined(hosts) + '.';
  const bool waits = std::ranges::any_of(step.after, [](const Wait& w) { return w.seconds.count() > 0; });
  if (waits) out += " Until then some sender may hold a policy under which it would lose by that.";
  std::vector<std::string> leave;
  for (const auto& mx : task.start)
    if (std::ranges::find(step.mx, mx.host, &WorldMx::host) == step.mx.end()) leave.push_back(mx.host);
  if (!leave.empty())
    out += " Let " + text::joined(leave) + " answer for another " + exactly(Seconds(task.world.mx_ttl)) +
           ": so long resolvers may show the former set.";
  return out;
}

std::string words(const Task& task, const PlanStep& step, const Plan& plan) {
  const auto& domain = task.world.domain;
  switch (step.deed) {
    case Deed::repair:
      if (step.host == "mta-sts." + domain)
        return "Renew the certificate of " + step.host + ": it ended at " +
               to_utc(*task.world.policy_host_not_after) + ", and no sender fetches a policy until then.";
      return "Repair " + step.host + ": no enforcing sender can use it (" + why_not(task, step.host) + ").";
    case Deed::serve_policy:
      return serve_words(task, step, plan);
    case Deed::publish_id:
      return "Publish \"v=STSv1; id=" + step.id + ";\" at _mta-sts." + domain +
             ", once every address serves the file: senders look for another policy only under another id." +
             id_words(task, step, plan);
    case Deed::set_mx:
      return mx_words(task, step);
    case Deed::remove_record:
      return "Remove the record at _mta-sts." + domain +
             ": by then the max_age of every enforce policy that was served has passed.";
    case Deed::remove_policy:
      return "Remove the policy file from mta-sts." + domain + '.';
  }
  return {};
}

std::optional<TimePoint> when(const Plan& plan, Deed deed, bool first) {
  std::optional<TimePoint> out;
  for (const auto& step : plan.steps)
    if (step.deed == deed && !(first && out)) out = step.not_before;
  return out;
}

/// "HOST at DATE" of what is good now and ends before the plan does.
std::vector<std::string> ending(const Task& task, const World& world, const Plan& plan) {
  std::map<std::pair<TimePoint, std::string>, bool> found;
  const auto add = [&](const WorldMx& mx) {
    for (const auto& a : mx.addresses)
      if (a.not_after && world.now < *a.not_after && *a.not_after <= plan.done_at)
        found[{*a.not_after, mx.host}] = true;
  };
  for (const auto& mx : world.mx)
    add(mx);
  for (const auto& mx : task.goal_mx)
    add(mx);
  const bool file = task.current() || task.strays() || when(plan, Deed::serve_policy, true);
  const auto& host = world.policy_host_not_after;
  if (file && host && world.now < *host && *host <= plan.done_at)
    found[{*host, "mta-sts." + world.domain}] = true;
  std::vector<std::string> out;
  for (const auto& [key, yes] : found)
    out.push_back(key.second + " at " + to_utc(key.first));
  return out;
}

}  // namespace

void describe(const Task& task, Plan& plan) {
  for (auto& step : plan.steps)
    step.text = words(task, step, plan) + waits_words(step);
}

std::string remarks(const Task& task, const World& world, const Plan& plan) {
  std::string out;
  if (!task.inherent.empty())
    out += " The goal itself has enforcing senders skip " + text::joined(task.inherent) +
           ": broken, or not listed by its policy, and preferred to a host that works.";
  const auto held = enforced_until(held_now(world));
  const auto goal = final_policy(task);
  if (plan.steps.empty() && held.any && (!goal || goal->mode == Mode::none))
    out +=
        " Senders may enforce an earlier policy" + (held.at ? " until " + held.words() : std::string()) + '.';
  const auto field = simulate_figures(world).field.breakage;
  if (plan.steps.empty() && field && field->at <= world.now)
    out +=
        " Senders that keep an earlier policy for longer than RFC 8461 has it reach no MX host now: those "
        "that look at the id fetch again at a new one.";
  const auto certificates = ending(task, world, plan);
  if (!certificates.empty())
    out += " Certificates that end before the plan does have to be renewed in time: " +
           text::joined(certificates) + '.';
  return out;
}

}  // namespace stswatch::planner
