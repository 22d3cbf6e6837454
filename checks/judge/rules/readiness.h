// Group O: may a domain in testing go to enforce? What is false can be seen in one look; that the gates of
// RULES 3.3 have held for 14 days only a memory knows.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "checks/judge/case.h"

namespace stswatch {

inline constexpr int kReadinessGates = 8;  // RULES 3.3

/// A gate that does not hold, and why.
struct ClosedGate {
  int number = 0;
  std::string why;
  std::string str() const { return std::to_string(number) + ": " + why; }
  bool operator==(const ClosedGate&) const = default;
};

/// The gates that this look shows false; one may be there for several reasons.
std::vector<ClosedGate> closed_gates(const Case& c);

/// What one look says of a gate; null: nothing, so that its streak neither grows nor ends.
std::optional<bool> gate_holds(const Case& c, int gate, const std::vector<ClosedGate>& closed);

struct Readiness {
  std::vector<ClosedGate> open;          // gates that do not hold yet, each with why
  std::vector<std::string> held;         // the others, each with its date
  std::optional<TimePoint> clean_since;  // all that a look can show has held since
};

/// Of a memory: without one there are no dates.
Readiness readiness_of(const Case& c);

void judge_readiness(const Case& c, Findings& out);

}  // namespace stswatch
