#include "agent/tell/metrics.h"

#include <prometheus/text_serializer.h>
#include <zlib.h>
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <sstream>

#include "checks/facts/text.h"

namespace stswatch {

namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib: the largest window, with a gzip header
constexpr int kMemory = 8;

/// RFC 9110 §12.4.2: a weight of 0, in any of its spellings, means "not acceptable".
bool refused(std::string_view parameters) {
  const auto q = text::trim(parameters.substr(std::min(parameters.find('=') + 1, parameters.size())));
  return text::istarts_with(text::trim(parameters), "q=") && !q.empty() &&
         q.find_first_not_of("0.") == q.npos;
}

}  // namespace

std::string gzipped(std::string_view text) {
  if (text.size() > std::numeric_limits<uInt>::max()) return {};
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, kMemory, Z_DEFAULT_STRATEGY) != Z_OK)
    return {};
  std::string out(deflateBound(&stream, text.size()), '\0');
  // zlib does not write through next_in, but takes it as a pointer to something it may.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const bool done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(done ? stream.total_out : 0);
  deflateEnd(&stream);
  return out;
}

bool accepts_gzip(std::string_view header) {
  while (!header.empty()) {
    const auto end = std::min(header.find(','), header.size());
    const auto item = header.substr(0, end);
    const auto name_end = std::min(item.find(';'), item.size());
    if (text::iequals(text::trim(item.substr(0, name_end)), "gzip"))
      return !refused(item.substr(std::min(name_end + 1, item.size())));
    header.remove_prefix(std::min(end + 1, header.size()));
  }
  return false;
}

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

namespace {

void write_openmetrics_families(std::ostream& out, const std::vector<MetricFamily>& families) {
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
}

}  // namespace

void write_openmetrics(std::ostream& out, const std::vector<MetricFamily>& families) {
  write_openmetrics_families(out, families);
  out << "# EOF\n";
}

std::string text_of(const std::vector<MetricFamily>& families, TextFormat format) {
  std::ostringstream out;
  if (format == TextFormat::openmetrics)
    write_openmetrics(out, families);
  else
    prometheus::TextSerializer().Serialize(out, families);
  return out.str();
}

std::string text_of(const std::vector<std::shared_ptr<prometheus::Collectable>>& metrics, TextFormat format) {
  std::string out;
  std::vector<MetricFamily> others;
  for (const auto& part : metrics) {
    if (const auto* snapshot = dynamic_cast<const SnapshotCollectable*>(part.get()))
      out += snapshot->text(format);
    else
      std::ranges::move(part->Collect(), std::back_inserter(others));
  }
  return out += text_of(others, format);
}

}  // namespace stswatch
