// World files (CONTRACT 4) and goal files (CONTRACT 8): the input of the sender simulation and of the
// planner, and their results, as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <tl/expected.hpp>

#include "checks/judge/senders/plan.h"
#include "checks/judge/senders/simulation.h"

namespace stswatch {

/// At most 16 MiB; unknown keys are passed over. The error names the part at fault and what would be right.
tl::expected<World, std::string> read_world(const std::string& text);

/// A key that is none of a goal's is an error: a misspelt goal is another goal.
tl::expected<Goal, std::string> read_goal(const std::string& text);

nlohmann::ordered_json to_json(const World& world);
nlohmann::ordered_json to_json(const Simulation& result);

}  // namespace stswatch
