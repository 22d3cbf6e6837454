// Where the service's log goes and what its lines look like.
#pragma once

#include <spdlog/formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace stswatch {

/// One JSON object a line, whatever the message holds: quotes, line ends, octets that are no UTF-8.
std::unique_ptr<spdlog::formatter> json_lines();

/// "2026-12-01T00:00:00Z info MESSAGE".
std::unique_ptr<spdlog::formatter> text_lines();

/// The default logger from now on; `format` is text or json.
void log_to_stderr(const std::string& format);

// Log lines on a descriptor that may be full, stuck or gone: no line is worth a look, so none is waited for
// longer than a moment. What is lost is counted and said once lines are taken again. Thread-safe, as spdlog's
// sinks are.

class LogStream final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit LogStream(int fd) : fd_(fd) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}
  bool ready() const;
  bool put_line(const spdlog::details::log_msg& message);
  bool put(std::string_view octets);  // all of them, or as many as are taken

  const int fd_;
  std::size_t lost_ = 0;  // lines, since one was taken
  bool cut_ = false;      // the last that was taken lacks its end
};

}  // namespace stswatch
