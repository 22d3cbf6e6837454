// Where the service's log goes and what its lines look like.
#pragma once

#include <spdlog/formatter.h>
#include <memory>
#include <string>

namespace stswatch {

/// One JSON object a line, whatever the message holds: quotes, line ends, octets that are no UTF-8.
std::unique_ptr<spdlog::formatter> json_lines();

/// "2026-12-01T00:00:00Z info MESSAGE".
std::unique_ptr<spdlog::formatter> text_lines();

/// The default logger from now on; `format` is text or json.
void log_to_stderr(const std::string& format);

}  // namespace stswatch
