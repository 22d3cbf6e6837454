// The sender simulation (RULES 4): what every conformant sender may hold in its cache, and the earliest
// moment when enforcing ones find no usable MX. Pure; times are the world's own.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "checks/facts/policy.h"
#include "checks/facts/text.h"
#include "checks/judge/verdict.h"

namespace stswatch {

struct WorldPolicy {
  std::string name;
  Mode mode = Mode::none;
  std::vector<std::string> mx;
  std::uint64_t max_age = 0;
  TimePoint first{};
  TimePoint last_ub{};                   // equal to now: served at now
  std::optional<TimePoint> last_seen{};  // once gone: last_ub bounds its end, this is when it was last read
  std::uint32_t more = 0;                // as Policy has it: patterns of a long list that are not in `mx`
  std::string mx_digest{};
};

/// By content, whatever its name: mode, the set of mx, max_age.
bool same_policy(const WorldPolicy& a, const WorldPolicy& b);
bool same_policy(const WorldPolicy& a, const Policy& b);

struct WorldId {
  std::string id;
  TimePoint first{};
  TimePoint last_ub{};  // equal to now: shown at now
  std::uint32_t ttl = 0;
  std::optional<TimePoint> sighted{}, last_seen{};  // by looks: `first` may be earlier, last_ub is later
};

struct WorldAddress {
  std::string address;
  std::optional<bool> reachable;  // null: unknown, whatever the other fields say
  bool starttls = false;
  bool trusted = false;  // chain, notBefore and TLS 1.2+; expiry is not_after alone
  std::vector<std::string> dns_names;
  std::optional<TimePoint> not_before;
  std::optional<TimePoint> not_after;  // null never expires
  // Senders that do DANE: when the signatures of the names that lead here end; null: renewed as they should
  // be.
  std::optional<TimePoint> signed_until{};
};

struct WorldMx {
  int preference = 0;
  std::string host;
  std::vector<WorldAddress> addresses;  // none: unusable
};

struct World {
  TimePoint now{};
  std::string domain;
  std::vector<WorldPolicy> policies;
  std::vector<WorldId> ids;
  std::optional<std::string> current_policy;  // null: nothing can be fetched or parsed now
  std::optional<std::string> current_id;      // null: no usable TXT now
  std::optional<TimePoint> policy_host_not_after;
  std::optional<TimePoint> policy_host_not_before;
  std::vector<WorldMx> mx;
  std::uint32_t mx_ttl = 3600;  // how long resolvers may show a former MX set
};

struct WorldReason {
  Why why = Why::already;
  std::string host{}, address{};  // whose certificate expires, or signatures end
  std::string str() const;        // CONTRACT 4: "certificate-expired HOST ADDRESS"
  bool operator==(const WorldReason&) const = default;
};

struct WorldPoint {
  TimePoint at{};
  std::vector<WorldReason> reason;  // the cause first
  std::string policy;
};

struct LevelResult {
  std::optional<UsableMx> usable;
  std::optional<WorldPoint> degradation, breakage;
  std::optional<TimePoint> recovery, lapse;
};

/// What a sender has in its cache.
struct Holds {
  enum class What { nothing, current, pair };
  What what = What::nothing;
  std::string id{}, policy{};  // of a pair that is not the current one
  std::string str() const;     // CONTRACT 4: "nothing", "current", "ID/POLICY"
  bool operator==(const Holds&) const = default;
};

struct SenderOutcome {
  Holds holds;
  std::optional<TimePoint> live_until;
  bool refreshable = false;
  std::string outcome;  // deliver, degraded, deliver-unprotected, defer-then-deliver, deferred, unknown
  std::vector<std::string> hosts;
};

struct Simulation {
  LevelResult rfc, field;
  std::vector<SenderOutcome> senders;
  std::optional<TimePoint> safe_after;
  Status status = Status::unknown;
};

Simulation simulate(const World& world);
/// The same without the senders, of whom a restless domain has very many.
Simulation simulate_figures(const World& world);

/// What a verdict was given on, for those who show it: nobody need work it out again.
struct Foresight {
  World world;
  std::optional<UsableMx> usable;  // to senders by the RFC; simulate() has the rest for who asks
};

}  // namespace stswatch
