// Whether the agent's own means suffice: descriptors, ports, buffers, threads. What they kept looks from
// seeing is confirmed as everything else is, and over once a minute has passed without. Thread-safe.
#pragma once

#include <cstddef>
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

// The process' file descriptors: 0 to 2 are never anything else than its standard streams, as many as the
// system allows may be open, and no more workers start than these suffice for. Called once at the start,
// before anything opens a file.

/// Whoever started us may have closed them: what is opened next, say the store, would take their numbers, and
/// log lines would be written into it. They lead to /dev/null then. False: not even that could be opened.
bool open_standard_streams();

/// RLIMIT_NOFILE's soft limit becomes the hard one (many systems start with 1,024 of half a million). Returns
/// what may be open now.
std::size_t raise_descriptor_limit();
std::size_t descriptor_limit();

/// How many of `wanted` workers so many descriptors suffice for: each needs two at a time, and the store, the
/// HTTP side, the receivers and the DNS thread come first. At least two.
std::size_t workers_within(std::size_t descriptors, std::size_t wanted);

// What an agent of a fleet is called: the place it looks from, or else its host, and some letters that no
// other run has, so that replicas of one image need no names.

std::string name_of_agent(const std::string& vantage);

}  // namespace stswatch
