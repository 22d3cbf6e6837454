// What the agent knows of its subjects between looks: what repetition has proved, findings over time, and the
// records of both.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checks/facts/observation.h"
#include "checks/judge/catalogue/finding.h"
#include "checks/judge/claims.h"
#include "checks/judge/verdict.h"

namespace stswatch {

// What repetition has proved (RULES 5.3): a fact that turns bad and could be transient waits for more looks
// that say the same; facts that cannot be transient (texts, dates) are taken at once. Good news never waits,
// and what was never there has not turned bad.

struct ConfirmRules {
  int confirmations = 3;  // bad looks in a row for lookups and connections; one fewer for other faults
  /// When the policy was last asked for before: what is held from then says so.
  std::optional<TimePoint> fetched_before{};
};

/// One part that turned bad: a name asked, or an address of a host.
struct Debounce {
  int looks = 0;  // in a row
  TimePoint since{};
  bool operator==(const Debounce&) const = default;
};

using Debounces = std::map<std::string, Debounce>;  // by "sts", "mx", ... or address

/// How long until the look that may settle the newest of these doubts: `soon`, and ever longer while no look
/// settles it, since nobody answers this vantage. At most `routine`, which it is without a doubt.
Seconds settle_in(const Debounces& debounces, TimePoint now, Seconds soon, Seconds routine);

/// A second probe met a fault, and another shall say whether it lasts.
bool doubts_second_probe(const Debounces& debounces);

/// `before`: what was confirmed before, null at the first look. `seen`: this look alone, so that unknown
/// parts keep what was confirmed. `fetched`: this look asked for the policy. Doubts move with each look.
DomainObservation confirm(const DomainObservation* before, const DomainObservation& seen, bool fetched,
                          Debounces& debounces, const Vantage& vantage, const ConfirmRules& rules);
MxHostObservation confirm(const MxHostObservation* before, const MxHostObservation& seen,
                          Debounces& debounces, const Vantage& vantage, const ConfirmRules& rules);

/// Unknown never changes what is known (RULES 0.3): the new look laid over the old one at face value, part by
/// part. Silence may be our own: it is known once it is `confirmed`. `known` and `confirmed` may be null.
DomainObservation merge_seen(const DomainObservation* known, const DomainObservation& seen, bool fetched,
                             const Vantage& vantage, const DomainObservation* confirmed = nullptr,
                             std::optional<TimePoint> fetched_before = std::nullopt);
MxHostObservation merge_seen(const MxHostObservation* known, const MxHostObservation& seen,
                             const Vantage& vantage, const MxHostObservation* confirmed = nullptr);

// A finding over time: it opens when its confirmed facts show it, and closes after good looks; what could
// not be seen changes nothing (RULES 5.3). Pure step functions; the store keeps what they return.

struct Incident {
  Finding finding;  // as last seen: severity, route and detail move with it
  TimePoint opened{};
  TimePoint last_bad{};
  std::optional<TimePoint> closed{};
  int good_looks = 0;                     // in a row, since the last bad one
  int bad_looks = 0;                      // that saw it anew since it opened, the one that opened it included
  std::vector<TimePoint> changes{};       // openings and closings of the last 24 h
  std::optional<TimePoint> good_since{};  // the first of `good_looks`
  std::optional<TimePoint> held_since{};  // enough of them, and it has changed so often that it stays open
  std::optional<TimePoint> eased{};       // when its severity last fell
  std::optional<TimePoint> swung{};       // it rose again after that: when it was last seen so severe
  bool operator==(const Incident&) const = default;

