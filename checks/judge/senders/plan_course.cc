#include "checks/judge/senders/plan_task.h"

#include <algorithm>
#include <map>

#include "checks/facts/bounds.h"
#include "checks/judge/catalogue/finding.h"
#include "checks/judge/senders/forecast.h"

namespace stswatch::planner {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kSlowRefresh = 30UL * 86400;  // RULES 4.3 class N
constexpr Seconds kSlack = bounds::kClockTolerance;   // caches end by other machines' clocks
constexpr Seconds kFileFirst = 5min;                  // RFC 8461 §8.2: HTTP caches; never in the same second

/// That long after a step, or after now (step 0).
using Edge = Wait;

class Walk {
 public:
  Walk(const Task& task, bool host_ok);

  bool act(const Act& act);
  Course course() &&;

 private:
  struct Served {
    WorldPolicy policy;
    int begun = 0;
    std::optional<Edge> ended;
    Claim claim;
  };
  struct Shown {
    WorldId id;
    int begun = 0;
    std::optional<Edge> ended;
  };
  using Edges = std::vector<Edge>;

  int next() const { return static_cast<int>(steps_.size()) + 1; }
  TimePoint time(const Edge& edge) const { return at_[static_cast<std::size_t>(edge.step)] + edge.seconds; }
  bool could_meet(const Shown& id, const Served& policy) const;
  bool extended_until(const std::string& id, Edges& out) const;
  bool held_until(const Served& policy, Seconds span, Edges& out) const;
  bool all_enforcement_over(Edges& out) const;
  bool file_fits(const Policy& file, Edges& out) const;
  void commit(PlanStep step, const Edges& waits, Wait least = {});
  bool implied(const Wait& wait, const Edges& others) const;

  bool serve(const Policy& policy);
  bool publish();
  bool set_mx();
  bool remove_record();
  bool remove_policy();

