// The agent looks at itself, every few seconds: its clock, its means, its ports, its store, its receivers,
// its configuration. What lasts is said by OwnState. One thread calls it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/watch/clock.h"
#include "agent/watch/own_state.h"

namespace stswatch {

/// One thing to ask: what is wrong at present, in words; nullopt: nothing. `lasts`: how long in a row it has
/// to be so before it is said; where the answer is confirmed already, not at all.
struct SelfQuestion {
  std::string_view code;
  Seconds lasts{0};
  std::function<std::optional<std::string>()> ask;
  /// False: nobody can say yet, so what was open at the end of the last run stays so.
  std::function<bool()> known{};
};

class SelfCheck {
 public:
  SelfCheck(OwnState& own, const Clock& clock, std::vector<SelfQuestion> questions)
      : own_(own), clock_(clock), questions_(std::move(questions)) {}

  void turn();

 private:
  OwnState& own_;
  const Clock& clock_;
  const std::vector<SelfQuestion> questions_;
  std::map<std::string_view, SteadyPoint> since_;  // of those that are wrong, by code
};

}  // namespace stswatch
