// The picture of what comes: what expires when, what caches hold until when, where breakage falls. SVG, with
// the same facts as a table for those who do not see it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/tell/html.h"
#include "checks/facts/time.h"
#include "checks/judge/senders/simulation.h"

namespace stswatch {

struct TimelineBar {
  enum class Kind { certificate, cache };
  Kind kind = Kind::certificate;
  std::string label;               // host and address, or what a sender holds
  std::optional<TimePoint> until;  // null: no end is foreseen
  bool late = false;               // past its renewal point
};

struct TimelineMark {
  TimePoint at{};
  std::string words;
  bool urgent = false;  // stands out
};

/// Bars of the certificates and caches of `world`; marks of the simulation, and those that are given.
void write_timeline(Html& page, const World& world, const Simulation& result,
                    std::vector<TimelineMark> marks = {});

}  // namespace stswatch
