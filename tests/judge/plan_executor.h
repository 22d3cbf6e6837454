// Carries a plan out and looks at every sender at every moment at which anything changes. A plain reading of
// RULES 4 and of what a plan promises, written without the planner and without the simulation that the
// planner uses. Nothing here is under test.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "checks/judge/senders/plan.h"

namespace stswatch::worlds {

inline constexpr Seconds kMonth = std::chrono::hours{24} * 30;

/// How late the nth step is done, beyond the earliest moment that its waits allow.
using Lateness = std::function<Seconds(int n)>;

/// The first moment at which somebody loses by the plan, in words; empty when nobody ever does.
std::string carry_out(const World& world, const Goal& goal, const Plan& plan, const Lateness& late);

/// What is wrong with the plan as a piece of paper: ids, waits, end state, waste. Empty when nothing is.
std::string read_closely(const World& world, const Goal& goal, const Plan& plan);

/// Some address of the host works for an enforcing sender at `now`; null when that was not seen.
std::optional<bool> works(const WorldMx& mx, TimePoint now);

}  // namespace stswatch::worlds
