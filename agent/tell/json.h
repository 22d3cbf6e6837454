// A verdict as the JSON of CONTRACT 2.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "checks/judge/verdict.h"

namespace stswatch {

nlohmann::ordered_json to_json(const Verdict& verdict);
/// What a list of many needs of it; findings are their number.
nlohmann::ordered_json summary_json(const Verdict& verdict);
nlohmann::ordered_json to_json(const Finding& finding);

}  // namespace stswatch
