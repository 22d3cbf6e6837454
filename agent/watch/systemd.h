// What systemd is told (sd_notify(3)); nothing when it did not start us.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

namespace stswatch::systemd {

void ready(std::size_t domains);  // after the start, and after each reload
void reloading();                 // for Type=notify-reload
void stopping();
/// How often systemd must hear that we are alive, if at all: WatchdogSec of the unit.
std::optional<std::chrono::microseconds> watchdog();

/// Tells systemd that we are alive, unless we are not: hearing nothing, it starts us anew.
class Pulse {
 public:
  /// `stuck`: why the service no longer turns; logged once.
  void beat(const std::optional<std::string>& stuck);

 private:
  bool stuck_ = false;
};

}  // namespace stswatch::systemd
