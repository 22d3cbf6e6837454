// Whether the agent's own means suffice: descriptors, ports, buffers, threads. What they kept looks from
// seeing is confirmed as everything else is, and over once a minute has passed without. Thread-safe.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "agent/watch/clock.h"

namespace stswatch {

class Means {
 public:
  /// One look lacked something: what, in words (exhausted_in()).
  void lacked(const std::string& what, SteadyPoint now);
  /// What is lacking, once `confirmations` looks have lacked it; nullopt: nothing.
  std::optional<std::string> lacking(int confirmations, SteadyPoint now) const;

 private:
  mutable std::mutex mutex_;
  int looks_ = 0;  // that lacked something, since it was quiet; guarded by mutex_, as is all below
  SteadyPoint last_{};
  std::string what_;
};

}  // namespace stswatch
