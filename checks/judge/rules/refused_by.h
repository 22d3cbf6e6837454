// Which deployed senders refuse or misread what a finding on a record or policy describes: CONTRACT 2
// `refused_by`, read from their sources. Constant data; share freely.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checks/judge/catalogue/finding.h"

namespace stswatch {

using SenderNames = std::vector<std::string_view>;

/// nullopt for a finding that is on neither record nor policy; empty where no sender is known to stumble.
/// `detail` tells apart what one code covers: a blank line, a comment, a byte order mark...
std::optional<SenderNames> refused_by(std::string_view code, std::string_view detail);

inline std::optional<SenderNames> refused_by(const Finding& finding) {
  return refused_by(finding.code, finding.detail);
}

/// Those who stumble over some text that the code covers; empty also for a code on neither record nor policy.
SenderNames ever_refused_by(std::string_view code);

/// "mox, maddy".
std::string joined(const SenderNames& names);

}  // namespace stswatch
