// Whether the agent's clock differs from that of others (vantage-clock-skew): what policy hosts say the time
// is (RFC 9110 §6.6.1, Date), held against it. One host's clock is that host's fault; three that agree with
// each other, and with nobody else, are ours. Fewer suffice where a certificate is good on their date and not
// on ours. Not thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "agent/watch/clock.h"
#include "checks/facts/observation.h"

namespace stswatch {

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
