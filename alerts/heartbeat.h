// Pings a URL as long as the agent is well, so that somebody else notices when it is not.
#pragma once

#include "alerts/sink.h"

namespace stswatch {

class HeartbeatPing {
 public:
  HeartbeatPing(Heartbeat heartbeat, SinkOptions with, std::function<bool()> healthy);
  /// Pings when it is due and all is well. Returns when it wants to be called again.
  TimePoint step(const std::stop_token& stop);
  const std::string& name() const { return heartbeat_.name; }
  /// Of the newest ping; null before the first, and while the agent is not well.
  const std::optional<SendResult>& last() const { return last_; }

 private:
  const Heartbeat heartbeat_;
  const SinkOptions with_;
  const std::function<bool()> healthy_;
  TimePoint next_{};
  std::optional<SendResult> last_;
};

}  // namespace stswatch
