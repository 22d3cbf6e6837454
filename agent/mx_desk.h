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

#include "agent/clock.h"
#include "agent/outlook.h"

namespace stswatch {

class MxDesk {
 public:
  using Look = std::shared_future<std::shared_ptr<const MxHostObservation>>;

  MxDesk(const Outlook& outlook, Clock& clock, Millis look_timeout, const Cancel& cancel,
         std::size_t threads);
  ~MxDesk();
  MxDesk(const MxDesk&) = delete;
  MxDesk& operator=(const MxDesk&) = delete;

  static constexpr std::size_t kKept = 4096;  // some 40 MiB of certificates

  /// The one look at this host, under way or done. Never blocks.
  Look look_at(const std::string& host);

 private:
  struct Errand {
    std::string host;
    std::promise<std::shared_ptr<const MxHostObservation>> done;
  };
  struct Kept {
    Look look;
    std::list<std::string>::iterator asked;
  };
  void work();
  void forget_oldest();

  const Outlook& outlook_;
  Clock& clock_;
  const Millis look_timeout_;
  const Cancel& cancel_;
  std::mutex mutex_;
  std::condition_variable more_;
  std::unordered_map<std::string, Kept> looks_;  // guarded by mutex_, as are the next three
  std::list<std::string> asked_;                 // the hosts of looks_, the one asked for last in front
  std::deque<Errand> waiting_;
  bool closing_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace stswatch
