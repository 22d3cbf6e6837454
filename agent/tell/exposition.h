// OpenMetrics 1.0 text, which prometheus-cpp 1.0 does not write: gauges, counters and histograms.
#pragma once

#include <prometheus/metric_family.h>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace stswatch {

// gzip (RFC 1952) for answers whose type the HTTP library does not compress by itself. Pure.

/// Empty when zlib has no memory for it: then the answer goes out as it is.
std::string gzipped(std::string_view text);

/// Does an Accept-Encoding header (RFC 9110 §12.5.3) allow gzip?
bool accepts_gzip(std::string_view header);

inline constexpr const char* kOpenMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

void write_openmetrics(std::ostream& out, const std::vector<prometheus::MetricFamily>& families);

}  // namespace stswatch
