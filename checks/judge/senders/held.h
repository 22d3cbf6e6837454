// What senders may hold besides what they can fetch now (RULES 4.3), for the rules that speak of it: each
// live pair of an id and a policy with what it means for the MX hosts of today. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "checks/judge/past.h"
#include "checks/judge/senders/simulation.h"

namespace stswatch {

struct Held {
  WorldId id;
  WorldPolicy policy;
  std::optional<TimePoint> until;     // null: open, it can still be fetched under this id
  bool refreshable = false;           // now: another id is shown and the policy host answers
  bool shown_id = false;              // its id is the one shown now, in this window or an earlier one
  bool present = false;               // what is served now, or was last, says the same
  std::vector<std::string> unlisted;  // MX hosts of today that it does not list
  int usable_mx = 0;                  // MX hosts that may be usable under it now
};

/// Every pair that is live at the world's now.
std::vector<Held> held_now(const World& world);
/// Of each policy the copy that lives longest under the id shown now, and under another: as many as a rule
/// needs, of however many there are.
std::vector<Held> longest_held(const World& world);

/// The latest end among enforce pairs: what "senders enforce it until" means.
struct EnforcedUntil {
  bool any = false;
  std::optional<TimePoint> at{};  // null with `any`: no end is foreseen
  std::string words() const { return at ? to_utc(*at) : std::string(); }
};
EnforcedUntil enforced_until(const std::vector<Held>& held);

/// The policy served at present, else the last one; null when none was ever seen.
const SeenPolicy* last_served(const Past& past);
/// The record shown at present; null when there is no usable one.
const SeenId* shown_id(const Past& past);
/// Since when neither is there any more; null while one is, or when none ever was.
std::optional<TimePoint> record_gone_since(const Past& past);
std::optional<TimePoint> policy_gone_since(const Past& past);

}  // namespace stswatch
