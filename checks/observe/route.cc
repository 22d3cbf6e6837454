#include "checks/observe/route.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

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

std::optional<Address> source_address(const Address& peer) {
  const int fd = ::socket(peer.is_v6() ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::nullopt;
  sockaddr_storage to{};
  const socklen_t size = fill(peer, to);
  std::optional<Address> ours;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), size) == 0) ours = bound_to(fd);
  ::close(fd);
  return ours;
}

}  // namespace stswatch
