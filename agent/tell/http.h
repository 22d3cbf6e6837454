// The agent's own HTTP server: CONTRACT 6.
#pragma once

#include <prometheus/collectable.h>
#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "agent/tell/api.h"
#include "agent/tell/door/web_gate.h"
#include "agent/tell/snapshot.h"

namespace stswatch {

/// A body that may be a TLS report, and what its sender is told.
struct ReportPost {
  std::string body, media_type;
  std::string token;    // of ?token= or of a Bearer header; it is never logged
  std::string address;  // of the client
};
struct ReportAnswer {
  int status = 404;
  std::string words = "no reports are taken here";
};

/// What the server asks of the agent; called from its threads.
struct HttpParts {
  std::vector<std::shared_ptr<prometheus::Collectable>> metrics;
  std::function<std::shared_ptr<WebGate>()> gate;  // agent.web_config; null where there is none
  std::function<door::OwnNames()> own_names = [] { return door::OwnNames(); };
  /// Whether there is a badge of this domain, if it is watched; the same for all that are not.
  std::function<bool(const std::string& domain)> has_badge = [](const std::string&) { return false; };
  std::function<bool()> badges_are_public = [] { return false; };  // for people without a password too
  std::function<bool()> ready;
  std::function<std::optional<std::string>()> stuck;  // why it is no longer healthy, if so
  std::function<std::vector<Incident>()> own = [] { return std::vector<Incident>{}; };  // what ails the agent
  std::function<Snapshot()> snapshot;
  using Looking = LookAsked;
  std::function<Looking(const Domain&, const std::string& who)> look_now;
  std::function<tl::expected<void, std::string>(const Silence&)> silence;  // the error is for the caller
  std::function<bool(const std::string& id, const std::string& who)> lift_silence;  // false: there is none
  std::function<bool(const Domain&, const std::string& who)> acknowledge;  // false: nothing was told of it
  std::function<tl::expected<void, std::string>(const std::string& who)> reload;
  std::function<ReportAnswer(ReportPost)> report = [](const ReportPost&) { return ReportAnswer{}; };
  /// Looks now, for as long as given, or as it sees fit.
  std::function<tl::expected<ProbeAnswer, HttpRefusal>(const std::string& target,
                                                       std::optional<std::chrono::milliseconds>)>
      probe;
};

class HttpServer {
 public:
  virtual ~HttpServer() = default;  // stops and joins
  virtual int port() const = 0;
};

/// Listens at once; port 0 picks a free one. The error names the address and how to mend it.
tl::expected<std::unique_ptr<HttpServer>, std::string> serve_http(const std::string& host, int port,
                                                                  HttpParts parts);

}  // namespace stswatch
