#include "agent/tell/door/listener.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "agent/tell/door/bounds.h"

namespace stswatch::door {
namespace {

constexpr int kBacklog = 512;

tl::unexpected<std::string> trouble() { return tl::make_unexpected(std::string(std::strerror(errno))); }

int port_of(int socket) {
  sockaddr_storage at{};
  socklen_t size = sizeof at;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&at), &size) != 0) return 0;
  return ntohs(at.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(at).sin6_port
                                        : reinterpret_cast<sockaddr_in&>(at).sin_port);
}

std::pair<sockaddr_storage, socklen_t> socket_address(const Address& address, int port) {
  sockaddr_storage out{};
  const auto number = htons(static_cast<std::uint16_t>(port));
  if (!address.is_v6()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(out);
    v4.sin_family = AF_INET;
    v4.sin_port = number;
    std::memcpy(&v4.sin_addr, address.octets().data(), 4);
    return {out, sizeof v4};
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = number;
  std::memcpy(&v6.sin6_addr, address.octets().data(), 16);
  return {out, sizeof v6};
}

Address address_in(const sockaddr_storage& at) {
  std::array<std::uint8_t, 16> octets{};
  std::array<std::uint8_t, 4> four{};
  if (at.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(at);
    std::memcpy(octets.data(), &v6.sin6_addr, 16);
    if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return Address::v6(octets);
    std::memcpy(four.data(), octets.data() + 12, 4);
  } else {
    std::memcpy(four.data(), &reinterpret_cast<const sockaddr_in&>(at).sin_addr, 4);
  }
  return Address::v4(four);
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

tl::expected<Listener, std::string> listen_on(const std::string& address, int port) {
  const auto at = Address::parse(address);
  if (!at) return tl::make_unexpected(std::string("this is no IP address"));
  const auto [where, size] = socket_address(*at, port);
  Listener out;
  out.socket = Descriptor(::socket(where.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int fd = out.socket.fd(), on = 1, off = 0;
  if (fd < 0) return trouble();
  // Not SO_REUSEPORT, which would let a second agent take half of the requests.
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (at->is_v6()) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&where), size) != 0 || ::listen(fd, kBacklog) != 0)
    return trouble();
  out.port = port_of(fd);
  return out;
}

std::optional<Accepted> accept_from(int listener) {
  sockaddr_storage at{};
  socklen_t size = sizeof at;
  const int fd = ::accept4(listener, reinterpret_cast<sockaddr*>(&at), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return std::nullopt;
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return Accepted{fd, address_in(at)};
}

bool on_this_machine(const Address& address) {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return false;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(all, &::freeifaddrs);
  for (const auto* each = all; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr) continue;
    const bool v6 = each->ifa_addr->sa_family == AF_INET6;
    if (!v6 && each->ifa_addr->sa_family != AF_INET) continue;
    sockaddr_storage at{};
    std::memcpy(&at, each->ifa_addr, v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in));
    if (address_in(at) == address) return true;
  }
  return false;
}

std::size_t most_connections() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kConnections;
  return std::clamp<std::size_t>(limit.rlim_cur / 4, 8, kConnections);
}

// Which lane a client takes.

bool Lane::submit(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  if (tasks_.size() >= most_waiting_ || ending_) return false;
  tasks_.push_back(std::move(task));
  if (tasks_.size() > idle_ && threads_.size() < most_threads_) threads_.emplace_back([this] { work(); });
  more_.notify_one();
  return true;
}

std::size_t Lane::waiting() {
  const std::lock_guard lock(mutex_);
  return tasks_.size();
}

void Lane::end() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    tasks_.clear();
    threads.swap(threads_);
  }
  more_.notify_all();
  for (auto& thread : threads)
    thread.join();
}

void Lane::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    more_.wait(lock, [&] { return ending_ || !tasks_.empty(); });
    --idle_;
    if (tasks_.empty()) return;
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
}

}  // namespace stswatch::door
