// A peer on loopback that follows a script: one thread, one connection at a time, the same script for each.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace stswatch::dialogue {

/// One accepted connection, as the script sees it. Every call gives up once the other side is gone.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {}
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() {
    if (ssl_ != nullptr) SSL_free(ssl_);
    ::close(fd_);
  }

  bool say(std::string_view text) {
    if (ssl_ != nullptr)
      return text.empty() || SSL_write(ssl_, text.data(), static_cast<int>(text.size())) > 0;
    while (!text.empty()) {
      const ssize_t n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

  /// A line without its end; empty when the other side has gone.
  std::string hear() {
    std::string line;
    for (char c = 0; line.size() < 100000 && receive(c) && c != '\n';)
      if (c != '\r') line += c;
    heard_.push_back(line);
    return line;
  }

  /// Speaks `reply`, then waits for the next line.
  std::string ask(std::string_view reply) {
    say(reply);
    return hear();
  }

  /// Waits, saying nothing, until the other side gives up.
  void hang() {
    for (char c; receive(c);) {
    }
  }

  bool start_tls(SSL_CTX* context) {
    ssl_ = SSL_new(context);
    SSL_set_fd(ssl_, fd_);
    return SSL_accept(ssl_) == 1;
  }
  void close_notify() {
    if (ssl_ != nullptr) SSL_shutdown(ssl_);
  }
  /// The next close is a reset.
  void reset_on_close() {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }

  const std::vector<std::string>& heard() const { return heard_; }
  int descriptor() const { return fd_; }

 private:
  bool receive(char& c) { return ssl_ != nullptr ? SSL_read(ssl_, &c, 1) == 1 : ::recv(fd_, &c, 1, 0) == 1; }

  int fd_;
  SSL* ssl_ = nullptr;
  std::vector<std::string> heard_;
};

class ScriptedServer {
 public:
  using Script = std::function<void(Peer&)>;

  explicit ScriptedServer(Script script) : script_(std::move(script)) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof here;
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&here), size) != 0 || ::listen(fd_, 8) != 0) std::abort();
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&here), &size);
    port_ = ntohs(here.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedServer() { stop(); }

  std::uint16_t port() const { return port_; }

  /// What each connection said, line by line, once all of them have ended.
  std::vector<std::vector<std::string>> stop() {
    if (thread_.joinable()) {
      ::shutdown(fd_, SHUT_RDWR);
      thread_.join();
      ::close(fd_);
    }
    return heard_;
  }

 private:
  void serve() {
    // OpenSSL writes with write(2). Only here: the client under test must do without.
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    for (;;) {
      const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      const timeval longest{10, 0};  // a script that waits for what never comes must fail, not hang
      ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof longest);
      Peer peer(fd);
      script_(peer);
      heard_.push_back(peer.heard());
    }
  }

  Script script_;
  int fd_ = -1;
  std::uint16_t port_ = 0;
  std::thread thread_;
  std::vector<std::vector<std::string>> heard_;  // the thread's until stop() has joined it
};

}  // namespace stswatch::dialogue
