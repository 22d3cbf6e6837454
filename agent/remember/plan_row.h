// A plan that is followed, as JSON: two rows of the store, and what API and commands show. What was asked for
// is written by the command and how far it has come by the service, each in a row of its own, so that neither
// overwrites the other.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "checks/judge/senders/plan_follow.h"

namespace stswatch {

inline constexpr const char* kPlanTable = "plan";               // by domain
inline constexpr const char* kPlanProgressTable = "plan-done";  // likewise

std::string plan_row(const FollowedPlan& plan);
std::string progress_row(const FollowedPlan& plan);

/// Null where the row is not understood. Progress of another plan than this is none.
std::optional<FollowedPlan> plan_from_rows(const std::string& plan, const std::string* progress);

/// CONTRACT 8, plan.
nlohmann::ordered_json to_json(const Plan& plan);
/// The same, with what is known of each step: "done" (seen at that time, or null) and "safe_from" (null once
/// done).
nlohmann::ordered_json to_json(const FollowedPlan& plan, TimePoint now);

}  // namespace stswatch
