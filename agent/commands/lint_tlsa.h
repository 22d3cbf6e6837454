// lint tlsa: what a sender that does DANE makes of records and of a chain in files (CONTRACT 3). One line of
// JSON in, one out; nlohmann's exceptions tell of a line of another shape.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "agent/commands/lint.h"

namespace stswatch {

nlohmann::ordered_json answer_tlsa(const nlohmann::ordered_json& line);

/// Records as text, each by itself.
LintResult lint_tlsa_texts(const std::vector<std::string>& texts);

}  // namespace stswatch
