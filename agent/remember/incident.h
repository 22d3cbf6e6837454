// A finding over time: it opens when its confirmed facts show it, and closes after good looks; what could
// not be seen changes nothing (RULES 5.3). Pure step functions; the store keeps what they return.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "checks/judge/catalogue/finding.h"

namespace stswatch {

struct Incident {
  Finding finding;  // as last seen: severity, route and detail move with it
  TimePoint opened{};
  TimePoint last_bad{};
  std::optional<TimePoint> closed{};
  int good_looks = 0;                     // in a row, since the last bad one
  int bad_looks = 0;                      // that saw it anew since it opened, the one that opened it included
  std::vector<TimePoint> changes{};       // openings and closings of the last 24 h
  std::optional<TimePoint> good_since{};  // the first of `good_looks`
  std::optional<TimePoint> held_since{};  // enough of them, and it has changed so often that it stays open
  std::optional<TimePoint> eased{};       // when its severity last fell
  std::optional<TimePoint> swung{};       // it rose again after that: when it was last seen so severe
  bool operator==(const Incident&) const = default;

  bool open() const { return !closed; }
};

/// What a step made of an incident; told once, in this order.
struct Transition {
  enum class Kind { opened, worse, better, closed };
  Kind kind = Kind::opened;
  Incident incident;
  bool operator==(const Transition&) const = default;
};

std::string_view to_string(Transition::Kind kind);

/// How much a look has to show before a finding closes, and when it counts as flapping.
struct Patience {
  int good_looks = 2;
  int flapping_changes = 4;          // within 24 h
  Seconds flapping_quiet{6 * 3600};  // held open until quiet for so long
};

struct IncidentStep {
  std::vector<Incident> incidents;  // open ones, and those closed within the last 7 days
  std::vector<Transition> transitions;
};

/// When what a finding tells of happened, where it tells of an event.
using HappenedAt = std::function<std::optional<TimePoint>(const Finding&)>;

/// Another finding names from now on what this one told.
using Replaced = std::function<bool(const Finding&)>;

/// `found`: the findings of the confirmed facts. `seen_anew`: whether this look saw, with its own eyes, what
/// the finding rests on; where it did not, an absent finding is neither good nor bad. An event that happens
/// again while its finding is still open is told again; what is replaced is over at once.
IncidentStep step(std::vector<Incident> was, const std::vector<Finding>& found,
                  const std::function<bool(const Finding&)>& seen_anew, TimePoint now,
                  const Patience& patience = {}, const HappenedAt& happened_at = {},
                  const Replaced& replaced = {});

/// It has changed so often that it is held open until it has been quiet (RULES 5.3).
bool flapping(const Incident& incident, TimePoint now, const Patience& patience = {});

/// The open ones as findings, in the order of sorted().
std::vector<Finding> open_findings(const std::vector<Incident>& incidents);

}  // namespace stswatch
