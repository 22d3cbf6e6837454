// OpenMetrics 1.0 text, which prometheus-cpp 1.0 does not write: gauges, counters and histograms.
#pragma once

#include <prometheus/metric_family.h>
#include <ostream>
#include <vector>

namespace stswatch {

inline constexpr const char* kOpenMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

void write_openmetrics(std::ostream& out, const std::vector<prometheus::MetricFamily>& families);

}  // namespace stswatch
