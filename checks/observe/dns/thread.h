// The one thread that talks to the DNS servers, and how many questions it may have in hand.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "checks/observe/dns/channel.h"
#include "checks/observe/dns/servers.h"

namespace stswatch::dns {

// How many questions a resolver may have in hand from us: grows while it answers, halves when it loses them
// (AIMD, as TCP does: RFC 5681 §3.1), so that ten thousand domains at a start are no burst. Belongs to one
// thread.

class Window {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kFirst = 64;  // any resolver's socket buffer holds that
  static constexpr std::size_t kLeast = 8;
  // unbound works on 512 to 1,024 at a time by default (num-queries-per-thread) and drops what is beyond.
  static constexpr std::size_t kMost = 512;
  // A zone that is dead costs a resolver's patience too, and is no overload: that much of all is.
  static constexpr std::size_t kOneIn = 16;

  /// `round`: what is lost within one is one event.
  explicit Window(Clock::duration round) : round_(round) {}

  std::size_t size() const { return size_; }
  std::size_t in_flight() const { return in_flight_; }
  bool full() const { return in_flight_ >= size_; }

  void sent() { ++in_flight_; }
  void answered() {
    const bool used = in_flight_ * 2 >= size_;  // what is not used proves nothing
    landed();
    ++answers_;
    if (!used || size_ >= kMost) return;
    if (size_ < threshold_ || ++credit_ >= size_) {
      ++size_;
      credit_ = 0;
    }
  }
  void lost(Clock::time_point now) {
    landed();
    ++losses_;
    if (now < next_cut_ || losses_ * kOneIn <= answers_) return;
    size_ = threshold_ = std::max(kLeast, size_ / 2);
    next_cut_ = now + round_;
    losses_ = answers_ = credit_ = 0;
  }
  /// Neither: it could not be sent, or the server cannot be reached.
  void landed() {
    if (in_flight_ > 0) --in_flight_;
  }

 private:
  Clock::duration round_;
  std::size_t size_ = kFirst, threshold_ = kMost, in_flight_ = 0;
  std::size_t credit_ = 0, answers_ = 0, losses_ = 0;  // the last two since the last cut
  Clock::time_point next_cut_{};
};

// The one thread that talks to the DNS servers: it owns the c-ares channels, takes questions by queue and
// eventfd, carries out their plans. Thread-safe where public; the destructor answers what is open with
// unknown.

// 1,024 workers with eight questions each stay below; more means somebody forgot to wait.
inline constexpr std::size_t kMaxOpen = 10'000;
// Within the window: 256 sent in a burst overflowed a server's default socket buffer (measured: 5
// s lost to a time-out), 128 never did; what a resolver takes its time for lies in its own memory, so beyond
// 128 we trickle.
inline constexpr std::size_t kBurst = 128;
inline constexpr std::size_t kTrickle = 8;  // a millisecond

class Thread {
 public:
  static tl::expected<std::unique_ptr<Thread>, std::string> start(const std::vector<Server>& servers,
                                                                  const DnsOptions& options);
  ~Thread();
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  /// Those beyond kMaxOpen are answered with unknown at once.
  void submit(const std::shared_ptr<Batch>& batch);

 private:
  struct Task;
  struct Line {  // to one server
    Server server;
    std::string label;
    bool trust_ad = false;
    Window window;
    std::array<std::unique_ptr<Channel>, 3> channels;  // by transport, opened when first needed
  };

  Thread(const std::vector<Server>& servers, const DnsOptions& options);
  void run();
  bool take_inbox();
  void start_waiting();
  bool may_start();
  const Window& preferred() const { return lines_[health_.order().front()].window; }
  void start_probe();
  void settle();
  void advance(std::unique_ptr<Task> task);
  void send(std::unique_ptr<Task> task, const Step& step);
  void note_reply(Task& task);
  void finish(Task& task, DnsAnswer answer);
  void poll_once();
  void stop();
  tl::expected<Channel*, std::string> channel(const Step& step);
  std::uint16_t fresh_id();

  const Millis timeout_;
  const int tries_;
  const Event wake_;

  std::mutex mutex_;
  std::vector<std::unique_ptr<Task>> inbox_;  // guarded by mutex_
  std::size_t open_ = 0;                      // guarded by mutex_
  bool stopping_ = false;                     // guarded by mutex_

  // The thread's own.
  std::vector<Line> lines_;
  ServerHealth health_;
  std::deque<std::unique_ptr<Task>> waiting_;
  std::size_t trickled_ = 0;
  ServerHealth::Clock::time_point next_trickle_{};
  std::unordered_map<Task*, std::unique_ptr<Task>> on_wire_;
  std::vector<Task*> replied_;
  std::vector<pollfd> fds_;
  std::vector<std::uint16_t> ids_;

  std::thread thread_;
};

}  // namespace stswatch::dns
