// The door of the agent's own HTTP server: the web configuration as it is now. Its files are read again when
// they change, as a certificate does every few weeks. Thread-safe.
#pragma once

#include <mutex>
#include <set>

#include "agent/tell/http_tls.h"

namespace stswatch {

class WebGate {
 public:
  struct State {
    WebConfig config;
    std::shared_ptr<const ServerTls> tls;  // null: plain
  };

  static tl::expected<std::shared_ptr<WebGate>, std::string> open(const std::string& path);

  /// What cannot be read, half written perhaps, leaves it as it was.
  std::shared_ptr<const State> now();

  /// Whether the value of an Authorization header names a user and his password; anybody where no users are
  /// configured.
  bool admits(const std::string& authorization);

 private:
  explicit WebGate(std::string path) : path_(std::move(path)) {}
  static tl::expected<std::shared_ptr<const State>, std::string> load(const std::string& path);
  std::string stamp() const;  // with mutex_ held
  bool verified(const std::string& user, const std::string& hash, const std::string& password);

  const std::string path_;
  std::mutex mutex_;
  std::shared_ptr<const State> state_;  // guarded by mutex_, as are the next two
  std::string stamp_;
  std::set<std::string> known_;  // digests of what was verified: bcrypt is slow, and each scrape asks
  std::mutex slow_;  // one bcrypt at a time, so that guessing costs the guesser and not the machine
};

}  // namespace stswatch
