// Threads that are started as they are needed, and a bounded queue before them. Thread-safe; the end waits
// for what is under way and drops what is not.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace stswatch::door {

class Lane {
 public:
  Lane(std::size_t threads, std::size_t waiting) : most_threads_(threads), most_waiting_(waiting) {}
  ~Lane() { end(); }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// False where too many wait already.
  bool submit(std::function<void()> task);
  void end();

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

}  // namespace stswatch::door
