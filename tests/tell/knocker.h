// Who knocks at a door: clients of a real one on loopback, and answers to tell apart.
#pragma once

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "agent/tell/door/door.h"
#include "agent/tell/door/listener.h"

namespace stswatch::door {

inline std::string ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// A door whose answers say what was asked for.
inline std::unique_ptr<Door> echoing(Parts parts = {}) {
  if (!parts.serve)
    parts.serve = [](Request q) {
      std::string body(q.body.size(), '\0');
      for (std::size_t at = 0; at < body.size();)
        at += q.body.read(body.data() + at, body.size() - at);
      return Answer{ok(q.head.method + q.head.target + " " + body + ";"), false};
    };
  auto door = open_door("127.0.0.1", 0, std::move(parts));
  REQUIRE(door.has_value());
  return std::move(*door);
}

/// A client that waits 10 s at most.
class Knocker {
 public:
  explicit Knocker(const auto& door, int receive_buffer = 0) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval patience{10, 0};
    ::setsockopt(socket_.fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (receive_buffer > 0)
      ::setsockopt(socket_.fd(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(static_cast<std::uint16_t>(door.port()));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(socket_.fd(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
  }

  bool say(std::string_view octets) {
    return ::send(socket_.fd(), octets.data(), octets.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(octets.size());
  }

  /// Until `end` has come, or the connection has ended.
  std::string hear(std::string_view end = "") {
    std::string all;
    std::array<char, 4096> buffer;
    std::size_t searched = 0;  // a long answer is searched once
    while (end.empty() || all.find(end, searched) == all.npos) {
      searched = all.size() - std::min(all.size(), end.size());
      const auto n = ::recv(socket_.fd(), buffer.data(), buffer.size(), 0);
      if (n < 0) all += "(nothing in 10 s)";
      if (n <= 0) break;
      all.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return all;
  }

  /// Goes without a farewell: what it has asked for interests nobody any more.
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(socket_.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    socket_ = Descriptor();
  }

  void half_close() { ::shutdown(socket_.fd(), SHUT_WR); }

  bool closed() const {
    pollfd asked{socket_.fd(), POLLIN, 0};
    return ::poll(&asked, 1, 0) == 1;
  }

 private:
  Descriptor socket_;
};

inline constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

}  // namespace stswatch::door
