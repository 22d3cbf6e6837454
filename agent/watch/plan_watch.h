// The plans that are followed: read from the store, where the command puts them while the service may be
// running, and kept there as far as they have come. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "agent/remember/key_value_store.h"
#include "agent/remember/plan_row.h"
#include "agent/watch/clock.h"

namespace stswatch {

class PlanWatch {
 public:
  /// `state`: the store's file, in which the command puts plans; none is followed where it is in RAM only.
  /// `rows` is of the same store; it and `clock` outlive this.
  PlanWatch(KeyValueStore& rows, std::string state, Clock& clock);

  /// Null: none is followed.
  std::shared_ptr<const FollowedPlan> of(const std::string& domain);
  /// As far as it has come; passed over where it was dropped or replaced meanwhile.
  void keep(const std::string& domain, std::shared_ptr<const FollowedPlan> plan);
  std::map<std::string, std::shared_ptr<const FollowedPlan>> all();

 private:
  void read_again();  // with mutex_ held

  KeyValueStore& rows_;
  const std::string state_;
  Clock& clock_;
  std::mutex mutex_;
  std::optional<SteadyPoint> read_at_;       // guarded by mutex_, as are the next two
  std::map<std::string, std::string> seen_;  // the rows of the last reading
  std::map<std::string, std::shared_ptr<const FollowedPlan>> plans_;
};

}  // namespace stswatch