  bool open() const { return !closed; }
};

/// What a step made of an incident; told once, in this order.
struct Transition {
  enum class Kind { opened, worse, better, closed };
  Kind kind = Kind::opened;
  Incident incident;
  bool operator==(const Transition&) const = default;
};

std::string_view to_string(Transition::Kind kind);

/// How much a look has to show before a finding closes, and when it counts as flapping.
struct Patience {
  int good_looks = 2;
  int flapping_changes = 4;          // within 24 h
  Seconds flapping_quiet{6 * 3600};  // held open until quiet for so long
};

struct IncidentStep {
  std::vector<Incident> incidents;  // open ones, and those closed within the last 7 days
  std::vector<Transition> transitions;
};

/// When what a finding tells of happened, where it tells of an event.
using HappenedAt = std::function<std::optional<TimePoint>(const Finding&)>;

/// Another finding names from now on what this one told.
using Replaced = std::function<bool(const Finding&)>;

/// `found`: the findings of the confirmed facts. `seen_anew`: whether this look saw, with its own eyes, what
/// the finding rests on; where it did not, an absent finding is neither good nor bad. An event that happens
/// again while its finding is still open is told again; what is replaced is over at once.
IncidentStep step(std::vector<Incident> was, const std::vector<Finding>& found,
                  const std::function<bool(const Finding&)>& seen_anew, TimePoint now,
                  const Patience& patience = {}, const HappenedAt& happened_at = {},
                  const Replaced& replaced = {});

/// It has changed so often that it is held open until it has been quiet (RULES 5.3).
bool flapping(const Incident& incident, TimePoint now, const Patience& patience = {});

/// The open ones as findings, in the order of sorted().
std::vector<Finding> open_findings(const std::vector<Incident>& incidents);

// What the agent knows of its subjects between looks: the one place that remembers. Records are immutable
// values; a new one replaces the old, so readers never wait for writers.

/// The parts of a domain that are looked at by themselves (metric label "what").
enum class Part { sts_record, policy, mx, tlsrpt_record };
inline constexpr std::array kParts{Part::sts_record, Part::policy, Part::mx, Part::tlsrpt_record};
std::string_view to_string(Part part);

struct DomainMemory {
  DomainMemory(std::shared_ptr<const DomainObservation> k, Verdict v)
      : known(std::move(k)), confirmed(known), verdict(std::move(v)) {}

  // Facts. The newest of each part; a part that a look could not see keeps its last known value.
  std::shared_ptr<const DomainObservation> known;      // at face value: what metrics and pages show
  std::shared_ptr<const DomainObservation> confirmed;  // what findings and history are made of; never null
  Debounces debounces;
  Past past;
  std::vector<Incident> incidents;

  // Of `known`, its findings the open ones of `incidents`. Not stored: judged again after a restart.
  Verdict verdict;

  std::map<Part, LookTimes> times;
  std::optional<TimePoint> policy_fetched;       // the last time any address was asked for the policy
  std::optional<TimePoint> policy_last_success;  // the last good fetch of a valid policy
};

struct MxMemory {
  std::shared_ptr<const MxHostObservation> known;      // merged per address, as above; never null
  std::shared_ptr<const MxHostObservation> confirmed;  // never null
  Debounces debounces;
  std::shared_ptr<const HostPast> past = std::make_shared<HostPast>();
  std::vector<Attempt> attempts{};  // those of `past`, as the store keeps them
  TlsaPast tlsa{};                  // so too
  LookTimes times;
};

class Memory {
 public:
  virtual ~Memory() = default;
  virtual std::shared_ptr<const DomainMemory> domain(const Domain& name) const = 0;  // null: never looked at
  virtual std::shared_ptr<const MxMemory> mx(const std::string& host) const = 0;
  /// `look` is this look by itself, as it was seen; null when the subject was only judged again.
  /// The transitions belong to the record: both are kept, or neither.
  virtual void remember(std::shared_ptr<const DomainMemory> record,
                        std::shared_ptr<const DomainObservation> look,
                        const std::vector<Transition>& transitions) = 0;
  virtual void remember(std::shared_ptr<const MxMemory> record,
                        std::shared_ptr<const MxHostObservation> look) = 0;
};

/// Memory that ends with the process. Thread-safe.
std::unique_ptr<Memory> make_ram_memory();

/// What many subjects show alike is in memory once: the chains of those certificates, and what is said of a
/// host's addresses to each domain that uses it.
void share_parts(DomainObservation& look);
void share_parts(MxHostObservation& look);
void share_parts(Verdict& verdict);

/// For work on many subjects that know nothing of each other: each number below `count` once, on as many
/// threads as can run at once. `work` must not throw.
void side_by_side(std::size_t count, const std::function<void(std::size_t)>& work);

/// What is remembered of an MX host; null of one that is not known.
using MxMemories = std::function<std::shared_ptr<const MxMemory>(const std::string& host)>;

/// When the fault began, as far as the facts tell: no later than it was seen. Pure.
TimePoint began(const Incident& incident, const DomainMemory& record, const MxMemories& hosts, TimePoint now);

}  // namespace stswatch
