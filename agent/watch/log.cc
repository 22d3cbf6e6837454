#include "agent/watch/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

namespace stswatch {
namespace {

/// The message as a JSON string, its quotes included.
class QuotedMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    using Json = nlohmann::json;
    const auto quoted = Json(std::string(message.payload.data(), message.payload.size()))
                            .dump(-1, ' ', true, Json::error_handler_t::replace);
    out.append(quoted.data(), quoted.data() + quoted.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<QuotedMessage>(); }
};

}  // namespace

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

void log_to_stderr(const std::string& format) {
  auto logger = std::make_shared<spdlog::logger>("stswatch", std::make_shared<LogStream>(STDERR_FILENO));
  logger->set_formatter(format == "json" ? json_lines() : text_lines());
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace stswatch
