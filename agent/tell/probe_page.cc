#include "agent/tell/probe_page.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "agent/tell/json.h"
#include "agent/tell/metrics.h"
#include "agent/tell/text.h"

namespace stswatch {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;
using std::chrono::milliseconds;

constexpr milliseconds kWayBack{500};  // as blackbox_exporter's default --timeout-offset
constexpr double kLongest = 86400;

MetricFamily gauge(const char* name, const char* help, double value) {
  prometheus::ClientMetric metric;
  metric.gauge.value = value;
  return {name, help, MetricType::Gauge, {metric}};
}

bool success(const Verdict& verdict) {
  return verdict.status == Status::ok || verdict.status == Status::warning;
}

}  // namespace

std::vector<MetricFamily> probe_families(const ProbeAnswer& answer) {
  std::vector<MetricFamily> families{
      gauge("probe_success", "1 when the look's status is ok or warning, 0 when it is critical or unknown.",
            success(answer.record->verdict) ? 1 : 0),
      gauge("probe_duration_seconds", "How long the look took.", answer.seconds)};
  for (auto& family : families_of(*answer.record))
    families.push_back(std::move(family));
  return families;
}

std::string probe_in_words(const ProbeAnswer& answer, const std::string& exposition) {
  const auto& verdict = answer.record->verdict;
  return "One look at " + verdict.domain.str() + " took " + std::to_string(answer.seconds) + " s.\n\n" +
         to_text(verdict, {.explain = true}) + "\nAs `check --json` has it:\n\n" +
         to_json(verdict).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
         "\n\nThe metrics without debug=true:\n\n" + exposition;
}

std::optional<milliseconds> scrape_timeout(const std::string& header) {
  double seconds = 0;
  const auto* end = header.data() + header.size();
  const auto [read, error] = std::from_chars(header.data(), end, seconds);
  if (error != std::errc() || read != end || !(seconds > 0) || seconds > kLongest) return std::nullopt;
  const milliseconds whole{static_cast<milliseconds::rep>(seconds * 1000)};
  return whole > 2 * kWayBack ? whole - kWayBack : whole / 2;
}

}  // namespace stswatch
