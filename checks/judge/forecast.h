// What comes (RULES 4.6, group I): the world of the sender simulation as one look or a memory knows it, and
// the forecast and the findings that follow from its result. Pure.
#pragma once

#include "checks/judge/case.h"
#include "checks/judge/senders.h"

namespace stswatch {

/// Without memory: the policies in effect, all served at this moment under the one id that is shown, and the
/// MX hosts as they were last seen.
World world_of(const Case& c);

/// The MX hosts alone, for a world whose policies and ids come from a memory.
std::vector<WorldMx> mx_of(const Case& c);

/// The earliest end among the policy host's addresses that serve a good certificate (CONTRACT 2).
void set_policy_host(const Case& c, World& world);

/// Level rfc, in the form of CONTRACT 2.
Forecast forecast_of(const World& world, const Simulation& result, const Limits& limits);

/// enforce-breakage-now, -predicted and enforce-degradation-predicted.
void judge_forecast(const World& world, const Simulation& result, const Limits& limits, Findings& out);

}  // namespace stswatch
