// What a resolver has in hand from us at most while a crowd of looks begins at once:
//     stswatch_dns_pace_bench [THREADS [ROUNDS]]
// A resolver of ours answers each question after a delay, and drops what is beyond its room.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <thread>
#include <vector>

#include "checks/observe/dns/resolver.h"

using namespace stswatch;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

class SlowResolver {
 public:
  SlowResolver(Millis delay, std::size_t room) : delay_(delay), room_(room) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    if (::bind(fd_, raw, size) != 0 || ::getsockname(fd_, raw, &size) != 0) std::abort();
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~SlowResolver() {
    stop_ = true;
    thread_.join();
    ::close(fd_);
  }
  std::string text() const { return "127.0.0.1:" + std::to_string(port_); }

  std::atomic<std::size_t> most{0}, dropped{0}, asked{0};

 private:
  struct Held {
    Clock::time_point due;
    sockaddr_in to;
    std::vector<char> answer;
  };

  void run() {
    while (!stop_) {
      pollfd ready{fd_, POLLIN, 0};
      ::poll(&ready, 1, 1);
      take();
      for (; !held_.empty() && held_.front().due <= Clock::now(); held_.pop_front())
        ::sendto(fd_, held_.front().answer.data(), held_.front().answer.size(), 0,
                 reinterpret_cast<const sockaddr*>(&held_.front().to), sizeof held_.front().to);
    }
  }

  void take() {
    std::array<char, 2048> buffer;
    for (;;) {
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const auto got = ::recvfrom(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT,
                                  reinterpret_cast<sockaddr*>(&from), &size);
      if (got < 12) return;
      ++asked;
      if (held_.size() >= room_) {
        ++dropped;
        continue;
      }
      std::vector<char> answer(buffer.begin(), buffer.begin() + got);
      answer[2] = static_cast<char>(0x81);
      answer[3] = static_cast<char>(0x85);  // REFUSED: as good an answer as any
      held_.push_back({Clock::now() + delay_, from, std::move(answer)});
      most = std::max(most.load(), held_.size());
    }
  }

  const Millis delay_;
  const std::size_t room_;
  const int fd_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  std::uint16_t port_ = 0;
  std::deque<Held> held_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

void measure(Millis delay, std::size_t room, int threads, int rounds) {
  SlowResolver server(delay, room);
  const auto resolver = make_resolver({.servers = {server.text()}, .timeout = 1s, .tries = 3});
  if (!resolver) std::abort();
  const auto begin = Clock::now();
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t)
    workers.emplace_back([&] {
      for (int i = 0; i < rounds; ++i)
        (*resolver)->ask(std::vector<DnsQuestion>(5, {"x.example", RecordType::txt}), Deadline::in(60s));
    });
  for (auto& worker : workers)
    worker.join();
  const std::chrono::duration<double> took = Clock::now() - begin;
  std::printf(
      "answers after %4lld ms, room for %4zu: %6zu asked, %4zu in hand at most, %5zu dropped, %.1f s\n",
      static_cast<long long>(delay.count()), room, server.asked.load(), server.most.load(),
      server.dropped.load(), took.count());
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 256;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 40;
  for (const Millis delay : {Millis{1}, Millis{20}, Millis{200}})
    for (const std::size_t room : {std::size_t{5000}, std::size_t{100}})
      measure(delay, room, threads, rounds);
}
