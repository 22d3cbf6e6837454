// A DNS server on a loopback address for tests: UDP and TCP on one ephemeral port, its behaviour a function.
#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/observe/dns_packet.h"

namespace stswatch::testing {

struct Received {
  Bytes octets;
  bool tcp = false;

  unsigned at(std::size_t i) const { return static_cast<unsigned char>(octets.at(i)); }
  unsigned id() const { return at(0) << 8 | at(1); }
  bool edns() const { return at(11) == 1; }
  bool dnssec_ok() const {
    return edns() && (at(name_end() + 4 + 7) & 0x80) != 0;
  }  // of an OPT record behind it
  bool checking_disabled() const { return (at(3) & 0x10) != 0; }
  std::size_t name_end() const {
    std::size_t i = 12;
    while (at(i) != 0)
      i += at(i) + 1;
    return i + 1;
  }
  std::string name() const {  // of plain labels
    std::string name;
    for (std::size_t i = 12; at(i) != 0; i += at(i) + 1) {
      if (!name.empty()) name += '.';
      name += octets.substr(i + 1, at(i));
    }
    return name;
  }
  unsigned type() const { return at(name_end()) << 8 | at(name_end() + 1); }
  /// An answer to it, empty so far.
  Packet reply() const {
    Packet packet(name(), type());
    packet.id = id();
    return packet;
  }
};

class DnsServer {
 public:
  /// What to send back; nothing for silence.
  using Behaviour = std::function<std::vector<Bytes>(const Received&)>;

  enum class Tcp { open, closed };

  /// At `address` (127.x.y.z); on the port of another server where one is given, so that they differ by
  /// address alone, as the servers of a zone do.
  explicit DnsServer(Behaviour behaviour, Tcp tcp = Tcp::open, const char* address = "127.0.0.1",
                     std::uint16_t port = 0)
      : behaviour_(std::move(behaviour)), address_(address), wanted_(port) {
    while (!bind_both())
      REQUIRE(port == 0);  // another port will do
    if (tcp == Tcp::closed) ::close(std::exchange(listen_, -1));
    thread_ = std::thread([this] { run(); });
  }
  ~DnsServer() {
    ::eventfd_write(stop_, 1);
    thread_.join();
    for (const int fd : {udp_, listen_, tcp_, stop_})
      if (fd >= 0) ::close(fd);
  }
  std::string text() const { return address_ + ":" + std::to_string(port_); }
  std::uint16_t port() const { return port_; }
  int asked() const { return asked_; }

 private:
  // The TCP port of the same number may be taken: then another pair is tried.
  bool bind_both() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    ::inet_pton(AF_INET, address_.c_str(), &address.sin_addr);
    address.sin_port = htons(wanted_);
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    udp_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    REQUIRE(::bind(udp_, raw, size) == 0);
    REQUIRE(::getsockname(udp_, raw, &size) == 0);
    port_ = ntohs(address.sin_port);
    listen_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(listen_, raw, size) == 0 && ::listen(listen_, 8) == 0) return true;
    ::close(udp_);
    ::close(listen_);
    return false;
  }

  void run() {
    for (;;) {
      std::array<pollfd, 4> fds{
          pollfd{stop_, POLLIN, 0}, {udp_, POLLIN, 0}, {listen_, POLLIN, 0}, {tcp_, POLLIN, 0}};
      ::poll(fds.data(), fds.size(), -1);
      if (fds[0].revents != 0) return;
      if (fds[1].revents != 0) serve_udp();
      if (fds[2].revents != 0) accept_one();
      if (fds[3].revents != 0) serve_tcp();
    }
  }

  void serve_udp() {
    std::array<char, 4096> buffer{};
    sockaddr_in from{};
    socklen_t size = sizeof from;
    auto* raw = reinterpret_cast<sockaddr*>(&from);
    const auto got = ::recvfrom(udp_, buffer.data(), buffer.size(), 0, raw, &size);
    if (got < 12) return;
    ++asked_;
    for (const Bytes& out : behaviour_({{buffer.data(), static_cast<std::size_t>(got)}, false}))
      ::sendto(udp_, out.data(), out.size(), 0, raw, size);
  }

  void accept_one() {
    if (tcp_ >= 0) ::close(tcp_);
    tcp_ = ::accept4(listen_, nullptr, nullptr, SOCK_CLOEXEC);
  }

  void serve_tcp() {
    std::array<unsigned char, 2> length{};
    Bytes query;
    if (::recv(tcp_, length.data(), 2, MSG_WAITALL) == 2) {
      query.resize(static_cast<std::size_t>(length[0] << 8 | length[1]));
      if (::recv(tcp_, query.data(), query.size(), MSG_WAITALL) != static_cast<ssize_t>(query.size()))
        query.clear();
    }
    if (query.size() < 12) {
      ::close(std::exchange(tcp_, -1));
      return;
    }
    ++asked_;
    for (const Bytes& out : behaviour_({query, true})) {
      const Bytes framed = u16(static_cast<unsigned>(out.size())) + out;
      ::send(tcp_, framed.data(), framed.size(), MSG_NOSIGNAL);
    }
  }

  Behaviour behaviour_;
  const std::string address_;
  const std::uint16_t wanted_;
  std::atomic<int> asked_{0};
  int udp_ = -1, listen_ = -1, tcp_ = -1;
  int stop_ = ::eventfd(0, EFD_CLOEXEC);
  std::uint16_t port_ = 0;
  std::thread thread_;
};

inline std::vector<Bytes> silence(const Received&) { return {}; }
inline DnsServer::Behaviour refuse(unsigned rcode) {
  return [rcode](const Received& query) { return std::vector{query.reply().rcode(rcode).octets()}; };
}
/// A TXT record that repeats the name, or an empty zone for other types.
inline std::vector<Bytes> echo(const Received& query) {
  if (query.type() != kTxt) return {query.reply().soa("", 60, 60).octets()};
  return {query.reply().with(query.name(), kTxt, 60, rd_txt({query.name()})).octets()};
}

}  // namespace stswatch::testing
