// What ails the agent itself, as incidents: its sight (port 25, resolver, STARTTLS), its means (descriptors),
// its clock, its store, its receivers, its configuration. Whoever finds out says so here once it is
// confirmed, and again when it is over; from here it is logged, told to receivers, and shown on pages, health
// and metrics. What was open at the end of a run is open at the next start, until it is looked at anew.
// Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "agent/remember/incident.h"
#include "agent/remember/key_value_store.h"
#include "agent/watch/clock.h"

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

}  // namespace stswatch
