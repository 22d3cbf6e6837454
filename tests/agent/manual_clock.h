// When the time of a test begins.
#pragma once

#include <algorithm>
#include <map>
#include <set>

#include "agent/watch/clock.h"
#include "checks/facts/text.h"

namespace stswatch {

inline constexpr TimePoint kStart{Seconds{1'800'000'000}};

// A clock that shows what the test says. Waits look at it again every millisecond of real time, since a
// condition variable that is told between the look at the clock and the wait would be missed.

class ManualClock : public Clock {
 public:
  explicit ManualClock(TimePoint start) : now_(start), steady_(start.time_since_epoch()) {}

  TimePoint now() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }

  SteadyPoint steady() const override {
    const std::lock_guard lock(mutex_);
    return steady_;
  }

  void wait_until(std::condition_variable& cv, std::unique_lock<std::mutex>& lock,
                  SteadyPoint until) override {
    std::multiset<SteadyPoint>::iterator mine;
    std::multiset<SteadyPoint>* waits = nullptr;
    {
      const std::lock_guard guard(mutex_);
      waits = &waits_[&cv];
      if (until <= steady_) return;
      mine = waits->insert(until);
    }
    waiting_.notify_all();
    cv.wait_for(lock, std::chrono::milliseconds{1});
    const std::lock_guard guard(mutex_);
    waits->erase(mine);
  }

  void advance(Seconds span) {
    const std::lock_guard lock(mutex_);
    move(span);
  }

  /// The calendar alone: somebody has set it.
  void set(TimePoint now) {
    const std::lock_guard lock(mutex_);
    now_ = now;
  }

  /// To what is waited for next, at most to `end`; false while somebody who waits by this clock is at work.
  bool leap(TimePoint end) {
    const std::lock_guard lock(mutex_);
    SteadyPoint next = SteadyPoint::max();
    for (const auto& [_, waits] : waits_) {
      if (waits.empty() || *waits.begin() <= steady_) return false;
      next = std::min(next, *waits.begin());
    }
    if (waits_.empty()) return false;
    move(std::min(next - steady_, end - now_));
    return true;
  }

  /// Those who waited have ended.
  void forget_waits() {
    const std::lock_guard lock(mutex_);
    waits_.clear();
  }

  /// Until somebody waits for the clock, or a moment of real time has passed.
  void glance() {
    std::unique_lock lock(mutex_);
    waiting_.wait_for(lock, std::chrono::milliseconds{1});
  }

 private:
  void move(Seconds span) {
    now_ += span;
    steady_ += span;
  }

  mutable std::mutex mutex_;
  std::condition_variable waiting_;
  TimePoint now_;
  SteadyPoint steady_;
  std::map<const std::condition_variable*, std::multiset<SteadyPoint>>
      waits_;  // until when, by what wakes them
};

}  // namespace stswatch
