// Looks at MX hosts for many domains at once: each host once, however many domains share it. The looks are
// kept for the hosts asked for of late only. Thread-safe; the destructor waits for looks under way (cancel
// them first).
#pragma once

#include <condition_variable>
#include <deque>
#include <future>
#include <list>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "agent/remember/saved_look.h"
#include "agent/watch/clock.h"
#include "agent/watch/live_config.h"

namespace stswatch {

/// Whether the looks come in other ways too (Observer::look_again).
enum class Depth { usual, thorough };

class MxProbePool {
 public:
  using Look = std::shared_future<std::shared_ptr<const MxHostObservation>>;

  MxProbePool(const Probes& probes, Clock& clock, Millis look_timeout, const Cancel& cancel,
              std::size_t threads, Depth depth = Depth::usual);
  ~MxProbePool();
  MxProbePool(const MxProbePool&) = delete;
  MxProbePool& operator=(const MxProbePool&) = delete;

  static constexpr std::size_t kKept = 4096;  // some 40 MiB of certificates

  /// The one look at this host, under way or done. Never blocks.
  Look look_at(const std::string& host);

 private:
  struct Request {
    std::string host;
    std::promise<std::shared_ptr<const MxHostObservation>> done;
  };
  struct Kept {
    Look look;
    std::list<std::string>::iterator asked;
  };
  void work();
  void forget_oldest();

  const Probes& probes_;
  Clock& clock_;
  const Millis look_timeout_;
  const Cancel& cancel_;
  const Depth depth_;
  std::mutex mutex_;
  std::condition_variable more_;
  std::unordered_map<std::string, Kept> looks_;  // guarded by mutex_, as are the next three
  std::list<std::string> asked_;                 // the hosts of looks_, the one asked for last in front
  std::deque<Request> waiting_;
  bool closing_ = false;
  std::vector<std::jthread> threads_;
};

// The whole of one look at a domain, now: its names, its policy and its MX hosts. What `check` and /probe do.

/// What is not there when the deadline passes is left out.
SavedLook look_once(const Probes& probes, MxProbePool& mx, const Domain& domain, TimePoint now,
                    const Deadline& deadline);

}  // namespace stswatch
