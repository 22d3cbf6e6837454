// The JSON documents of /api/v1, rendered from a snapshot.
#pragma once

#include <prometheus/metric_family.h>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/remember/memory.h"
#include "agent/tell/snapshot.h"

namespace stswatch {

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

}  // namespace stswatch
