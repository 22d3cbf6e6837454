// What senders may hold (RULES 4.3): the pairs of an id and a policy that could be seen at one moment, and
// from when to when each policy is in effect because of them. Private to the sender simulation.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "checks/judge/senders.h"

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

  const std::vector<Pair>& pairs() const { return pairs_; }
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

  const World& world_;
  std::optional<std::size_t> current_;
  TimePoint host_until_ = kOpen;
  std::vector<Pair> pairs_;
  std::vector<Hold> holds_;  // one per policy
};

/// t + span, open if that is beyond what a clock can say.
TimePoint later(TimePoint t, std::uint64_t span);

}  // namespace stswatch::senders
