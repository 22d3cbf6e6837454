// The only source of time for the agent; tests inject their own. Two hands: the calendar, which a look is
// stamped and judged with, and one that never jumps, by which looks come due.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>

#include "checks/facts/text.h"

namespace stswatch {

/// Means nothing by itself; only spans between two of them do.
using SteadyPoint = std::chrono::time_point<std::chrono::steady_clock, Seconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
  virtual SteadyPoint steady() const = 0;
  /// Waits on `cv` until notified or the steady hand shows `until`; may wake early.
  virtual void wait_until(std::condition_variable& cv, std::unique_lock<std::mutex>& lock,
                          SteadyPoint until) = 0;
  /// What another machine says the time is: of use to a clock that doubts itself.
  virtual void heard(const std::string& /*who*/, TimePoint /*said*/) {}
};

/// The machine's own hands, whatever they show.
class SystemClock : public Clock {
 public:
  TimePoint now() const override { return std::chrono::floor<Seconds>(std::chrono::system_clock::now()); }
  SteadyPoint steady() const override {
    return std::chrono::floor<Seconds>(std::chrono::steady_clock::now());
  }
  void wait_until(std::condition_variable& cv, std::unique_lock<std::mutex>& lock,
                  SteadyPoint until) override {
    cv.wait_until(lock, until);
  }
};

}  // namespace stswatch
