// The listening socket, and the descriptors that the agent can spare for those who come.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "checks/facts/address.h"

namespace stswatch::door {

// Threads that are started as they are needed, and a bounded queue before them. Thread-safe; the end waits
// for what is under way and drops what is not.

class Lane {
 public:
  Lane(std::size_t threads, std::size_t waiting) : most_threads_(threads), most_waiting_(waiting) {}
  ~Lane() { end(); }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// False where too many wait already.
  bool submit(std::function<void()> task);
  std::size_t waiting();
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

/// A descriptor and its end.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();
  int fd() const { return fd_; }
  void reset() { *this = Descriptor(); }

 private:
  int fd_;
};

struct Listener {
  Descriptor socket;
  int port = 0;
};

/// `address`: of IP, as text. The error is the system's, in words.
tl::expected<Listener, std::string> listen_on(const std::string& address, int port);

struct Accepted {
  int socket;
  Address address;  // of IPv4 also where it came in over IPv6
};
/// nullopt with errno where there is nobody, or no descriptor is left.
std::optional<Accepted> accept_from(int listener);

/// Whether an interface of this machine has the address.
bool on_this_machine(const Address& address);

/// How many connections there may be: the descriptors are there for looks, too.
std::size_t most_connections();

}  // namespace stswatch::door
