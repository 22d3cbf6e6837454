#include "agent/watch/log.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string>

namespace stswatch {
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
