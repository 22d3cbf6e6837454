#include "checks/observe/net/tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace stswatch {

namespace {

constexpr in_port_t kDiscard = 9;  // connect(2) of a datagram socket wants a port; nothing is sent to it

socklen_t fill(const Address& address, sockaddr_storage& out) {
  if (address.is_v6()) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(kDiscard);
    std::memcpy(&v6.sin6_addr, address.octets().data(), 16);
    std::memcpy(&out, &v6, sizeof v6);
    return sizeof v6;
  }
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(kDiscard);
  std::memcpy(&v4.sin_addr, address.octets().data(), 4);
  std::memcpy(&out, &v4, sizeof v4);
  return sizeof v4;
}

std::optional<Address> bound_to(int fd) {
  sockaddr_storage ours{};
  socklen_t size = sizeof ours;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&ours), &size) != 0) return std::nullopt;
  if (ours.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &ours, sizeof v6);
    std::array<std::uint8_t, 16> octets{};
    std::memcpy(octets.data(), &v6.sin6_addr, octets.size());
    return Address::v6(octets);
  }
  sockaddr_in v4{};
  std::memcpy(&v4, &ours, sizeof v4);
  std::array<std::uint8_t, 4> octets{};
  std::memcpy(octets.data(), &v4.sin_addr, octets.size());
  return Address::v4(octets);
}

}  // namespace

Result<Address> source_address(const Address& peer) {
  const int fd = ::socket(peer.is_v6() ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return tl::unexpected(Failure{Stage::connect, cause_of_errno(errno), "no socket"});
  sockaddr_storage to{};
  const socklen_t size = fill(peer, to);
  std::optional<Address> ours;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), size) == 0) ours = bound_to(fd);
  ::close(fd);
  if (!ours) return tl::unexpected(Failure{Stage::connect, Cause::no_route, "no route"});
  return *ours;
}

namespace {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SocketAddress to_sockaddr(const Address& address, std::uint16_t port) {
  SocketAddress result;
  if (address.is_v6()) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, address.octets().data(), 16);
    std::memcpy(&result.storage, &v6, sizeof v6);
    result.size = sizeof v6;
  } else {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.octets().data(), 4);
    std::memcpy(&result.storage, &v4, sizeof v4);
    result.size = sizeof v4;
  }
  return result;
}

Failure failure_of(int error, Stage stage) {
  return {stage, cause_of_errno(error), printable(std::generic_category().message(error))};
}

// EADDRNOTAVAIL means "no source address for that destination" or "no free port": only the first is a missing
// route. UDP asks the routing table the same question, of another set of ports, and sends nothing.
bool has_route(const SocketAddress& to) {
  int fd = ::socket(to.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  bool routed = ::connect(fd, to.get(), to.size) == 0;
  ::close(fd);
  return routed;
}

Failure connect_failure(int error, const SocketAddress& to) {
  auto failure = failure_of(error, Stage::connect);
  if (error == EADDRNOTAVAIL && has_route(to)) failure.cause = Cause::exhausted;
  return failure;
}

}  // namespace

Result<Wire> Wire::connect(const Address& address, std::uint16_t port, const Deadline& deadline) {
  if (deadline.cancelled()) return tl::unexpected(Failure{Stage::connect, Cause::cancelled, "told to stop"});
  if (deadline.passed()) return tl::unexpected(Failure{Stage::connect, Cause::timeout, "no time left"});
  int fd = ::socket(address.is_v6() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return tl::unexpected(failure_of(errno, Stage::connect));
  Wire wire(fd, deadline);
  // The dialogues are short lines that each wait for an answer: Nagle would only delay them.
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto to = to_sockaddr(address, port);
  if (::connect(fd, to.get(), to.size) == 0) return wire;
  if (errno != EINPROGRESS && errno != EINTR) return tl::unexpected(connect_failure(errno, to));
  if (auto ready = wire.wait(POLLOUT, Stage::connect); !ready) return tl::unexpected(ready.error());
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return tl::unexpected(connect_failure(error, to));
  return wire;
}

Wire::Wire(Wire&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      deadline_(other.deadline_),
      error_(other.error_),
      ended_(other.ended_),
      passed_(other.passed_),
      limit_(other.limit_) {}

Wire& Wire::operator=(Wire&& other) noexcept {
  if (this == &other) return *this;
  close();
  fd_ = std::exchange(other.fd_, -1);
  deadline_ = other.deadline_;
  error_ = other.error_;
  ended_ = other.ended_;
  passed_ = other.passed_;
  limit_ = other.limit_;
  return *this;
}

Wire::~Wire() { close(); }

void Wire::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Wire::Io Wire::count_in(std::size_t octets) {
  passed_ += octets;
  return too_much() ? Io::too_much : Io::moved;
}

Wire::Io Wire::receive(void* into, std::size_t room, std::size_t* count) {
  *count = 0;
  if (ended_) return Io::ended;
  if (too_much()) return Io::too_much;
  ssize_t n;
  do {
    n = ::recv(fd_, into, room, 0);
  } while (n < 0 && errno == EINTR);
  if (n > 0) {
    *count = static_cast<std::size_t>(n);
    return count_in(*count);
  }
  // A line that broke while we wrote still hands over what came before; only then is it broken for readers,
  // and not even then if the peer had ended in order (EPIPE): whether we see the end or the reset is a race.
  const int error = error_ != 0 ? error_ : n == 0 ? 0 : errno;
  if (error == 0 || error == EPIPE) {
    ended_ = true;
    return Io::ended;
  }
  if (error_ == 0 && (error == EAGAIN || error == EWOULDBLOCK)) return Io::again;
  error_ = error;
  return Io::broken;
}

Wire::Io Wire::send(const void* from, std::size_t size, std::size_t* count) {
  *count = 0;
  if (error_ != 0) return Io::broken;
  if (too_much()) return Io::too_much;
  ssize_t n;
  do {
    n = ::send(fd_, from, size, MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  if (n >= 0) {
    *count = static_cast<std::size_t>(n);
    return count_in(*count);
  }
  if (errno == EAGAIN || errno == EWOULDBLOCK) return Io::again;
  error_ = errno;
  return Io::broken;
}

Result<void> Wire::wait(short events, Stage stage) const {
  auto shown = deadline_.wait(fd_, events, stage);
  if (!shown) return tl::unexpected(std::move(shown).error());
  return {};
}

Failure Wire::failure(Stage stage) const { return failure_of(error_, stage); }

std::size_t Wire::drain(std::size_t most) {
  std::array<char, 4096> scrap;
  std::size_t dropped = 0;
  while (dropped < most) {
    std::size_t count = 0;
    if (receive(scrap.data(), std::min(scrap.size(), most - dropped), &count) != Io::moved) break;
    dropped += count;
  }
  return dropped;
}

}  // namespace stswatch
