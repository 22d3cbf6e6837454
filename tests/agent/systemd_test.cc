#include "agent/watch/own_state.h"

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

using namespace stswatch;

namespace {

/// A socket in NOTIFY_SOCKET, as systemd would have it.
class Manager {
 public:
  Manager() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    const std::string name = "stswatch-test-" + std::to_string(::getpid());  // abstract: no file is left
    std::memcpy(at.sun_path + 1, name.data(), name.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&at), size) == 0);
    ::setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
  }
  ~Manager() {
    ::unsetenv("NOTIFY_SOCKET");
    ::close(fd_);
  }

  /// What was said last; empty when nothing was.
  std::string heard() const {
    std::array<char, 512> notice{};
    const auto size = ::recv(fd_, notice.data(), notice.size(), 0);
    return size > 0 ? std::string(notice.data(), static_cast<std::size_t>(size)) : std::string();
  }

 private:
  int fd_;
};

}  // namespace

TEST_CASE("systemd hears a pulse only while the service turns") {
  const Manager manager;
  systemd::Pulse pulse;
  pulse.beat(std::nullopt);
  CHECK(manager.heard() == "WATCHDOG=1");
  pulse.beat("the look at example.com has not ended for 200 s");
  CHECK(manager.heard().empty());
  pulse.beat("the look at example.com has not ended for 210 s");
  CHECK(manager.heard().empty());
  pulse.beat(std::nullopt);
  CHECK(manager.heard() == "WATCHDOG=1");
}

TEST_CASE("a reload carries the moment it began, which Type=notify-reload needs") {
  const Manager manager;
  systemd::reloading();
  const auto said = manager.heard();
  CHECK(said.starts_with("RELOADING=1\nMONOTONIC_USEC="));
  CHECK(std::stoll(said.substr(said.rfind('=') + 1)) > 0);
}

TEST_CASE("without systemd nothing is said and nothing is due") {
  ::unsetenv("NOTIFY_SOCKET");
  ::unsetenv("WATCHDOG_USEC");
  systemd::ready(1);
  CHECK_FALSE(systemd::watchdog());
}
