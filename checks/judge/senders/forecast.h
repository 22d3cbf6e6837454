// What senders may hold (caches), and what follows for mail and protection (forecast). Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "checks/judge/case.h"
#include "checks/judge/rules/readings.h"
#include "checks/judge/senders/simulation.h"

// What senders may hold (RULES 4.3): the pairs of an id and a policy that could be seen at one moment, and
// from when to when each policy is in effect because of them. Private to the sender simulation.

// Which MX hosts are usable under which policy, and until when (RULES 4.2). Private to the sender simulation.

namespace stswatch::senders {

/// One MX host at one moment, as an enforcing sender finds it.
enum class Usable { no, unknown, yes };

struct Count {
  int certain = 0;
  int possible = 0;
};

class Hosts {
 public:
  explicit Hosts(const World& world);

  std::size_t size() const { return world_.mx.size(); }
  bool listed(std::size_t policy, std::size_t host) const { return listed_[policy * size() + host]; }
  bool lists_any(std::size_t policy) const;
  /// Policies that list the same hosts are of one kind.
  std::size_t kind(std::size_t policy) const { return kind_[policy]; }
  std::size_t kinds() const { return kinds_; }
  /// The host by itself: some address passes RFC 8461 §4.2.
  Usable by_itself(std::size_t host, TimePoint t) const;
  /// All of them, each by itself.
  std::vector<Usable> at(TimePoint t) const;
  Count count(std::size_t policy, const std::vector<Usable>& at) const;
  /// Nothing but the dates of its certificate can make this address unusable.
  bool sound(std::size_t host, std::size_t address) const { return hosts_[host].addresses[address].sound; }
  /// Hosts by index, best preference first, as listed where equal.
  const std::vector<std::size_t>& order() const { return order_; }
  void add_events(std::vector<TimePoint>& events) const;

 private:
  struct Span {
    bool sound = false;  // reachable, STARTTLS, trusted, named: only the dates are left to hold
    TimePoint from = TimePoint::min();
    TimePoint until = TimePoint::max();
  };
  struct Host {
    bool maybe = false;  // some address is unknown
    std::vector<Span> addresses;
  };
  static Host read(const WorldMx& mx);
  std::vector<bool> listed_by(const WorldPolicy& policy) const;

  const World& world_;
  std::vector<Host> hosts_;
  std::vector<bool> listed_;  // policy by host
  std::vector<std::size_t> kind_;
  std::size_t kinds_ = 0;
  std::vector<std::size_t> order_;
};

}  // namespace stswatch::senders

namespace stswatch::senders {

/// TimePoint::max() stands for "open": no end is foreseen.
inline constexpr TimePoint kOpen = TimePoint::max();

/// A policy stored together with the id that was shown at the same moment.
struct Pair {
  std::size_t id = 0;      // index into World::ids
  std::size_t policy = 0;  // index into World::policies
  TimePoint window_end{};  // the last moment at which a sender could fetch it
  TimePoint live_until{};  // kOpen: both are still there
};

enum class Level { rfc, field };

/// When one policy is in effect on account of the pairs that hold it: three ends say it all, since a pair of
/// the current id always binds, and any other binds exactly while the current policy cannot be fetched.
struct Hold {
  TimePoint binding_until = TimePoint::min();      // while no other id is shown, whatever can be fetched
  TimePoint unfetchable_until = TimePoint::min();  // while nothing can be fetched
  TimePoint slow_until = TimePoint::min();  // level field: senders that refresh only near the end (class N)
  bool renewed = false;                     // level field: senders that extend under the same id (class X)
};

class Caches {
 public:
  explicit Caches(const World& world);

  /// Of each policy that somebody may hold: its longest copy under the id that is shown now, and its longest
  /// under another. What holds of all copies holds of these; a domain that is restless has very many.
  const std::vector<Pair>& longest() const { return longest_; }
  /// Every one of them, by policy.
  std::vector<Pair> pairs() const;
  /// Of the policy served now, if anything can be fetched and parsed.
  std::optional<std::size_t> current() const { return current_; }
  /// A usable record announces the policy served now: it is in effect for everyone without a cache.
  bool announced() const { return current_ && world_.current_id; }
  /// The policy host answers a sender that asks at t.
  bool fetchable(TimePoint t) const { return current_ && t < host_until_; }
  bool refreshable(const Pair& pair, TimePoint t) const;
  bool in_effect(std::size_t policy, TimePoint t, Level level) const;
  /// Every later moment at which in_effect() can change.
  void add_events(std::vector<TimePoint>& events, Level level) const;
  TimePoint host_until() const { return host_until_; }

