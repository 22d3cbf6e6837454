// The service's log: stderr, one event a line, UTC, as text or as JSON.
#pragma once

#include <string>

namespace stswatch {

void log_to_stderr(const std::string& format);

}  // namespace stswatch
