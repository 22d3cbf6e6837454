// What Prometheus' client libraries say of any process, under the names that dashboards know.
// https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
#pragma once

#include <prometheus/collectable.h>
#include <optional>
#include <string_view>
#include <vector>

namespace stswatch {

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

}  // namespace stswatch
