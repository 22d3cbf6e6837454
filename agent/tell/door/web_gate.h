// Who may come in: the file of certificates and passwords, TLS by it, and the gate that asks.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "agent/tell/door/request_reader.h"
#include "checks/facts/address.h"

namespace stswatch {

// Who may ask the agent's own HTTP server, and how it shows itself: the web configuration file of Prometheus'
// exporter-toolkit (YAML). Strict: what it does not know is an error with its line.

struct WebTls {
  enum class ClientAuth { none, request, require_any, verify_if_given, require_and_verify };

  std::string cert_file, key_file, client_ca_file;  // absolute, or relative to the working directory
  ClientAuth client_auth = ClientAuth::none;
  int min_version = 0x0303, max_version = 0;  // as on the wire; 0: the newest
  std::vector<std::string> cipher_suites;     // IANA names; TLS 1.2 and below. Empty: OpenSSL's choice
  std::vector<std::string> curves;            // OpenSSL's names
};

struct WebConfig {
  std::optional<WebTls> tls;
  std::map<std::string, std::string> users;    // name -> bcrypt hash
  std::map<std::string, std::string> headers;  // added to every answer

  /// Of a bcrypt hash: about a second.
  static constexpr int kMostCost = 14;

  static tl::expected<WebConfig, std::string> load(const std::string& path);
};

}  // namespace stswatch

// The agent's own server side of TLS (OpenSSL): a context made from the web configuration, and one session of
// it over a socket that does not block.

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
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;
  ~TlsSession();

  Io accept();
  Io read(char* into, std::size_t room, std::size_t* count);
  Io write(const char* from, std::size_t size, std::size_t* count);
  std::size_t pending() const;      // octets that read() has without waiting
  std::size_t octets_read() const;  // from the socket, since the first
  /// Records that brought no data, since accept() or expect_request().
  std::size_t idle_records() const { return idle_records_; }
  void expect_request() { idle_records_ = 0; }
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
  std::size_t idle_records_ = 0;  // OpenSSL counts them here
};

// The door of the agent's own HTTP server: the web configuration as it is now. Its files are read again when
// they change, as a certificate does every few weeks. Thread-safe.

class WebGate {
 public:
  struct State {
    WebConfig config;
    std::shared_ptr<const ServerTls> tls;  // null: plain
  };

  /// Files with secrets that others may read (mode & 007) are refused, unless `shared`.
  static tl::expected<std::shared_ptr<WebGate>, std::string> open(const std::string& path,
                                                                  bool shared = false);

  /// What cannot be read, half written perhaps, what everybody may read, and what asks for no password any
  /// more leave it as it was.
  std::shared_ptr<const State> now();

 private:
  WebGate(std::string path, bool shared) : path_(std::move(path)), shared_(shared) {}
  static tl::expected<std::shared_ptr<const State>, std::string> load(const std::string& path);
  std::string stamp() const;                                               // with mutex_ held
  std::optional<std::string> shown_to_all(const WebConfig& config) const;  // a secret that others may read

  const std::string path_;
  const bool shared_;
  std::mutex mutex_;
  std::shared_ptr<const State> state_;  // guarded by mutex_, as is the next
  std::string stamp_;
};

}  // namespace stswatch

namespace stswatch::door {

// What may change something: a request of the service's own pages or of a program, under a name that is the
// service's own. A page of another site shows itself by Origin or Sec-Fetch-Site; one that has turned its own
// name to this address (DNS rebinding) by its Host. Pure.

struct OwnNames {
  std::string external_url;
  std::vector<std::string> hosts;  // "name", "name:port", addresses
  std::function<bool(const Address&)> is_ours = [](const Address&) { return false; };  // of this machine
};

/// Why a POST is not done; nullopt where it may be. GET and HEAD change nothing and are free.
std::optional<std::string> foreign(const RequestHead& head, const OwnNames& own);

}  // namespace stswatch::door
