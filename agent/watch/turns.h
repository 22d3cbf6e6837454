// Something that many ask for and one thread does: whoever asks while a turn is under way waits for the next,
// which is one for all of them. Thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <tl/expected.hpp>

namespace stswatch {

class Turns {
 public:
  using Outcome = tl::expected<void, std::string>;

  /// `turn` ends by deadlines of its own, and soon once it is told to stop.
  explicit Turns(std::function<Outcome(const std::stop_token&)> turn);
  ~Turns() { stop(); }
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  /// The outcome of a turn that began after this call, or of a later one.
  Outcome take();
  /// The same for whom the outcome does not matter: waits for nothing.
  void ask();
  /// The turn under way is told to stop and waited for; there are no more, and whoever waits for one is told
  /// so. Idempotent.
  void stop();

 private:
  void work();

  const std::function<Outcome(const std::stop_token&)> turn_;
  std::stop_source stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool asked_ = false, stopped_ = false;  // guarded by mutex_, as are the next three
  std::uint64_t begun_ = 0, done_ = 0;
  Outcome outcome_;
  std::thread thread_;
};

}  // namespace stswatch
