// httplib's server with bounds of our own: a client that is slow, silent or one of too many costs at most its
// time, and none of them delays the end. The owner calls end() before he destroys it.
#pragma once

#include <httplib.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "agent/tell/web_gate.h"

// Debian's cpp-httplib is a shared library built with these; a file compiled without them has other class
// layouts.
#if !defined(CPPHTTPLIB_OPENSSL_SUPPORT) || !defined(CPPHTTPLIB_ZLIB_SUPPORT)
#error "link PkgConfig::HTTPLIB: its definitions are part of the ABI"
#endif

namespace stswatch {

/// The moment after which no client is waited for any more. Thread-safe.
class LastCall {
 public:
  using Clock = std::chrono::steady_clock;
  bool made() const { return at_.load() != Clock::duration::max(); }
  Clock::time_point end() const { return Clock::time_point(at_.load()); }
  void make(Clock::time_point end) { at_ = end.time_since_epoch(); }

 private:
  std::atomic<Clock::duration> at_{Clock::duration::max()};
};

class BoundedServer : public httplib::Server {
 public:
  /// The door as it is at this moment; null where there is none, and everybody is served in plain text.
  using Gate = std::function<std::shared_ptr<WebGate>()>;

  explicit BoundedServer(Gate gate);

  /// No more requests; answers under way are given a moment.
  void end();

 private:
  bool process_and_close_socket(socket_t client) override;
  HandlerResponse let_in(const httplib::Request& request, httplib::Response& answer) const;

  const Gate gate_;
  LastCall last_call_;
};

/// Threads that are started as they are needed. A client beyond what may wait is turned away at once.
class BoundedQueue : public httplib::TaskQueue {
 public:
  BoundedQueue(std::size_t threads, std::size_t waiting) : most_threads_(threads), most_waiting_(waiting) {}
  void enqueue(std::function<void()> task) override;
  void shutdown() override;

  /// In a task: whether it is only to close its client.
  static bool turned_away();

 private:
  void work();

  const std::size_t most_threads_, most_waiting_;
  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<std::function<void()>> tasks_;  // guarded by mutex_, as is all below
  std::size_t idle_ = 0;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace stswatch
