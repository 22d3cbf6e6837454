// A plan: the steps from a world to a goal, those of a change of keys, and how far one that is followed has
// come. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "checks/facts/certificate.h"
#include "checks/facts/policy.h"
#include "checks/facts/text.h"
#include "checks/judge/catalogue/finding.h"
#include "checks/judge/senders/simulation.h"
#include "checks/judge/verdict.h"

namespace stswatch {

// The planner: the steps that lead from a domain as it is to what its owner wants, in an order and with waits
// under which no enforcing sender of either level loses its last usable MX host or has to skip a better one,
// however late each step is done (RFC 8461 §8.1 to §8.3). Pure; a plan is a value.

struct GoalPolicy {
  Mode mode = Mode::none;
  std::optional<std::vector<std::string>> mx;  // null: the goal's MX hosts by name
  std::uint64_t max_age = 0;
};

/// What is null stays as it is; a policy that would then not list every goal host follows.
struct Goal {
  std::optional<std::vector<WorldMx>> mx;
  std::optional<GoalPolicy> policy;
  bool retire = false;  // in the end neither record nor file (RFC 8461 §8.3)
};

enum class Deed { repair, serve_policy, publish_id, set_mx, remove_record, remove_policy };
std::string_view to_string(Deed deed);
std::optional<Deed> parse_deed(std::string_view text);

/// This long after that step; step 0 is the moment of the plan.
struct Wait {
  int step = 0;
  Seconds seconds{};
  bool operator==(const Wait&) const = default;
};

struct PlanStep {
  int n = 0;
  Deed deed = Deed::repair;
  std::vector<Wait> after;
  TimePoint not_before{};        // if every step is done as early as it may be
  std::optional<Policy> policy;  // serve_policy: at every address of the policy host
  std::string id;                // publish_id
  std::vector<WorldMx> mx;       // set_mx: the whole MX set
  std::string host;              // repair: an MX host or the policy host
  std::string text;              // for people
};

enum class PlanVerdict { safe, unsafe, unknown };
std::string_view to_string(PlanVerdict verdict);

struct Plan {
  PlanVerdict verdict = PlanVerdict::unknown;
  std::string why;
  std::vector<PlanStep> steps;
  TimePoint done_at{};
};

/// Certificates that are good at world.now count as renewed in time; the texts name those that end before the
/// plan does.
Plan make_plan(const World& world, const Goal& goal);

// A new key for an MX host that has TLSA records: what to publish, how long to wait, when the key may change,
// what to remove last (RFC 7671 §8.1, RFC 7672 §4). Whatever records a sender holds in its cache vouch for
// the key in use at every moment, however late each step is done. Pure.

struct KeyChange {
  std::string host;
  std::vector<TlsaRecord> records{};   // at _25._tcp.HOST now
  std::vector<TlsaRecord> vouching{};  // those of them that vouch for what every address shows now
  TlsaRecord next{};                   // of the key that is to come
  std::uint32_t ttl = 0;               // of the records
  TimePoint now{};
  std::optional<TimePoint> published{};  // `next` stands there since then at the latest
};

enum class TlsaDeed { publish_tlsa, change_key, remove_tlsa };
std::string_view to_string(TlsaDeed deed);

struct TlsaStep {
  int n = 0;
  TlsaDeed deed = TlsaDeed::publish_tlsa;
  Seconds after{0};                   // since the step before; of the first: since now
  TimePoint not_before{};             // if every step is done as early as it may be
  std::vector<TlsaRecord> records{};  // all that stand there from then on
  std::string text;                   // for people
};

/// The error says what has to be mended or published before a key can change.
tl::expected<std::vector<TlsaStep>, std::string> plan_key_change(const KeyChange& change);

// A plan that is being carried out: which of its steps have been seen done, whether each was late enough, and
// from when the next is safe. Pure; the service keeps the value and brings what looks have confirmed.

/// What a plan can move, as looks have confirmed it.
struct PlanSight {
  TimePoint at{};
  std::optional<std::string> id;              // of a usable record
  bool record_absent = false;                 // proven
  std::vector<Policy> policies{};             // distinct ones over the addresses of the policy host
  bool every_copy = false;                    // each address serves one of them
  bool policy_absent = false;                 // proven
  std::optional<std::set<std::string>> mx{};  // the hosts; null: not seen
  std::map<std::string, bool> usable{};  // hosts that were seen, and whether enforcing senders can use them
};

/// Done after the one time, seen by the other: between the two nobody looked.
struct StepDone {
  TimePoint from{}, seen{};
  bool operator==(const StepDone&) const = default;
};

struct FollowedPlan {
  Plan plan;
  TimePoint since{};  // step 0
  // How far it has come.
  std::vector<std::optional<StepDone>> done{};  // of each step
  std::optional<PlanSight> start{};             // of the first look after it was made
  std::string id{};                             // the newest that a step or the start showed
  TimePoint looked{};                           // the newest look

  /// Null: step `i`, counted from 0, has not been seen done.
  const StepDone* done_at(std::size_t i) const { return i < done.size() && done[i] ? &*done[i] : nullptr; }
  bool complete() const;
};

/// The plan after this look. A step is done once the look shows what it asks for; any new id will do.
FollowedPlan follow(FollowedPlan plan, const PlanSight& seen);

/// What is seen belongs to the plan: the state that it began with, or one that its steps lead to.
bool belongs(const FollowedPlan& plan, const PlanSight& seen);

/// The first step that is not done, and from when it is safe; counted from when its forerunners were seen
/// done.
struct NextStep {
  const PlanStep* step = nullptr;
  std::optional<TimePoint> safe_from;  // null: an earlier step of which it waits is not done
};
std::optional<NextStep> next_step(const FollowedPlan& plan);

/// It turns testing into enforce: better not before the domain is ready for that (RULES 3.3).
bool turns_on_enforce(const FollowedPlan& plan, const PlanStep& step);

/// By step: when it was seen done, or from when it is safe if all is done as early as it may be, not before
/// `now`.
std::vector<TimePoint> course_from(const FollowedPlan& plan, TimePoint now);

/// A step that was surely done before its time.
struct EarlyStep {
  const PlanStep* step = nullptr;
  const PlanStep* missing = nullptr;  // it waits for this one, which is not done
  TimePoint seen{};
  std::optional<TimePoint>
      safe_from;  // from then on no cache is left that it hurts; null: not before `missing`
};
std::vector<EarlyStep> early_steps(const FollowedPlan& plan, TimePoint now);

// A plan that is followed, held against what was seen: what may be done next, what was done too early. Pure.

struct Case;

/// `verdict`: of the domain, by the look that the plan was held against.
std::vector<Finding> judge_plan(const Verdict& verdict, const FollowedPlan& plan);

/// When the next step became safe, for the finding that tells it; null for the others.
std::optional<TimePoint> happened_at(const Finding& finding, const FollowedPlan& plan);

/// What a plan can move, of a case on confirmed facts.
PlanSight sight_of_plan(const Case& c);

}  // namespace stswatch
