#include "agent/watch/own_state.h"

#include <systemd/sd-daemon.h>
#include <ctime>

#include "agent/watch/log.h"

namespace stswatch::systemd {
namespace {

long long monotonic_usec() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace

void ready(std::size_t domains) {
  sd_notifyf(0, "READY=1\nSTATUS=watching %zu domain%s", domains, domains == 1 ? "" : "s");
}

void reloading() { sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", monotonic_usec()); }

void stopping() { sd_notify(0, "STOPPING=1\nSTATUS=stopping"); }

std::optional<std::chrono::microseconds> watchdog() {
  std::uint64_t usec = 0;
  if (sd_watchdog_enabled(0, &usec) <= 0) return std::nullopt;
  return std::chrono::microseconds{usec};
}

void Pulse::beat(const std::optional<std::string>& stuck) {
  if (stuck && !stuck_)
    log_error({.event = "stuck"},
              "the service is stuck: {}; restart it (systemd does when WatchdogSec is set)", *stuck);
  stuck_ = stuck.has_value();
  if (!stuck_) sd_notify(0, "WATCHDOG=1");
}

}  // namespace stswatch::systemd
