// Which deployed senders refuse or misread what a finding on a record or policy describes: CONTRACT 2
// `refused_by`, read from their sources at the commits of RULES 0.4. Constant data.
#pragma once

#include <span>
#include <string_view>

namespace stswatch {

/// Empty where every conformant sender does, or none is known to.
std::span<const std::string_view> refused_by(std::string_view code);

}  // namespace stswatch
