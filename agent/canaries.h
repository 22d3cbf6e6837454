// The port-25 canaries: hosts that the operator knows to answer on port 25 (network.port25_canary). When none
// of them does, port 25 is closed at this vantage, and the silence of MX hosts means nothing. Thread-safe.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "agent/vantage_watch.h"
#include "checks/observe/observer.h"

namespace stswatch {

class Canaries {
 public:
  Canaries(std::vector<std::string> hosts, Observer& observer, VantageWatch& vantage)
      : hosts_(std::move(hosts)), observer_(observer), vantage_(vantage) {}

  /// Asks one after the other until one greets, and tells the vantage; half a minute at most. Nothing when
  /// that was done a moment ago, or when no name could be looked up; whoever comes during a round waits for
  /// its end. No-op without hosts.
  void ask(TimePoint now, const Cancel& cancel);

 private:
  bool begin_round(TimePoint now, const Deadline& deadline);

  const std::vector<std::string> hosts_;
  Observer& observer_;
  VantageWatch& vantage_;
  std::mutex mutex_;
  std::condition_variable over_;
  bool under_way_ = false;  // guarded by mutex_, as is the next
  TimePoint asked_{};
};

/// Some address of the host gave no answer at all on port 25.
bool silent(const MxHostObservation& look);

}  // namespace stswatch
