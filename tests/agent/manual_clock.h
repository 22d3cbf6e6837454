// A clock that shows what the test says. Waits look at it again every millisecond of real time, since a
// condition variable that is told between the look at the clock and the wait would be missed.
#pragma once

#include <algorithm>

#include "agent/clock.h"

namespace stswatch {

class ManualClock : public Clock {
 public:
  explicit ManualClock(TimePoint start) : now_(start) {}

  TimePoint now() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }

  void wait_until(std::condition_variable& cv, std::unique_lock<std::mutex>& lock, TimePoint until) override {
    {
      const std::lock_guard guard(mutex_);
      waited_for_ = until;
      if (until <= now_) return;
    }
    waits_.notify_all();
    cv.wait_for(lock, std::chrono::milliseconds{1});
  }

  void advance(Seconds span) {
    const std::lock_guard lock(mutex_);
    now_ += span;
  }

  /// To what is waited for, at most to `end`; false when that is not ahead.
  bool leap(TimePoint end) {
    const std::lock_guard lock(mutex_);
    if (waited_for_ <= now_) return false;
    now_ = std::min(waited_for_, end);
    return true;
  }

  /// Until somebody waits for the clock, or a moment of real time has passed.
  void glance() {
    std::unique_lock lock(mutex_);
    waits_.wait_for(lock, std::chrono::milliseconds{1});
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable waits_;
  TimePoint now_, waited_for_{};
};

}  // namespace stswatch
