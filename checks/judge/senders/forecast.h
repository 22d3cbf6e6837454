// What comes (RULES 4.6, group I): the world of the sender simulation as one look or a memory knows it, and
// the forecast and the findings that follow from its result. Pure.
#pragma once

#include "checks/judge/case.h"
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

/// enforce-breakage-now, -predicted and enforce-degradation-predicted.
void judge_forecast(const World& world, const Simulation& result, const Limits& limits,
                    const BreakageFacts& facts, Findings& out);

/// protection-lapse-predicted, which needs a memory.
void judge_lapse(const Case& c, Findings& out);

}  // namespace stswatch
