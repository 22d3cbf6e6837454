#include "agent/watch/log.h"

#include <poll.h>
#include <spdlog/pattern_formatter.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <nlohmann/json.hpp>
#include <string>

namespace stswatch {
namespace {

thread_local const LogFields* fields_of_line = nullptr;

void append_quoted(std::string_view text, spdlog::memory_buf_t& out) {
  using Json = nlohmann::json;
  const auto quoted = Json(std::string(text)).dump(-1, ' ', true, Json::error_handler_t::replace);
  out.append(quoted.data(), quoted.data() + quoted.size());
}

void append(std::string_view text, spdlog::memory_buf_t& out) {
  out.append(text.data(), text.data() + text.size());
}

/// The message as a JSON string, its quotes included, and the fields that the line has.
class QuotedMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    append_quoted({message.payload.data(), message.payload.size()}, out);
    if (fields_of_line == nullptr) return;
    const auto& fields = *fields_of_line;
    const std::pair<std::string_view, std::string_view> named[] = {{"event", fields.event},
                                                                   {"domain", fields.domain},
                                                                   {"code", fields.code},
                                                                   {"subject", fields.subject},
                                                                   {"receiver", fields.receiver}};
    for (const auto& [name, value] : named) {
      if (value.empty()) continue;
      append(",\"", out);
      append(name, out);
      append("\":", out);
      append_quoted(value, out);
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<QuotedMessage>(); }
};

}  // namespace

FieldsOfLine::FieldsOfLine(const LogFields& fields) : before_(fields_of_line) { fields_of_line = &fields; }
FieldsOfLine::~FieldsOfLine() { fields_of_line = before_; }

std::unique_ptr<spdlog::formatter> json_lines() {
  auto lines = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  lines->add_flag<QuotedMessage>('q').set_pattern(
      R"({"time":"%Y-%m-%dT%H:%M:%SZ","level":"%l","message":%q})");
  return lines;
}

std::unique_ptr<spdlog::formatter> text_lines() {
  return std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%SZ %l %v",
                                                     spdlog::pattern_time_type::utc);
}

void log_to_stderr(const std::string& format, const std::string& level) {
  auto logger = std::make_shared<spdlog::logger>("stswatch", std::make_shared<LogStream>(STDERR_FILENO));
  logger->set_formatter(format == "json" ? json_lines() : text_lines());
  logger->set_level(spdlog::level::from_str(level));
  spdlog::set_default_logger(std::move(logger));
}

namespace {

constexpr int kReaderMayWait =
    100;  // ms, before the first line that is lost: a reader may be slow for a moment

}  // namespace

void LogStream::sink_it_(const spdlog::details::log_msg& message) {
  if (lost_ > 0) {
    const auto words = std::to_string(lost_) + " log lines were lost here, since nothing took them";
    static constexpr LogFields kNone{.event = "lines-lost"};  // of whatever domain they were
    const FieldsOfLine here(kNone);
    if ((cut_ && !put("\n")) || !put_line({message.logger_name, spdlog::level::warn, words})) {
      ++lost_;
      return;
    }
    lost_ = 0;
  }
  if (!put_line(message)) ++lost_;
}

bool LogStream::put_line(const spdlog::details::log_msg& message) {
  spdlog::memory_buf_t line;
  base_sink<std::mutex>::formatter_->format(message, line);
  return put({line.data(), line.size()});
}

bool LogStream::ready() const {
  pollfd asked{fd_, POLLOUT, 0};
  return ::poll(&asked, 1, lost_ > 0 ? 0 : kReaderMayWait) > 0;
}

bool LogStream::put(std::string_view octets) {
  while (!octets.empty()) {
    // pipe(7): so many octets at most go into a pipe that poll() says is writable without a wait.
    const auto part = octets.substr(0, PIPE_BUF);
    if (!ready()) return false;
    const auto written = ::write(fd_, part.data(), part.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    octets.remove_prefix(static_cast<std::size_t>(written));
    cut_ = !octets.empty();
  }
  return true;
}

}  // namespace stswatch
