#include "alerts/heartbeat.h"

#include "alerts/transfer.h"

namespace stswatch {

HeartbeatPing::HeartbeatPing(Heartbeat heartbeat, SinkOptions with, std::function<bool()> healthy)
    : heartbeat_(std::move(heartbeat)), with_(std::move(with)), healthy_(std::move(healthy)) {}

TimePoint HeartbeatPing::step(const std::stop_token& stop) {
  const TimePoint now = with_.now();
  if (now < next_) return next_;
  next_ = now + heartbeat_.interval;
  last_.reset();
  if (!healthy_()) return next_;
  HttpRequest ping{.url = heartbeat_.url};
  ping.ca_file = with_.ca_file;
  ping.user_agent = "stswatch/" + with_.version;
  last_ = request(ping, stop);
  return next_;
}

}  // namespace stswatch
