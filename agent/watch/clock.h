// The only source of "now" for the agent; tests inject their own.
#pragma once

#include <condition_variable>
#include <mutex>

#include "checks/facts/time.h"

namespace stswatch {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
  /// Waits on `cv` until notified or the clock shows `until`; may wake early.
  virtual void wait_until(std::condition_variable& cv, std::unique_lock<std::mutex>& lock,
                          TimePoint until) = 0;
};

class SystemClock : public Clock {
 public:
  TimePoint now() const override { return std::chrono::floor<Seconds>(std::chrono::system_clock::now()); }
  void wait_until(std::condition_variable& cv, std::unique_lock<std::mutex>& lock, TimePoint until) override {
    cv.wait_until(lock, until);
  }
};

}  // namespace stswatch
