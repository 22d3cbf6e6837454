// The exposition of CONTRACT 7: a snapshot as prometheus-cpp families, and the agent's own counters.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/registry.h>
#include <functional>
#include <memory>

#include "agent/tell/snapshot.h"

namespace stswatch {

/// Families of everything that follows from a snapshot, in the order of the table in metric_table.cc. Pure.
std::vector<prometheus::MetricFamily> families_of(const Snapshot& snapshot);

/// Those of one domain and its MX hosts alone.
std::vector<prometheus::MetricFamily> families_of(const DomainMemory& memory);

/// Renders a snapshot taken anew at each scrape; no look ever touches a gauge.
class SnapshotCollectable : public prometheus::Collectable {
 public:
  explicit SnapshotCollectable(std::function<Snapshot()> take) : take_(std::move(take)) {}
  std::vector<prometheus::MetricFamily> Collect() const override { return families_of(take_()); }

 private:
  std::function<Snapshot()> take_;
};

enum class LookKind { domain, policy, mx };
enum class LookOutcome { ok, failed, unknown };

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

}  // namespace stswatch
