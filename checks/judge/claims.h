// What of a verdict may still be told as what is (CONTRACT 2): every claim of "ok", every count of usable
// hosts and every forecast rests on facts with a time, and ends with them. Findings stay: what was wrong is
// wrong until a look shows otherwise. Pure; asked at the time of reading, since a verdict does not age by
// itself and a scheduler that stands still judges nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "checks/judge/verdict.h"

namespace stswatch {

/// The looks at one part of a domain, or at one host.
struct LookTimes {
  std::optional<TimePoint> last_look;
  std::optional<TimePoint> last_success;     // the last that ended neither unknown nor in our own fault
  std::optional<TimePoint> first_look{};     // so that what was never seen is known to be so
  std::optional<TimePoint> failing_since{};  // the first look behind the last success; null: none
  bool operator==(const LookTimes&) const = default;
};

void note_look(LookTimes& times, TimePoint at, bool success);

/// Of the MX hosts of a domain together: as old as the oldest that was ever seen. One that never was beside
/// one that was changes nothing (CONTRACT 2): it counts as unknown. `known_hosts`: how many there are.
struct HostsTimes {
  std::size_t known_hosts = 0;
  LookTimes all{};
};
HostsTimes together(const std::vector<LookTimes>& hosts);

/// When what a verdict rests on was seen.
struct FactTimes {
  LookTimes sts_record, policy, mx;
  HostsTimes hosts;
};

/// Of a verdict from one look alone, in which everything was asked.
FactTimes times_of_one_look(const Verdict& verdict);

/// How old a fact of each kind may be: three of its intervals. Zero: any age.
struct Freshness {
  Seconds dns{0}, policy{0}, mx{0};
};

struct Claims {
  bool fresh = true;                // all of it is young enough; else no "ok", no counts, no forecast
  std::optional<TimePoint> seen{};  // unless fresh: up to when all of it was seen; null: a part never was

  Status status_of(const Verdict& verdict) const;
  /// "not seen since 2026-12-01T00:00:00Z", "never seen"; empty while fresh.
  std::string words() const;
};

Claims claims_of(const Verdict& verdict, const FactTimes& times, const Freshness& fresh_for, TimePoint now);

}  // namespace stswatch
