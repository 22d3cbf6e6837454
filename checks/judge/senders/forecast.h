// What comes (RULES 4.6, group I): the world of the sender simulation as one look or a memory knows it, and
// the forecast and the findings that follow from its result. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "checks/judge/case.h"
#include "checks/judge/rules/readings.h"
#include "checks/judge/senders/caches.h"
#include "checks/judge/senders/simulation.h"

namespace stswatch {

/// The windows of the memory (RULES 4.1), the policies named P1, P2, ... as long as it lasts. Without memory:
/// the policies in effect, all served at this moment under the one id that is shown. And the MX hosts as they
/// were last seen.
World world_of(const Case& c);

/// The MX hosts alone, for a world whose policies and ids come from a memory.
std::vector<WorldMx> mx_of(const Case& c);

/// The earliest end among the policy host's addresses that serve a good certificate (CONTRACT 2).
void set_policy_host(const Case& c, World& world);

/// Level rfc, in the form of CONTRACT 2.
Forecast forecast_of(const World& world, const Simulation& result, const Limits& limits);

/// Level field, of a memory: without one there is nothing to say.
void set_field_level(const World& world, const Simulation& result, Verdict& verdict);

/// The forecast of senders that do DANE alone, and of those that do MTA-STS too (RULES 4.5); nothing where no
/// host has TLSA records that can be used.
void set_dane_outlook(const Case& c, Verdict& verdict);

/// What the look knows of a breakage beyond the world.
struct BreakageFacts {
  std::string served_by;  // the addresses of the policy host that alone serve that policy; empty: everybody's
  std::string why;        // of each MX host, why it is skipped
};

/// One of the first two follows from it.
bool foresees_breakage(const World& world, const Simulation& result, const Limits& limits);

/// enforce-breakage-now, -predicted and enforce-degradation-predicted.
void judge_forecast(const World& world, const Simulation& result, const Limits& limits,
                    const BreakageFacts& facts, Findings& out);

/// cached-policy-breakage-now, which needs a memory: mail stops at level field alone, for senders that keep
/// longer than RFC 8461 has it what they once fetched (RULES 0.4), or refuse what is served now. `why`: of
/// each MX host, why it is skipped.
void judge_field_breakage(const Case& c, const std::string& why, Findings& out);

/// protection-lapse-predicted, which needs a memory.
void judge_lapse(const Case& c, Findings& out);

// What if these parts were published all at once: the world a moment after the change. The order that loses
// no mail is the planner's. Pure.

/// Parts that are to be replaced; what is empty stays as it is.
struct Proposal {
  std::optional<Policy> policy;
  std::optional<std::string> id;
  std::vector<WorldMx> mx;  // the whole MX set, each host as it was seen (or unknown)
};

/// All parts are replaced at one moment, a second after `world.now`. What was published before was seen until
/// then, and senders keep what they stored.
World after(const World& world, const Proposal& proposal);

}  // namespace stswatch

// The one figure (RULES 4.6): usable MX now, and the first moments at which it falls. Private to the sender
// simulation.

// Whether a forecast moment comes from a certificate that a healthy automation would have renewed by now.

namespace stswatch::senders {

/// The address whose certificate the reason speaks of; null for any other reason.
const WorldAddress* certificate_behind(const World& world, const WorldReason& reason);

/// Some certificate among the reasons of this moment is past its renewal point at `now` (RULES 5.2). A
/// certificate without a known start has no renewal point.
bool past_renewal(const World& world, const WorldPoint& point, const ExpiryLimits& limits);

}  // namespace stswatch::senders

// What becomes of a message under each cache a sender may have (RULES 4.4). Private to the sender simulation.

namespace stswatch::senders {

/// One sender for no cache, one for the current policy, one for each live pair with another policy.
std::vector<SenderOutcome> outcomes(const World& world, const Caches& caches, const Hosts& hosts);

/// U, degradation, breakage, recovery at one level.
LevelResult forecast(const World& world, const Caches& caches, const Hosts& hosts, Level level);

/// When protection ends if nothing is repaired (RULES 4.6 rule 1). A lapse lets mail flow again and hides no
/// breakage.
std::optional<TimePoint> lapse(const World& world, const Caches& caches);

/// The latest end of a live pair whose policy differs in content from the current one.
std::optional<TimePoint> safe_after(const World& world, const Caches& caches);

}  // namespace stswatch::senders
