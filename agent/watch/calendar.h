// What day it is when the machine's wall clock cannot be trusted. The calendar follows the wall clock in
// small steps; when that jumps by more than five minutes against the time since boot, one of the two dates is
// wrong, and nobody here knows which: the calendar then goes on as before, so that no certificate or cache
// ends by a jump, and says so. The doubt ends when the clock is back, when what others say the time is (HTTP
// Date of the policy hosts) agrees with the new one, or when nobody has contradicted it for an hour.
// Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "agent/watch/clock.h"

namespace stswatch {

/// The two hands as the machine shows them. `boot` counts while the machine sleeps too (CLOCK_BOOTTIME).
struct Hands {
  std::function<std::chrono::sys_time<Millis>()> wall;
  std::function<Millis()> boot;
};
Hands machine_hands();

inline constexpr Seconds kClockStep{300};  // smaller ones are what a time service makes

class Calendar : public SystemClock {
 public:
  struct Doubt {
    TimePoint since{};  // by the calendar
    Seconds by{0};      // how far the wall clock is ahead; negative: behind
    std::string in_words() const;
  };

  explicit Calendar(Hands hands = machine_hands());

  TimePoint now() const override;
  std::optional<Doubt> doubt() const;
  /// What another machine said the time is. Of use during a doubt only.
  void heard(const std::string& who, TimePoint said) override;
  /// How often the calendar itself has jumped, since it has come to believe the wall clock.
  int jumps() const;

 private:
  struct Doubted {
    Millis since{0};  // since boot
    Millis by{0};
    std::map<std::string, bool> witnesses{};  // true: for the wall clock; by name, so that each counts once
  };
  /// As it is to be now; with mutex_ held, as for all below.
  TimePoint turn() const;
  void believe(Millis offset) const;

  const Hands hands_;
  mutable std::mutex mutex_;
  mutable Millis offset_{0};  // of the calendar's epoch from boot; guarded by mutex_, as is all below
  mutable std::optional<Doubted> doubted_;
  mutable int jumps_ = 0;
};

/// RFC 9110 §5.6.7, the form that is in use: "Sun, 06 Nov 1994 08:49:37 GMT".
std::optional<TimePoint> parse_http_date(std::string_view text);

}  // namespace stswatch
