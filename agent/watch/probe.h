// /probe: one look, now, for whoever asks (the convention of Prometheus' blackbox exporter). It leaves no
// trace in memory, and is as polite as every other look: who asks for a domain that is being looked at, or
// was within the last seconds, gets that look. Thread-safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>

#include "agent/tell/http.h"
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
  static constexpr int kCompany = 8;  // who wait for one look of somebody else
  static constexpr int kLooks = 3;    // at one domain while it is fresh: where the first had too little time

 private:
  using Steady = RecentLooks::Steady;
  using Result = tl::expected<ProbeAnswer, HttpRefusal>;
  struct Flight {
    Steady::time_point began;
    Millis patience;
    bool done = false, cut = false;  // cut: it ended with its patience, another may see more
    int company = 0, looks = 1;
    Result answer = tl::make_unexpected(HttpRefusal{503, "this look has not ended yet: ask again later"});
  };
  Result look(const LiveConfig& plan, const Domain& name, Millis patience);
  /// The flight to go with, or a new one for the caller to fly.
  std::shared_ptr<Flight> board(const std::string& name, Millis patience, bool* ours);
  Result accompany(Flight& flight, Steady::time_point until);

  Service& service_;
  Clock& clock_;
  Cancel cancel_;
  std::atomic<int> under_way_{0};
  std::mutex mutex_;
  std::condition_variable landed_;
  std::map<std::string, std::shared_ptr<Flight>> flights_;  // guarded by mutex_; of the last seconds
};

/// Whether one of probe.allow ("*", "*.example.com", "example.com") covers the name.
bool allowed_by(const std::vector<std::string>& allow, const Domain& name);

}  // namespace stswatch
