// What systemd is told (sd_notify(3)); nothing when it did not start us.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

namespace stswatch::systemd {

void ready(std::size_t domains);  // after the start, and after each reload
void reloading();                 // for Type=notify-reload
void stopping();
void alive();

/// How often alive() must be called, if at all: WatchdogSec of the unit.
std::optional<std::chrono::microseconds> watchdog();

}  // namespace stswatch::systemd
