// What the planner works on: the world without what can no longer matter, the MX sets before and after, the
// policy of the end, and how each policy's holders fare with each set. Private to the planner.
#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "checks/judge/senders/forecast.h"
#include "checks/judge/senders/plan.h"

namespace stswatch::planner {

using senders::Usable;

struct MxView {
  int preference = 0;
  std::string host;
  Usable state = Usable::no;  // by itself, whatever policies say
};
using MxSet = std::vector<MxView>;

/// How an enforcing sender fares that holds a policy with these patterns.
struct Fare {
  int certain = 0;
  int possible = 0;
  std::set<std::string> skipped;  // better hosts that it has to pass over for the first certain one
};
Fare fare(std::span<const std::string> patterns, const MxSet& set);

/// What its holders have at the start, and so must not lose.
struct Claim {
  bool certain = true;   // some host that certainly works
  bool possible = true;  // some host that may work
  bool best = true;      // the best MX host of the set
};

/// A plan keeps to all of it, or, where nothing else leads to the goal, lets hosts that were broken at the
/// start be skipped by files of its own.
enum class Care { full, lenient };

struct Task {
  World world;  // now-facts made consistent, entries without any bearing left out
  std::set<std::string> used_ids;
  std::vector<WorldMx> goal_mx;
  bool mx_changes = false;
  MxSet start;              // the MX set of now, as it is now
  bool takes_mail = false;  // some address of it answers, for senders without a policy
  MxSet before, after;      // the MX sets of now and of the goal, once everything is repaired
  bool retire = false;
  bool record_wanted = false;      // the goal has a policy and keeps the record
  std::optional<Policy> target;    // to be served in the end; null: the file stays as it is, or goes
  std::optional<Policy> restored;  // what was served last, fitted to the goal, where nothing is served now
  bool host_ended = false;         // the policy host's certificate is over
  bool id_of_another = false;      // the id of now was shown with an older file, which senders keep under it
  std::vector<std::string> repairs;
  std::set<std::string> inherent;           // hosts that the goal itself has senders skip
  std::optional<TimePoint> enforced_until;  // the end of the last enforce policy that is no longer served
  std::uint32_t ttl = 0;                    // of the _mta-sts record
  Care care = Care::full;

  const WorldPolicy* current() const;
  /// Policies that some address serves beside the current one, or instead of it.
  bool strays() const;
  /// A usable record announces an enforce policy at the start.
  const WorldPolicy* enforced_now() const;
  Claim claim_of(const WorldPolicy& policy) const;
  /// Holders of a policy with this claim lose by the goal's MX set.
  bool goal_hurts(std::span<const std::string> patterns, const Claim& claim) const;
  /// A file of the plan would hurt those who fetch it while this MX set is seen.
  bool file_hurts(const Policy& file, const MxSet& set, bool is_goal) const;
};

Task make_task(const World& world, const Goal& goal);

/// Mode, the set of mx, max_age.
bool same_content(const WorldPolicy& a, const Policy& b);
Policy content_of(const WorldPolicy& policy);
/// The file that serves the MX sets of before and after alike.
Policy widened(const Task& task, const Policy& target);

// One course of steps and its waits: each step is put as early as no cache that is left at that moment can be
// hurt by it, and each wait is counted from the step that began it, so that it holds however late that step
// is. Private to the planner.

struct Act {
  Deed deed = Deed::set_mx;
  std::optional<Policy> policy;  // serve_policy
};
using Script = std::vector<Act>;

struct Course {
  std::vector<PlanStep> steps;  // numbered from 1; no texts yet
  TimePoint done_at{};
};

/// Null where some step of the script could never be done safely. `host_ok`: the policy host can be fetched
/// from.
std::optional<Course> course_of(const Task& task, const Script& script, bool host_ok);

// The proof of a plan: it is carried out on paper, at its earliest times and late in every step, and the
// caches of every moment in between are simulated. Private to the planner.

/// Where and how the course would hurt, or empty: it does not.
std::string disprove(const Task& task, const Course& course, bool host_ok);

// Which steps: the few scripts that can lead from a world to a goal, and of those that are proven the one
// that is done soonest with the fewest steps. Private to the planner.

/// Null where no script is proven.
std::optional<Course> best_course(const Task& task, bool host_ok);

/// The policy served once all steps are done; null where none is.
std::optional<Policy> final_policy(const Task& task);

// What a plan says to people: why it is as it is, and what to do at each step. Private to the planner.

/// Fills in the text of every step.
void describe(const Task& task, Plan& plan);

/// Certificates that are good now and end before the plan does, and hosts that the goal has senders skip.
std::string remarks(const Task& task, const World& world, const Plan& plan);

}  // namespace stswatch::planner
