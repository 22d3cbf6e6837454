// /probe: one look, now, for whoever asks (the convention of Prometheus' blackbox exporter). It leaves no
// trace in memory, and is as polite as every other look. Thread-safe.
#pragma once

#include <atomic>

#include "agent/tell/api.h"
#include "agent/watch/service.h"

namespace stswatch {

class Prober {
 public:
  /// `service` outlives this.
  Prober(Service& service, Clock& clock) : service_(service), clock_(clock) {}

  /// Blocks for `timeout` at most; without one, for network.look_timeout.
  tl::expected<ProbeAnswer, HttpRefusal> probe(const std::string& target, std::optional<Millis> timeout);
  /// Ends the looks under way.
  void stop() { cancel_.cancel(); }

  static constexpr int kAtOnce = 32;

 private:
  Service& service_;
  Clock& clock_;
  Cancel cancel_;
  std::atomic<int> under_way_{0};
};

/// Whether one of probe.allow ("*", "*.example.com", "example.com") covers the name.
bool allowed_by(const std::vector<std::string>& allow, const Domain& name);

}  // namespace stswatch
