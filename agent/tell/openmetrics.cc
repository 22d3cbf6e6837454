#include "agent/tell/openmetrics.h"

#include <array>
#include <charconv>
#include <cmath>

namespace stswatch {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

std::string number(double value) {
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  if (std::isnan(value)) return "NaN";
  std::array<char, 32> text{};
  const auto [end, ec] = std::to_chars(text.data(), text.data() + text.size(), value);
  return ec == std::errc() ? std::string(text.data(), end) : "NaN";
}

void write_escaped(std::ostream& out, const std::string& text) {
  for (const char c : text) {
    if (c == '\\' || c == '"')
      out << '\\' << c;
    else if (c == '\n')
      out << "\\n";
    else
      out << c;
  }
}

void write_sample(std::ostream& out, const std::string& name, const ClientMetric& metric,
                  const std::string& value, const std::string& le = {}) {
  out << name;
  char separator = '{';
  const auto label = [&](const std::string& key, const std::string& text) {
    out << separator << key << "=\"";
    write_escaped(out, text);
    out << '"';
    separator = ',';
  };
  for (const auto& l : metric.label)
    label(l.name, l.value);
  if (!le.empty()) label("le", le);
  if (separator == ',') out << '}';
  out << ' ' << value << '\n';
}

/// A threshold is a float and is written as one: "1.0", not "1".
std::string threshold(double value) {
  auto text = number(value);
  if (text.find_first_not_of("-0123456789") == text.npos) text += ".0";
  return text;
}

void write_histogram(std::ostream& out, const std::string& name, const ClientMetric& metric) {
  const auto& h = metric.histogram;
  for (const auto& bucket : h.bucket)
    write_sample(out, name + "_bucket", metric, std::to_string(bucket.cumulative_count),
                 threshold(bucket.upper_bound));
  write_sample(out, name + "_count", metric, std::to_string(h.sample_count));
  write_sample(out, name + "_sum", metric, number(h.sample_sum));
}

constexpr std::string_view kTotal = "_total", kInfo = "_info";

/// Always 1, for the sake of its labels: a type of its own in OpenMetrics.
bool is_info(const MetricFamily& family) {
  return family.type == MetricType::Gauge && family.name.ends_with(kInfo);
}

/// The family of a counter or info is named without the suffix of its samples.
std::string family_name(const MetricFamily& family) {
  std::size_t suffix = 0;
  if (family.type == MetricType::Counter && family.name.ends_with(kTotal)) suffix = kTotal.size();
  if (is_info(family)) suffix = kInfo.size();
  return family.name.substr(0, family.name.size() - suffix);
}

std::string_view type_name(const MetricFamily& family) {
  if (is_info(family)) return "info";
  switch (family.type) {
    case MetricType::Counter:
      return "counter";
    case MetricType::Histogram:
      return "histogram";
    case MetricType::Gauge:
      return "gauge";
    default:
      return "unknown";
  }
}

}  // namespace

void write_openmetrics(std::ostream& out, const std::vector<MetricFamily>& families) {
  for (const auto& family : families) {
    const auto name = family_name(family);
    out << "# TYPE " << name << ' ' << type_name(family) << "\n# HELP " << name << ' ';
    write_escaped(out, family.help);
    out << '\n';
    for (const auto& metric : family.metric) {
      if (family.type == MetricType::Histogram)
        write_histogram(out, name, metric);
      else
        write_sample(out, family.name, metric,
                     number(family.type == MetricType::Counter ? metric.counter.value : metric.gauge.value));
    }
  }
  out << "# EOF\n";
}

}  // namespace stswatch
