// World files (CONTRACT 4): the input of the sender simulation and its result, as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <tl/expected.hpp>

#include "checks/judge/senders/simulation.h"

namespace stswatch {

/// At most 16 MiB; unknown keys are passed over. The error names the part at fault and what would be right.
tl::expected<World, std::string> read_world(const std::string& text);

nlohmann::ordered_json to_json(const World& world);
nlohmann::ordered_json to_json(const Simulation& result);

}  // namespace stswatch
