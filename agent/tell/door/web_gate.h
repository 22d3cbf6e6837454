// The door of the agent's own HTTP server: the web configuration as it is now. Its files are read again when
// they change, as a certificate does every few weeks. Thread-safe.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/tell/door/request_reader.h"
#include "agent/tell/door/server_tls.h"
#include "checks/facts/address.h"

namespace stswatch {

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
