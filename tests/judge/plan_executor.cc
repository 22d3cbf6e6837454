#include "tests/judge/plan_executor.h"

#include <algorithm>
#include <map>

#include "checks/facts/policy.h"
#include "tests/judge/senders_world.h"

namespace stswatch::worlds {
namespace {

constexpr TimePoint kNever = TimePoint::max();

struct File {
  Policy policy;
  TimePoint first{}, last = kNever;
  bool of_plan = false;
};
struct Record {
  std::string id;
  TimePoint first{}, last = kNever;
  Seconds ttl{};
};
struct Set {
  std::vector<WorldMx> mx;
  TimePoint from{}, until = kNever;
  bool of_goal = false;
};

TimePoint add(TimePoint t, Seconds s) { return t == kNever ? kNever : t + s; }

struct Walked {
  int certain = 0, possible = 0;
  std::set<std::string> skipped;
};

/// A sender with this policy in front of this MX set; `repaired` hosts work.
Walked walk(const Policy& p, const std::vector<WorldMx>& mx, TimePoint now,
            const std::set<std::string>& repaired) {
  Walked out;
  std::map<int, std::vector<std::pair<std::string, int>>> by_preference;  // 0 no, 1 unknown, 2 yes
  for (const auto& m : mx) {
    const auto ok = repaired.contains(m.host) ? std::optional(true) : works(m, now);
    const int state = !matches_any(m.host, p.mx) ? 0 : !ok ? 1 : *ok ? 2 : 0;
    by_preference[m.preference].emplace_back(m.host, state);
    out.certain += state == 2;
    out.possible += state > 0;
  }
  if (out.certain == 0) return out;
  for (const auto& [preference, hosts] : by_preference) {
    if (std::ranges::any_of(hosts, [](const auto& h) { return h.second == 2; })) break;
    for (const auto& [host, state] : hosts)
      if (state == 0) out.skipped.insert(host);
  }
  return out;
}

/// The story of an execution: what was served, shown and delegated from when to when.
class Story {
 public:
  Story(const World& world, const Goal& goal, const Plan& plan, const Lateness& late);

  std::string tell() const;

 private:
  void begin(const World& world);
  void act(const PlanStep& step, TimePoint t);
  bool seen_still(const std::string& id, TimePoint t) const;
  const Record* shown(TimePoint t) const;
  bool fetchable(TimePoint t) const;
  bool in_effect(const File& file, TimePoint t) const;
  std::vector<TimePoint> moments() const;
  std::string look(TimePoint t) const;
  std::string hurt(const File& file, const Set& set, TimePoint t) const;
  std::set<std::string> repaired(TimePoint t) const;