  const Task& task_;
  bool host_ok_;
  std::vector<Served> policies_;
  std::vector<Shown> ids_;
  std::optional<Policy> file_;  // served now
  bool announced_ = false;      // a usable record is there
  int served_at_ = 0, moved_at_ = 0, unannounced_at_ = 0;
  std::vector<TimePoint> at_;  // by step, 0 is now
  std::vector<PlanStep> steps_;
  std::set<std::string> used_ids_;
};

Walk::Walk(const Task& task, bool host_ok)
    : task_(task),
      host_ok_(host_ok),
      announced_(task.world.current_id.has_value()),
      at_{task.world.now},
      used_ids_(task.used_ids) {
  const TimePoint now = task.world.now;
  const auto ended = [now](TimePoint last) {
    return last < now ? std::optional(Edge{0, last - now}) : std::nullopt;
  };
  for (const auto& p : task.world.policies)
    policies_.push_back({p, 0, ended(p.last_ub), task.claim_of(p)});
  for (const auto& i : task.world.ids)
    ids_.push_back({i, 0, ended(i.last_ub)});
  if (const WorldPolicy* now_served = task.current()) file_ = content_of(*now_served);
}

/// Some sender may store them together (RULES 4.3).
bool Walk::could_meet(const Shown& id, const Served& policy) const {
  if (id.begun == 0 && policy.begun == 0) {
    const TimePoint end = std::min(senders::later(id.id.last_ub, id.id.ttl), policy.policy.last_ub);
    return std::max(id.id.first, policy.policy.first) <= end;
  }
  if (policy.ended && id.begun > policy.ended->step) return false;
  // A resolver shows a replaced record for its TTL, and a late step gives no hold on when that is over.
  if (id.ended && policy.begun > id.ended->step)
    return id.ended->step > 0 || id.ended->seconds + Seconds(id.id.ttl) > 0s;
  return true;
}

/// Senders that extend their copy while they see its id do so until no resolver shows it. False: for ever.
bool Walk::extended_until(const std::string& id, Edges& out) const {
  for (const auto& shown : ids_) {
    if (shown.id.id != id) continue;
    if (!shown.ended) return false;
    out.push_back({shown.ended->step, shown.ended->seconds + Seconds(shown.id.ttl)});
  }
  return true;
}

/// When the last sender of either level has let go of the policy, if a copy is kept for `span`. False: never.
bool Walk::held_until(const Served& policy, Seconds span, Edges& out) const {
  for (const auto& id : ids_) {
    if (!could_meet(id, policy)) continue;
    if (!extended_until(id.id.id, out)) return false;
    // The window of the pair ends with the earlier of the two.
    Edge end{id.ended->step, id.ended->seconds + Seconds(id.id.ttl)};
    if (policy.ended && time(*policy.ended) < time(end)) end = *policy.ended;
    out.push_back({end.step, end.seconds + span});
  }
  return true;
}

/// RFC 8461 §8.3: by the full max_age since it was last served, whether its holders can refresh or not.
bool Walk::all_enforcement_over(Edges& out) const {
  if (task_.enforced_until) out.push_back({0, *task_.enforced_until - task_.world.now});
  for (const auto& policy : policies_) {
    if (policy.policy.mode != Mode::enforce) continue;
    if (!policy.ended || !held_until(policy, 0s, out)) return false;
    out.push_back({policy.ended->step, policy.ended->seconds + Seconds(policy.policy.max_age)});
  }
  return true;
}

/// The file harms nobody who fetches it from now on, if need be once no resolver shows the former MX set.
bool Walk::file_fits(const Policy& file, Edges& out) const {
  if (moved_at_ == 0) return !task_.file_hurts(file, task_.before, false);
  if (task_.file_hurts(file, task_.after, true)) return false;
  if (task_.file_hurts(file, task_.before, false)) out.push_back({moved_at_, Seconds(task_.world.mx_ttl)});
  return true;
}

bool Walk::serve(const Policy& policy) {
  Edges waits;
  if (!host_ok_ || !file_fits(policy, waits)) return false;
  const int step = next();
  for (auto& p : policies_)
    if (!p.ended) p.ended = Edge{step, 0s};
  policies_.push_back({{"", policy.mode, policy.mx, policy.max_age, {}, {}}, step, {}, {}});
  file_ = policy;
  served_at_ = step;
  PlanStep out;
  out.deed = Deed::serve_policy;
  out.policy = policy;
  commit(std::move(out), waits);
  return true;
}

bool Walk::publish() {
  Edges waits;
  if (!host_ok_ || !file_ || (!announced_ && !file_fits(*file_, waits))) return false;
  const int step = next();
  for (auto& i : ids_)
    if (!i.ended) i.ended = Edge{step, 0s};
  PlanStep out;
  out.deed = Deed::publish_id;
  commit(std::move(out), waits, {served_at_, served_at_ > 0 ? kFileFirst : 0s});
  TimePoint stamp = steps_.back().not_before;
  while (used_ids_.contains(fresh_id(stamp)))
    stamp += 1s;
  steps_.back().id = fresh_id(stamp);
  used_ids_.insert(steps_.back().id);
  ids_.push_back({{steps_.back().id, {}, {}, task_.ttl}, step, {}});
  announced_ = true;
  return true;
}

bool Walk::set_mx() {
  Edges waits;
  const bool refresh = host_ok_ && file_ && announced_;
  for (const auto& p : policies_) {
    if (p.policy.mode != Mode::enforce) continue;
    const bool hurt = p.begun > 0 ? task_.file_hurts(content_of(p.policy), task_.after, true)
                                  : task_.goal_hurts(p.policy.mx, p.claim);
    if (!hurt) continue;
    const std::uint64_t span = refresh ? std::min(p.policy.max_age, kSlowRefresh) : p.policy.max_age;
    if (!held_until(p, Seconds(span), waits)) return false;
  }
  moved_at_ = next();
  PlanStep out;
  out.deed = Deed::set_mx;
  out.mx = task_.goal_mx;
  commit(std::move(out), waits);
  return true;
}

bool Walk::remove_record() {
  Edges waits;
  if (!all_enforcement_over(waits)) return false;
  const int step = next();
  for (auto& i : ids_)
    if (!i.ended) i.ended = Edge{step, 0s};
  announced_ = false;
  unannounced_at_ = step;
  PlanStep out;
  out.deed = Deed::remove_record;
  commit(std::move(out), waits);
  return true;
}

bool Walk::remove_policy() {
  Edges waits;
  if (unannounced_at_ > 0) waits.push_back({unannounced_at_, Seconds(task_.ttl)});
  if (unannounced_at_ == 0 && !all_enforcement_over(waits)) return false;
  for (auto& p : policies_)
    if (!p.ended) p.ended = Edge{next(), 0s};
  file_.reset();
  PlanStep out;
  out.deed = Deed::remove_policy;
  commit(std::move(out), waits);
  return true;
}

/// Already so because of the other waits, whatever is late.
bool Walk::implied(const Wait& wait, const Edges& others) const {
  std::map<int, Seconds> least{{wait.step, 0s}};
  const auto reach = [&](const Edges& edges) {
    std::optional<Seconds> best;
    for (const auto& e : edges)
      if (const auto from = least.find(e.step); from != least.end())
        best = std::max(best.value_or(from->second + e.seconds), from->second + e.seconds);
    return best;
  };
  for (const auto& step : steps_)
    if (step.n > wait.step)
      if (const auto best = reach(step.after)) least[step.n] = *best;
  Edges rest = others;
  std::erase(rest, wait);
  const auto best = reach(rest);
  return best && *best >= wait.seconds;
}

/// Steps are done one after the other, each at least as long after the others as the edges say, and `least`.
void Walk::commit(PlanStep step, const Edges& edges, Wait least) {
  step.n = next();
  std::map<int, Seconds> waits{{step.n - 1, 0s}};
  waits[least.step] = std::max(waits[least.step], least.seconds);
  for (const auto& e : edges) {
    if (e.seconds <= 0s) continue;
    waits[e.step] = std::max(waits[e.step], e.seconds + kSlack);
  }
  Edges all;
  for (const auto& [of, seconds] : waits)
    all.push_back({of, seconds});
  for (std::size_t i = 0; i < all.size() && all.size() > 1;) {
    if (implied(all[i], all))
      all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
    else
      ++i;
  }
  step.after = all;
  step.not_before = task_.world.now;
  for (const auto& wait : all)
    step.not_before = std::max(step.not_before, time(wait));
  at_.push_back(step.not_before);
  steps_.push_back(std::move(step));
}

bool Walk::act(const Act& act) {
  switch (act.deed) {
    case Deed::serve_policy:
      return serve(*act.policy);
    case Deed::publish_id:
      return publish();
    case Deed::set_mx:
      return set_mx();
    case Deed::remove_record:
      return remove_record();
    case Deed::remove_policy:
      return remove_policy();
    case Deed::repair:
      break;
  }
  return false;
}

Course Walk::course() && {
  const TimePoint done = steps_.empty() ? task_.world.now : steps_.back().not_before;
  return {std::move(steps_), done};
}

}  // namespace

std::optional<Course> course_of(const Task& task, const Script& script, bool host_ok) {
  Walk walk(task, host_ok);
  for (const auto& act : script)
    if (!walk.act(act)) return std::nullopt;
  return std::move(walk).course();
}

}  // namespace stswatch::planner
