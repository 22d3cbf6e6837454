// Log lines on a descriptor that may be full, stuck or gone: no line is worth a look, so none is waited for
// longer than a moment. What is lost is counted and said once lines are taken again. Thread-safe, as spdlog's
// sinks are.
#pragma once

#include <spdlog/sinks/base_sink.h>

#include <mutex>
#include <string_view>

namespace stswatch {

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
