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

#include "agent/remember/key_value_store.h"
#include "agent/watch/clock.h"
#include "checks/facts/observation.h"

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

// What the clocks showed when the agent last ran, kept in its store: so that it is noticed when somebody
// has set the clock while it did not. Only within one boot, since the time in between is not known otherwise.

void log_clocks(KeyValueStore& store, const Hands& hands, const std::string& boot_id);
/// By how much the wall clock has jumped since; nullopt: by less than kClockStep, or nobody knows.
std::optional<Seconds> jumped_since_logged(const KeyValueStore& store, const Hands& hands,
                                           const std::string& boot_id);

/// "" where the system does not say.
std::string this_boot();

// Whether the agent's clock differs from that of others (vantage-clock-skew): what policy hosts say the time
// is (RFC 9110 §6.6.1, Date), held against it. One host's clock is that host's fault; three that agree with
// each other, and with nobody else, are ours. Fewer suffice where a certificate is good on their date and not
// on ours. Not thread-safe.

class ClockWitness {
 public:
  /// `began` and `ended`: by the agent's clock, when the fetches were made.
  void saw(const std::string& policy_host, const std::vector<PolicyFetch>& fetches, TimePoint began,
           TimePoint ended);
  /// How it shows; empty: nothing speaks for it.
  std::string skewed(TimePoint now) const;
  /// Nobody has said lately what time it is, and we have not waited long for somebody to: until then a
  /// certificate that is bad by our date alone is held against nobody. The wait begins with the first
  /// question.
  bool awaited(TimePoint now, SteadyPoint steady);

 private:
  struct Said {
    TimePoint at{};
    Seconds by{0};  // how far the host is ahead of the agent at least; negative: behind; 0: they agree
    std::string host{};
    bool certified = false;  // its certificate is good then, and by our clock it is not
  };
  static constexpr std::size_t kMost = 1000;  // hosts remembered; the one heard longest ago goes first
  std::map<std::string, Said> said_;          // by address: one server counts once
  std::optional<SteadyPoint> awaited_since_;
};

}  // namespace stswatch