  const World& world_;
  std::vector<File> files_;
  std::vector<Record> records_;
  std::vector<Set> sets_;
  std::map<std::string, TimePoint> repairs_;
  TimePoint host_from_;  // the policy host can be fetched from
  TimePoint done_;
  std::optional<Policy> start_enforced_;
  std::set<std::string> inherent_;
  std::optional<TimePoint> served_at_end_;
};

Story::Story(const World& world, const Goal& goal, const Plan& plan, const Lateness& late)
    : world_(world), done_(world.now) {
  begin(world);
  std::map<int, TimePoint> at{{0, world.now}};
  std::vector<std::pair<TimePoint, const PlanStep*>> order;
  for (const auto& step : plan.steps) {
    TimePoint t = world.now;
    for (const auto& wait : step.after)
      t = std::max(t, at[wait.step] + wait.seconds);
    t += late(step.n);
    at[step.n] = t;
    order.emplace_back(t, &step);
  }
  std::ranges::stable_sort(order, {}, [](const auto& o) { return o.first; });
  for (const auto& [t, step] : order) {
    act(*step, t);
    done_ = std::max(done_, t);
  }
  sets_.back().of_goal |= !goal.mx;
  // Whom the goal itself has senders skip: hosts that a holder of the last file passes over in the last set.
  if (!goal.retire && !files_.empty() && files_.back().last == kNever &&
      files_.back().policy.mode == Mode::enforce)
    inherent_ = walk(files_.back().policy, sets_.back().mx, world.now, repaired(kNever)).skipped;
}

void Story::begin(const World& world) {
  for (const auto& p : world.policies) {
    const bool open = p.last_ub >= world.now || p.name == world.current_policy;
    files_.push_back({{p.mode, p.mx, p.max_age, {}}, p.first, open ? kNever : p.last_ub, false});
    if (p.name == world.current_policy && world.current_id && p.mode == Mode::enforce)
      start_enforced_ = files_.back().policy;
  }
  // The current one last, so that it is the one that counts while no other is served.
  std::ranges::stable_partition(files_, [](const File& f) { return f.last != kNever; });
  for (std::size_t i = 0; i < world.policies.size(); ++i) {
    if (world.policies[i].name != world.current_policy) continue;
    const auto& p = world.policies[i];
    const auto it = std::ranges::find_if(files_, [&](const File& f) {
      return f.first == p.first && f.policy == Policy{p.mode, p.mx, p.max_age, {}};
    });
    std::rotate(it, it + 1, files_.end());
  }
  for (const auto& i : world.ids)
    records_.push_back({i.id, i.first, i.last_ub >= world.now ? kNever : i.last_ub, Seconds(i.ttl)});
  sets_.push_back({world.mx, TimePoint::min(), kNever, false});
  const bool ended = world.policy_host_not_after && *world.policy_host_not_after <= world.now;
  host_from_ = ended ? kNever : TimePoint::min();
}

void Story::act(const PlanStep& step, TimePoint t) {
  const auto end = [t](auto& all) {
    for (auto& one : all)
      if (one.last == kNever) one.last = t;
  };
  switch (step.deed) {
    case Deed::repair:
      if (step.host == "mta-sts." + world_.domain)
        host_from_ = t;
      else
        repairs_[step.host] = t;
      break;
    case Deed::serve_policy:
      end(files_);
      files_.push_back({*step.policy, t, kNever, true});
      break;
    case Deed::publish_id:
      end(records_);
      records_.push_back({step.id, t, kNever, Seconds(3600)});
      break;
    case Deed::set_mx:
      sets_.back().until = t;
      sets_.push_back({step.mx, t, kNever, true});
      break;
    case Deed::remove_record:
      end(records_);
      break;
    case Deed::remove_policy:
      end(files_);
      break;
  }
}

std::set<std::string> Story::repaired(TimePoint t) const {
  std::set<std::string> out;
  for (const auto& [host, at] : repairs_)
    if (at <= t) out.insert(host);
  return out;
}

/// Some resolver shows it at t, for the TTL after it was replaced too.
bool Story::seen_still(const std::string& id, TimePoint t) const {
  return std::ranges::any_of(records_, [&](const Record& r) {
    return r.id == id && r.first <= t && (r.last > t || t < add(r.last, r.ttl));
  });
}

const Record* Story::shown(TimePoint t) const {
  const Record* out = nullptr;
  for (const auto& r : records_)
    if (r.first <= t && r.last > t) out = &r;
  return out && (world_.current_id || out->first >= world_.now) ? out : nullptr;
}

bool Story::fetchable(TimePoint t) const {
  if (t < host_from_) return false;
  return std::ranges::any_of(files_, [&](const File& f) {
    return f.first <= t && f.last > t && (f.of_plan || world_.current_policy);
  });
}

/// Some enforcing sender applies the file at t.
bool Story::in_effect(const File& file, TimePoint t) const {
  if (file.first > t) return false;
  const Record* now_shown = shown(t);
  // No cache: the record is there and the file is served.
  if (now_shown && file.last > t) return true;
  for (const auto& r : records_) {
    if (r.first > t) continue;
    const bool both_open = r.last > t && file.last > t;
    const TimePoint end = std::min({r.last > t ? t : add(r.last, r.ttl), file.last > t ? t : file.last});
    if (std::max(r.first, file.first) > end) continue;
    const bool seen = seen_still(r.id, t);
    if (seen) return true;  // class X extends; others cannot know better
    const bool refreshes = now_shown && now_shown->id != r.id && fetchable(t);
    const Seconds life{static_cast<Seconds::rep>(file.policy.max_age)};
    if (!refreshes && (both_open || t < end + life)) return true;
    if (t < std::min(end, t) + std::min(life, kMonth)) return true;  // class N
  }
  return false;
}

std::vector<TimePoint> Story::moments() const {
  std::set<TimePoint> all{world_.now, world_.now + 1s};
  const auto around = [&](TimePoint t) {
    if (t == kNever) return;
    for (const Seconds by : {-1s, 0s, 1s})
      if (t + by >= world_.now) all.insert(t + by);
  };
  for (const auto& f : files_) {
    around(f.first);
    around(f.last);
    for (const auto& r : records_) {
      const TimePoint end = std::min(add(r.last, r.ttl), f.last);
      const Seconds life{static_cast<Seconds::rep>(f.policy.max_age)};
      around(add(end, life));
      around(add(end, std::min(life, kMonth)));
    }
  }
  for (const auto& r : records_) {
    around(r.first);
    around(r.last);
    around(add(r.last, r.ttl));
  }
  for (const auto& s : sets_) {
    if (s.from > TimePoint::min()) around(s.from);
    around(s.until);
    around(add(s.until, Seconds(world_.mx_ttl)));
  }
  for (const auto& [host, at] : repairs_)
    around(at);
  return {all.begin(), all.end()};
}

/// What holders of the file lose with that set, compared with the start.
std::string Story::hurt(const File& file, const Set& set, TimePoint t) const {
  if (set.mx.empty()) return {};
  const auto then = walk(file.policy, set.mx, world_.now, repaired(t));
  // Files of the plan are compared with the policy in effect at the start, if there was one.
  const Policy& as = file.of_plan && start_enforced_ ? *start_enforced_ : file.policy;
  const auto start = walk(as, world_.mx, world_.now, {});
  // Where none was in effect, mail went to whatever host there was.
  const bool unprotected = file.of_plan && !start_enforced_;
  const bool taken = std::ranges::any_of(world_.mx, [](const WorldMx& mx) {
    return std::ranges::any_of(mx.addresses, [](const WorldAddress& at) { return at.reachable == true; });
  });
  const auto any =
      walk({Mode::enforce, {"*.example.com", "*.new.example"}, 0, {}}, world_.mx, world_.now, {});
  const bool in_the_end = file.of_plan && t > done_ && set.until == kNever;
  const bool had_certain = (unprotected ? taken || any.certain > 0 : start.certain > 0) || in_the_end;
  const bool had_possible = (unprotected ? taken || any.possible > 0 : start.possible > 0) || in_the_end;
  if (had_certain && then.certain == 0) return "no host that works";
  if (had_possible && then.possible == 0) return "no host that may work";
  if (start.certain == 0 || !start.skipped.empty()) return {};
  for (const auto& host : then.skipped)
    if (!inherent_.contains(host)) return "has to skip " + host;
  return {};
}

std::string Story::look(TimePoint t) const {
  for (const auto& file : files_) {
    if (file.policy.mode != Mode::enforce) continue;
    for (const auto& set : sets_) {
      const bool in_view = set.from <= t && (set.until > t || t < add(set.until, Seconds(world_.mx_ttl)));
      // A policy of the start in front of the set of the start is as it was.
      if (!in_view || (!file.of_plan && set.from == TimePoint::min())) continue;
      const std::string what = hurt(file, set, t);
      if (what.empty() || !in_effect(file, t)) continue;
      std::string patterns;
      for (const auto& p : file.policy.mx)
        patterns += ' ' + p;
      return to_utc(t) + ": holders of" + patterns + (file.of_plan ? " (of the plan): " : ": ") + what;
    }
  }
  return {};
}

std::string Story::tell() const {
  for (const TimePoint t : moments())
    if (auto what = look(t); !what.empty()) return what;
  return {};
}

}  // namespace

std::optional<bool> works(const WorldMx& mx, TimePoint now) {
  bool unseen = false;
  for (const auto& a : mx.addresses) {
    unseen |= !a.reachable.has_value();
    const bool dated = (!a.not_after || now < *a.not_after) && (!a.not_before || *a.not_before - 5min <= now);
    if (a.reachable.value_or(false) && a.starttls && a.trusted && dated && matches_any(mx.host, a.dns_names))
      return true;
  }
  return unseen ? std::nullopt : std::optional(false);
}

std::string carry_out(const World& world, const Goal& goal, const Plan& plan, const Lateness& late) {
  return Story(world, goal, plan, late).tell();
}

}  // namespace stswatch::worlds