 private:
  void hold(const Pair& pair);
  bool shown(const Pair& pair) const { return shown_[pair.id]; }

  const World& world_;
  std::optional<std::size_t> current_;
  TimePoint host_until_ = kOpen;
  std::vector<bool> shown_;  // by id: it is the one that is shown now
  std::vector<Pair> longest_;
  std::vector<Hold> holds_;  // one per policy
};

/// t + span, open if that is beyond what a clock can say.
TimePoint later(TimePoint t, std::uint64_t span);

}  // namespace stswatch::senders

namespace stswatch {

// What comes (RULES 4.6, group I): the world of the sender simulation as one look or a memory knows it, and
// the forecast and the findings that follow from its result. Pure.

/// The windows of the memory (RULES 4.1), the policies named P1, P2, ... as long as it lasts. Without memory:
/// the policies in effect, all served at this moment under the one id that is shown. And the MX hosts as they
/// were last seen.
World world_of(const Case& c);

/// The MX hosts alone, for a world whose policies and ids come from a memory.
std::vector<WorldMx> mx_of(const Case& c);

/// The earliest end among the policy host's addresses that serve a good certificate (CONTRACT 2).
void set_policy_host(const Case& c, World& world);

/// Level rfc, in the form of CONTRACT 2.
Forecast forecast_of(const World& world, const Simulation& result, const Limits& limits);

/// Level field, of a memory: without one there is nothing to say.
void set_field_level(const World& world, const Simulation& result, Verdict& verdict);

/// The forecast of senders that do DANE alone, and of those that do MTA-STS too (RULES 4.5); nothing where no
/// host has TLSA records that can be used.
void set_dane_outlook(const Case& c, Verdict& verdict);

/// What the look knows of a breakage beyond the world.
struct BreakageFacts {
  std::string served_by;  // the addresses of the policy host that alone serve that policy; empty: everybody's
  std::string why;        // of each MX host, why it is skipped
};

/// One of the first two follows from it.
bool foresees_breakage(const World& world, const Simulation& result, const Limits& limits);

/// enforce-breakage-now, -predicted and enforce-degradation-predicted.
void judge_forecast(const World& world, const Simulation& result, const Limits& limits,
                    const BreakageFacts& facts, Findings& out);

/// cached-policy-breakage-now, which needs a memory: mail stops at level field alone, for senders that keep
/// longer than RFC 8461 has it what they once fetched (RULES 0.4), or refuse what is served now. `why`: of
/// each MX host, why it is skipped.
void judge_field_breakage(const Case& c, const std::string& why, Findings& out);

/// protection-lapse-predicted, which needs a memory.
void judge_lapse(const Case& c, Findings& out);

// What if these parts were published all at once: the world a moment after the change. The order that loses
// no mail is the planner's. Pure.

/// Parts that are to be replaced; what is empty stays as it is.
struct Proposal {
  std::optional<Policy> policy;
  std::optional<std::string> id;
  std::vector<WorldMx> mx;  // the whole MX set, each host as it was seen (or unknown)
};

/// All parts are replaced at one moment, a second after `world.now`. What was published before was seen until
/// then, and senders keep what they stored.
World after(const World& world, const Proposal& proposal);

}  // namespace stswatch

// The one figure (RULES 4.6): usable MX now, and the first moments at which it falls. Private to the sender
// simulation.

// Whether a forecast moment comes from a certificate that a healthy automation would have renewed by now.

namespace stswatch::senders {

/// The address whose certificate the reason speaks of; null for any other reason.
const WorldAddress* certificate_behind(const World& world, const WorldReason& reason);

/// Some certificate among the reasons of this moment is past its renewal point at `now` (RULES 5.2). A
/// certificate without a known start has no renewal point.
bool past_renewal(const World& world, const WorldPoint& point, const ExpiryLimits& limits);

}  // namespace stswatch::senders

// What becomes of a message under each cache a sender may have (RULES 4.4). Private to the sender simulation.

namespace stswatch::senders {

/// One sender for no cache, one for the current policy, one for each live pair with another policy.
std::vector<SenderOutcome> outcomes(const World& world, const Caches& caches, const Hosts& hosts);

/// U, degradation, breakage, recovery at one level.
LevelResult forecast(const World& world, const Caches& caches, const Hosts& hosts, Level level);

/// When protection ends if nothing is repaired (RULES 4.6 rule 1). A lapse lets mail flow again and hides no
/// breakage.
std::optional<TimePoint> lapse(const World& world, const Caches& caches);

/// The latest end of a live pair whose policy differs in content from the current one.
std::optional<TimePoint> safe_after(const World& world, const Caches& caches);

}  // namespace stswatch::senders
