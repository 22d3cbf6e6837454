// What senders may hold (RULES 4.3): the pairs of an id and a policy that could be seen at one moment, and
// from when to when each policy is in effect because of them. Private to the sender simulation.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "checks/judge/senders/simulation.h"

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
