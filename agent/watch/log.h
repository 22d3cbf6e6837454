// Where the service's log goes and what its lines look like.
#pragma once

#include <spdlog/formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace stswatch {

/// What a line is about, for programs that read it: in JSON each that is not empty is a field of its own, so
/// that nobody has to take our sentences apart. The texts live until the line is written.
struct LogFields {
  std::string_view event{};     // a word for what happened: finding-opened, notice-sent, reloaded, ...
  std::string_view domain{};    // the watched domain
  std::string_view code{};      // of a finding
  std::string_view subject{};   // what the finding, silence or setting is about: a host, a pattern, a key
  std::string_view receiver{};  // of notices
};

/// The fields of what this thread logs while this lives: spdlog's own messages are words and nothing else,
/// and our sinks are written to by the thread that logs.
class FieldsOfLine {
 public:
  explicit FieldsOfLine(const LogFields& fields);  // which live as long
  explicit FieldsOfLine(LogFields&&) = delete;
  ~FieldsOfLine();
  FieldsOfLine(const FieldsOfLine&) = delete;
  FieldsOfLine& operator=(const FieldsOfLine&) = delete;

 private:
  const LogFields* const before_;
};

// Levels. error: somebody should act; warning: look at it; info: what changed, starts and ends; debug: each
// look.

template <class... Args>
void log_line(spdlog::level::level_enum level, const LogFields& fields,
              spdlog::format_string_t<Args...> words, Args&&... args) {
  const FieldsOfLine here(fields);
  spdlog::log(level, words, std::forward<Args>(args)...);
}
template <class... Args>
void log_error(const LogFields& fields, spdlog::format_string_t<Args...> words, Args&&... args) {
  log_line(spdlog::level::err, fields, words, std::forward<Args>(args)...);
}
template <class... Args>
void log_warning(const LogFields& fields, spdlog::format_string_t<Args...> words, Args&&... args) {
  log_line(spdlog::level::warn, fields, words, std::forward<Args>(args)...);
}
template <class... Args>
void log_info(const LogFields& fields, spdlog::format_string_t<Args...> words, Args&&... args) {
  log_line(spdlog::level::info, fields, words, std::forward<Args>(args)...);
}
template <class... Args>
void log_debug(const LogFields& fields, spdlog::format_string_t<Args...> words, Args&&... args) {
  log_line(spdlog::level::debug, fields, words, std::forward<Args>(args)...);
}

/// One JSON object a line, whatever it holds: quotes, line ends, octets that are no UTF-8.
std::unique_ptr<spdlog::formatter> json_lines();

/// "2026-12-01T00:00:00Z info MESSAGE".
std::unique_ptr<spdlog::formatter> text_lines();

/// The default logger from now on; `format` is text or json, `level` debug, info, warning or error: what is
/// less is left out.
void log_to_stderr(const std::string& format, const std::string& level);

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
