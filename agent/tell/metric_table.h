// Every metric's name, type and help, once.
#pragma once

#include <span>
#include <string_view>

namespace stswatch {

struct MetricInfo {
  std::string_view name;
  std::string_view help;
};

/// What a snapshot fills, in exposition order: counters where the name ends in _total, else gauges.
std::span<const MetricInfo> snapshot_metrics();

inline constexpr std::string_view kLooksTotal = "stswatch_looks_total";
inline constexpr std::string_view kLookDuration = "stswatch_look_duration_seconds";

}  // namespace stswatch
