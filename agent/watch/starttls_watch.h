// Whether something near this agent takes STARTTLS out of SMTP sessions (vantage-starttls-stripped): hosts of
// several owners, or a canary, that offered it have all lost it, and nobody has offered it since. One owner's
// hosts alone are that owner's fault. Not thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "checks/facts/observation.h"

namespace stswatch {

class StarttlsWatch {
 public:
  void saw(const MxHostObservation& look, bool canary);
  /// How it shows; empty: nothing speaks for it.
  std::string stripped() const;

 private:
  struct Seen {
    bool canary = false;
    TimePoint offered{};              // last
    std::optional<TimePoint> lost{};  // the first look without it since; null while it is offered
  };
  static constexpr std::size_t kMost = 10'000;  // hosts remembered; those offering longest ago go first
  std::map<std::string, Seen> hosts_;           // that have ever offered it
};

}  // namespace stswatch
