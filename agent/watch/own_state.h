// What ails the agent itself, as incidents: its sight (port 25, resolver, STARTTLS), its means (descriptors),
// its clock, its store, its receivers, its configuration. Whoever finds out says so here once it is
// confirmed, and again when it is over; from here it is logged, told to receivers, and shown on pages, health
// and metrics. What was open at the end of a run is open at the next start, until it is looked at anew.
// Thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/remember/incident.h"
#include "agent/remember/key_value_store.h"
#include "agent/tell/http.h"
#include "agent/watch/clock.h"
#include "agent/watch/notifier.h"
#include "agent/watch/reload.h"

namespace stswatch {

class OwnState {
 public:
  /// Reads what was open. `rows` and `clock` outlive this.
  OwnState(KeyValueStore& rows, const Clock& clock);

  /// Called after each change, with no lock held.
  void on_change(std::function<void()> call);

  /// It is so, with values in `detail`; repeated as often as it is seen. `code` is one of the catalogue's.
  void ails(std::string_view code, const std::string& detail);
  /// It is not, or no longer.
  void well(std::string_view code);
  /// Either, by whether there is something to say.
  void settle(std::string_view code, const std::optional<std::string>& detail);

  bool is(std::string_view code) const;
  std::vector<Finding> open() const;
  /// The open ones, and those that ended lately.
  std::vector<Incident> incidents() const;

 private:
  void keep(const Incident& incident) const;
  void tell() const;

  KeyValueStore& rows_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Incident, std::less<>> incidents_;  // by code; guarded by mutex_
  std::function<void()> on_change_;
};

// What people may ask of the agent over HTTP: each act is done by the part that it concerns, and logged with
// who asked and from where.

/// The acts among the parts of the server, and who may ask for them; all that is given outlives it.
HttpParts acts_of(Service& service, Notifier& notifier, Reloader& reloader, Clock& clock);

}  // namespace stswatch

namespace stswatch::systemd {

// What systemd is told (sd_notify(3)); nothing when it did not start us.

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
