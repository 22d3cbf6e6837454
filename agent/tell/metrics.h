// The exposition of CONTRACT 7: a snapshot as prometheus-cpp families, and the agent's own counters.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>
#include <sys/mman.h>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/tell/snapshot.h"

namespace stswatch {

inline constexpr std::string_view kLooksTotal = "stswatch_looks_total";
inline constexpr std::string_view kLookDuration = "stswatch_look_duration_seconds";

/// Families of everything that follows from a snapshot, in the order of the table in families.h. Pure.
std::vector<prometheus::MetricFamily> families_of(const Snapshot& snapshot);

/// Those of one domain and its MX hosts alone.
std::vector<prometheus::MetricFamily> families_of(const DomainMemory& memory);

/// What a sender without cache applies (CONTRACT 7): none, testing, enforce, absent or unknown.
std::string_view domain_mode(const Verdict& verdict);

/// As labels of a metric: "label_" and the name with "_" for what Prometheus does not take, in the order of
/// `labels`; no two are the same.
std::vector<std::string> metric_label_names(const std::map<std::string, std::string>& labels);

/// The format of an exposition: Prometheus 0.0.4 or OpenMetrics 1.0.
enum class TextFormat { prometheus, openmetrics };

/// What the families of a snapshot are as text, written without them: there may be millions of series. Of
/// OpenMetrics without the "# EOF", as more may follow.
std::string metrics_text(const Snapshot& snapshot, TextFormat format);

/// Renders a snapshot taken anew at each scrape; no look ever touches a gauge.
class SnapshotCollectable : public prometheus::Collectable {
 public:
  explicit SnapshotCollectable(std::function<Snapshot()> take) : take_(std::move(take)) {}
  std::vector<prometheus::MetricFamily> Collect() const override { return families_of(take_()); }
  std::string text(TextFormat format) const { return metrics_text(take_(), format); }

 private:
  std::function<Snapshot()> take_;
};

enum class LookKind { domain, policy, mx };
enum class LookOutcome { ok, failed, unknown };
constexpr std::string_view to_string(LookOutcome outcome) {
  constexpr std::array<std::string_view, 3> kWords{"ok", "failed", "unknown"};
  return kWords[static_cast<std::size_t>(outcome)];
}

/// Counts looks and their duration; all label sets are born at 0. Thread-safe.
class LookMetrics {
 public:
  LookMetrics();
  void looked(LookKind kind, LookOutcome outcome, double seconds);
  const std::shared_ptr<prometheus::Registry>& registry() const { return registry_; }

 private:
  std::shared_ptr<prometheus::Registry> registry_;
  std::array<std::array<prometheus::Counter*, 3>, 3> looks_{};  // owned by the registry
  std::array<prometheus::Histogram*, 3> durations_{};           // likewise
};

// OpenMetrics 1.0 text, which prometheus-cpp 1.0 does not write: gauges, counters and histograms.

// gzip (RFC 1952) for answers whose type the HTTP library does not compress by itself. Pure.

/// Empty when zlib has no memory for it: then the answer goes out as it is.
std::string gzipped(std::string_view text);

/// Does an Accept-Encoding header (RFC 9110 §12.5.3) allow gzip?
bool accepts_gzip(std::string_view header);

inline constexpr const char* kOpenMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

void write_openmetrics(std::ostream& out, const std::vector<prometheus::MetricFamily>& families);

/// All of them on one page, those of snapshots without a detour.
std::string text_of(const std::vector<std::shared_ptr<prometheus::Collectable>>& metrics, TextFormat format);
std::string text_of(const std::vector<prometheus::MetricFamily>& families, TextFormat format);

// What Prometheus' client libraries say of any process, under the names that dashboards know.
// https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics

struct ProcessFigures {
  double cpu_seconds = 0;
  double virtual_bytes = 0, resident_bytes = 0;
  double threads = 0;
  double start_after_boot = 0;  // seconds
};

/// Of the text of /proc/PID/stat (proc(5)); nullopt: it is none. Pure.
std::optional<ProcessFigures> parse_process_stat(std::string_view text, long ticks_per_second,
                                                 long page_octets);

/// Of this process, read anew at each scrape; what cannot be read is left out. Thread-safe.
class ProcessCollectable : public prometheus::Collectable {
 public:
  ProcessCollectable();
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  std::optional<double> started_;  // by the clock as it was then: later steps do not move it
};

// Room for a text of tens of MiB, as a scrape of thousands of domains is. Pure.

/// As text.reserve(). A fault for each page of 4 KiB would cost as much as the text: large pages are asked
/// for, and where there are none it only takes longer.
inline void reserve_at_once(std::string& text, std::size_t size) {
  constexpr std::uintptr_t kLarge = 2U << 20U;
  text.reserve(size);
  const auto begin = (reinterpret_cast<std::uintptr_t>(text.data()) + kLarge - 1) / kLarge * kLarge;
  const auto end = (reinterpret_cast<std::uintptr_t>(text.data()) + text.capacity()) / kLarge * kLarge;
  if (begin < end) (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

}  // namespace stswatch
