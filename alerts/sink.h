// The way to one receiver. A sink is used by one thread at a time; every call ends by its own deadline or
// soon after the stop is asked for.
#pragma once

#include <memory>
#include <stop_token>

#include "alerts/dispatcher.h"

namespace stswatch {

class Sink {
 public:
  virtual ~Sink() = default;
  /// `before`: what the receiver knows of this problem; null: nothing.
  virtual SendResult send(const Notice& notice, const Notice* before, const std::stop_token& stop) = 0;
  /// A receiver that forgets wants to be told again and again of what fires, this often.
  virtual std::optional<Seconds> refresh_every() const { return std::nullopt; }
  virtual SendResult refresh(const std::vector<Notice>& firing, const std::stop_token& stop);
};

struct SinkOptions {
  std::string ca_file;  // PEM; empty: the system's
  std::string version;  // of the agent
  std::function<TimePoint()> now;
};

struct Receiver {
  ReceiverRules rules;
  std::unique_ptr<Sink> sink;
};

/// All receivers of the configuration, in its order.
std::vector<Receiver> make_receivers(const AlertOptions& options, const SinkOptions& with);

std::unique_ptr<Sink> make_email_sink(const EmailReceiver& receiver, const SinkOptions& with);
std::unique_ptr<Sink> make_slack_sink(const SlackReceiver& receiver, const SinkOptions& with);
std::unique_ptr<Sink> make_webhook_sink(const WebhookReceiver& receiver, const SinkOptions& with);
std::unique_ptr<Sink> make_alertmanager_sink(const AlertmanagerReceiver& receiver, const SinkOptions& with);

}  // namespace stswatch
