// What the agent answers over HTTP: the badge, the JSON of /api/v1, and the server of both and of the pages
// (CONTRACT 6).
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "agent/remember/memory.h"
#include "agent/tell/door/web_gate.h"
#include "agent/tell/snapshot.h"

namespace stswatch {

// A domain's status as a small picture for a README or a wiki page. It says its word, so that nobody needs to
// see colours, and loads nothing. Pure.

/// A picture as SVG of what may be told of this domain now (CONTRACT 2): "enforce, ok", "warning",
/// "critical", "unknown" where that is too old.
std::string badge_svg(const Snapshot& snapshot, const DomainMemory& memory);

// The JSON documents of /api/v1, rendered from a snapshot.

// What /probe answers: the families of one domain as one look shows them, and how the look went.

struct ProbeAnswer {
  std::shared_ptr<const DomainMemory> record;  // as if it were remembered; never null
  double seconds = 0;
};

/// An answer other than 200, and what it says.
struct HttpRefusal {
  int status = 500;
  std::string what;
};

/// The domain's families, probe_success and probe_duration_seconds.
std::vector<prometheus::MetricFamily> probe_families(const ProbeAnswer& answer);

/// For a person: the verdict in words, as JSON, and the exposition that would have been the answer.
std::string probe_in_words(const ProbeAnswer& answer, const std::string& exposition);

/// X-Prometheus-Scrape-Timeout-Seconds, less what the way back takes. nullopt: not a positive number.
std::optional<std::chrono::milliseconds> scrape_timeout(const std::string& header);

std::string api_domains(const Snapshot& snapshot);
/// nullopt: not watched, or not looked at yet.
std::optional<std::string> api_domain(const Snapshot& snapshot, const std::string& name);
std::string api_findings(const Snapshot& snapshot);
std::string api_silences(const Snapshot& snapshot);

// The agent's own HTTP server: CONTRACT 6.

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
