// The one thread that talks to the DNS servers: it owns the c-ares channels, takes questions by queue and
// eventfd, carries out their plans. Thread-safe where public; the destructor answers what is open with
// unknown.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "checks/observe/dns/channel.h"
#include "checks/observe/dns/servers.h"
#include "checks/observe/dns/window.h"

namespace stswatch::dns {

// 1,024 workers with eight questions each stay below; more means somebody forgot to wait.
inline constexpr std::size_t kMaxOpen = 10'000;
// Within the window (window.h): 256 sent in a burst overflowed a server's default socket buffer (measured: 5
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
