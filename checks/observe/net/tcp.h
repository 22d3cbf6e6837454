// One TCP socket under one deadline: what TLS and plain text move their octets over. For checks/observe
// alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "checks/facts/address.h"
#include "checks/facts/result.h"
#include "checks/observe/net/deadline.h"

namespace stswatch {

// Which of our addresses the kernel would speak from: a routing question, no packet is sent.

/// Cause::no_route where there is none to `peer`; Cause::exhausted where nothing was left to ask with.
Result<Address> source_address(const Address& peer);

class Wire {
 public:
  enum class Io { moved, again, ended, broken, too_much };

  /// Fails with Stage::connect.
  static Result<Wire> connect(const Address& address, std::uint16_t port, const Deadline& deadline);
  Wire(Wire&& other) noexcept;
  Wire& operator=(Wire&& other) noexcept;
  ~Wire();

  /// One try, never waiting. `moved` says that *count is at least one.
  Io receive(void* into, std::size_t room, std::size_t* count);
  Io send(const void* from, std::size_t size, std::size_t* count);
  Result<void> wait(short events, Stage stage) const;

  /// From now on at most `octets` may pass, both directions together; more is Io::too_much for good.
  void limit(std::size_t octets) {
    passed_ = 0;
    limit_ = octets;
  }
  /// From now on every wait ends after `span` at the latest.
  void hurry(Millis span) { deadline_ = deadline_.within(span); }
  bool ended() const { return ended_; }
  bool too_much() const { return passed_ > limit_; }
  int error() const { return error_; }  // errno of what broke it; 0 while whole
  Failure failure(Stage stage) const;   // why it is broken

  /// Drops what the kernel holds for us now, at most `most` octets.
  std::size_t drain(std::size_t most);
  void close();

 private:
  Wire(int fd, const Deadline& deadline) : fd_(fd), deadline_(deadline) {}
  Io count_in(std::size_t octets);

  int fd_;
  Deadline deadline_;
  int error_ = 0;
  bool ended_ = false;
  std::size_t passed_ = 0;
  std::size_t limit_ = std::numeric_limits<std::size_t>::max();
};

}  // namespace stswatch
