// The agent's own server side of TLS (OpenSSL): a context made from the web configuration, and one session of
// it over a socket that does not block.
#pragma once

#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "agent/tell/door/web_config.h"

struct ssl_ctx_st;
struct ssl_st;

namespace stswatch {

class ServerTls {
 public:
  /// The error names the file or key at fault.
  static tl::expected<std::shared_ptr<const ServerTls>, std::string> make(const WebTls& config);

  ssl_ctx_st* context() const { return context_.get(); }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  explicit ServerTls(ssl_ctx_st* context) : context_(context) {}
  std::unique_ptr<ssl_ctx_st, Free> context_;
};

/// Not thread-safe. Every call is one try; `again` says what to wait for.
class TlsSession {
 public:
  enum class Io { done, want_read, want_write, ended };

  /// `tls` is kept as long as this is; `socket` is the caller's.
  TlsSession(std::shared_ptr<const ServerTls> tls, int socket);
  TlsSession(TlsSession&&) = default;
  ~TlsSession();

  Io accept();
  Io read(char* into, std::size_t room, std::size_t* count);
  Io write(const char* from, std::size_t size, std::size_t* count);
  std::size_t pending() const;      // octets that read() has without waiting
  std::size_t octets_read() const;  // from the socket, since the first
  /// accept() ended because the client spoke plain HTTP.
  bool spoke_http() const { return spoke_http_; }
  void say_goodbye();

 private:
  struct Free {
    void operator()(ssl_st* session) const;
  };
  Io outcome(int result);

  std::shared_ptr<const ServerTls> tls_;
  std::unique_ptr<ssl_st, Free> session_;
  bool up_ = false, spoke_http_ = false;
};

}  // namespace stswatch
