// What series become: families of the client library, for probes and those who count them, or text at once,
// for a scrape of thousands of domains: no object for a series, and no more memory than twice the text.
#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <mutex>
#include <sstream>
#include <utility>

#include "agent/tell/families.h"
#include "agent/tell/metrics.h"
#include "checks/facts/text.h"

namespace stswatch {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

class FamilySink : public SeriesSink {
 public:
  FamilySink() {
    for (const auto& info : kMetrics)
      families_.push_back({std::string(info.name),
                           std::string(info.help),
                           is_counter(info) ? MetricType::Counter : MetricType::Gauge,
                           {}});
  }

  void take(std::size_t metric, const FirstLabels& first, std::span<const Label> labels,
            double value) override {
    ClientMetric one;
    one.label = first.labels;
    for (const auto& label : labels)
      one.label.push_back({std::string(label.name), std::string(label.value.text())});
    auto& family = families_[metric];
    (family.type == MetricType::Counter ? one.counter.value : one.gauge.value) = value;
    family.metric.push_back(std::move(one));
  }

  std::vector<MetricFamily> families() {
    std::erase_if(families_, [](const MetricFamily& f) { return f.metric.empty(); });
    return std::move(families_);
  }

 private:
  std::vector<MetricFamily> families_;
};

/// Text under construction, of a size that is known from the beginning.
class Piece {
 public:
  static constexpr std::size_t kSize = 256 << 10;
  explicit Piece(std::size_t size) : text_(std::make_unique_for_overwrite<char[]>(size)), size_(size) {}
  void clear() { used_ = 0; }
  std::size_t size() const { return size_; }
  std::size_t left() const { return size_ - used_; }
  std::string_view text() const { return {text_.get(), used_}; }
  /// Where the next octet goes; whoever writes there has asked what is left, and says how far he came.
  char* end() { return text_.get() + used_; }
  void end_at(const char* end) { used_ = static_cast<std::size_t>(end - text_.get()); }

 private:
  std::unique_ptr<char[]> text_;
  std::size_t size_, used_ = 0;
};

/// Pieces that earlier scrapes have left: pages that are there already cost half of a scrape less.
/// Thread-safe; bounded.
class Pieces {
 public:
  static Piece take(std::size_t least) {
    if (least <= Piece::kSize) {
      const std::lock_guard lock(mutex());
      if (auto& left = all(); !left.empty()) {
        auto piece = std::move(left.back());
        left.pop_back();
        return piece;
      }
    }
    return Piece(std::max(least, Piece::kSize));
  }

  static void give_back(Piece piece) {
    piece.clear();
    const std::lock_guard lock(mutex());
    if (all().size() < kKept && piece.size() == Piece::kSize) all().push_back(std::move(piece));
  }

 private:
  static constexpr std::size_t kKept = 128;  // 32 MiB
  static std::mutex& mutex() {
    static std::mutex made;
    return made;
  }
  static std::vector<Piece>& all() {
    static std::vector<Piece> made;
    return made;
  }
};

bool is_special(char c) { return c == '\\' || c == '"' || c == '\n'; }

void add_escaped(std::string& out, std::string_view value) {
  for (const char c : value) {
    if (is_special(c)) out += '\\';
    out += c == '\n' ? 'n' : c;
  }
}

/// Writes where there is room. A value: the compiler keeps it in a register from one octet to the next.
struct Pen {
  char* at;
  void add(char c) { *at++ = c; }
  void add(std::string_view text) {
    if (text.empty()) return;
    std::memcpy(at, text.data(), text.size());
    at += text.size();
  }
  void add_value(const LabelValue& value) {
    if (value.is_plain()) return add(value.text());
    std::string escaped;
    add_escaped(escaped, value.text());
    add(escaped);
  }
};

/// The lines of each family by themselves until all are there; in pieces, since one text that grows is held
/// twice whenever it does.
class TextSink : public SeriesSink {
 public:
  explicit TextSink(TextFormat format) : format_(format) {}

  void take(std::size_t metric, const FirstLabels& first, std::span<const Label> labels,
            double value) override {
    auto& out = piece_of(families_[metric], most_of(metric, first, labels) + kEnd);
    auto pen = begin_line(out, metric, first, labels);
    const bool bare = first.text.empty() && labels.empty();
    pen.add(bare ? " " : "} ");
    end_line(out, pen, value);
  }

  /// What they have in common is put together once, and copied from line to line.
  void take_each(std::size_t metric, const FirstLabels& first, std::span<const Label> labels,
                 std::string_view last, std::span<const Sample> samples) override {
    const auto most = most_of(metric, first, labels) + last.size() + kAround + kEnd;
    std::string_view common;
    for (const auto& sample : samples) {
      auto& out = piece_of(families_[metric], most + 2 * sample.last.text().size());
      Pen pen{out.end()};
      if (common.empty()) {
        pen = begin_line(out, metric, first, labels);
        pen.add(first.text.empty() && labels.empty() ? '{' : ',');
        pen.add(last);
        pen.add("=\"");
        common = {out.end(), pen.at};
      } else {
        pen.add(common);
      }
      pen.add_value(sample.last);
      pen.add("\"} ");
      end_line(out, pen, sample.value);
    }
  }

  std::string text() {
    std::size_t size = 0;
    for (const auto& family : families_)
      for (const auto& piece : family)
        size += piece.text().size();
    std::string out;
    reserve_at_once(out, size + 512 * families_.size());  // and the heads, and the families of others
    for (std::size_t metric = 0; metric < families_.size(); ++metric) {
      if (families_[metric].empty()) continue;
      add_head(out, kMetrics[metric]);
      for (auto& piece : std::exchange(families_[metric], {})) {
        out += piece.text();
        Pieces::give_back(std::move(piece));
      }
    }
    return out;
  }

 private:
  // Octets at most: of any number as text, of what ends a line, and of what stands around a label.
  static constexpr std::size_t kNumber = 32, kEnd = kNumber + 3, kAround = 4;

  static std::size_t most_of(std::size_t metric, const FirstLabels& first, std::span<const Label> labels) {
    auto most = kMetrics[metric].name.size() + first.text.size();
    for (const auto& label : labels)
      most += label.name.size() + 2 * label.value.text().size() + kAround;
    return most;
  }

  static Piece& piece_of(std::vector<Piece>& pieces, std::size_t most) {
    if (pieces.empty() || pieces.back().left() < most) pieces.push_back(Pieces::take(most));
    return pieces.back();
  }

  static Pen begin_line(Piece& out, std::size_t metric, const FirstLabels& first,
                        std::span<const Label> labels) {
    Pen pen{out.end()};
    pen.add(kMetrics[metric].name);
    pen.add(first.text);
    char before = first.text.empty() ? '{' : ',';
    for (const auto& label : labels) {
      pen.add(std::exchange(before, ','));
      pen.add(label.name);
      pen.add("=\"");
      pen.add_value(label.value);
      pen.add('"');
    }
    return pen;
  }

  void end_line(Piece& out, Pen pen, double value) const {
    pen.at = number(pen.at, value);
    pen.add('\n');
    out.end_at(pen.at);
  }

  /// Its end; as each format's other writer has it.
  char* number(char* at, double value) const {
    constexpr double kWhole = 1e15;
    if (std::abs(value) < kWhole) {
      const auto integer = static_cast<std::int64_t>(value);
      if (integer >= 0 && integer <= 9 && static_cast<double>(integer) == value)
        return *at = static_cast<char>('0' + integer), at + 1;
      // std::to_chars has five zeros at the end of a double as an exponent.
      const bool digits = format_ == TextFormat::prometheus || integer % 100'000 != 0;
      if (digits && static_cast<double>(integer) == value)
        return std::to_chars(at, at + kNumber, integer).ptr;
    }
    if (std::isinf(value)) {
      const std::string_view text = value > 0 ? "+Inf" : "-Inf";
      return std::ranges::copy(text, at).out;
    }
    if (format_ == TextFormat::openmetrics) return std::to_chars(at, at + kNumber, value).ptr;
    return at + std::snprintf(at, kNumber, "%.16g", value);
  }

  void add_head(std::string& out, const MetricInfo& info) const {
    auto name = info.name;
    std::string_view type = is_counter(info) ? "counter" : "gauge";
    const bool open = format_ == TextFormat::openmetrics;
    constexpr std::string_view kTotal = "_total", kInfo = "_info";
    if (open && is_counter(info)) name.remove_suffix(kTotal.size());
    if (open && !is_counter(info) && name.ends_with(kInfo)) {
      name.remove_suffix(kInfo.size());
      type = "info";
    }
    const auto told = [&](std::string_view what, std::string_view words) {
      out.append("# ").append(what).append(" ").append(name).append(" ").append(words).append("\n");
    };
    if (open) told("TYPE", type);
    std::string help;
    if (open)
      add_escaped(help, info.help);
    else
      help = info.help;
    told("HELP", help);
    if (!open) told("TYPE", type);
  }

  const TextFormat format_;
  std::array<std::vector<Piece>, kMetrics.size()> families_;
};

}  // namespace

Exposition Exposition::of(std::initializer_list<Label> labels) const {
  Exposition out = *this;
  auto& [all, text] = out.first_;
  const FitLabels fit(labels);
  for (const auto& label : fit.all()) {
    all.push_back({std::string(label.name), std::string(label.value.text())});
    text.append(text.empty() ? "{" : ",").append(label.name).append("=\"");
    add_escaped(text, label.value.text());
    text += '"';
  }
  return out;
}

std::vector<MetricFamily> families_of(const Snapshot& snapshot) {
  FamilySink sink;
  Exposition out(sink, snapshot.metrics.state_sets);
  tell(out, snapshot);
  return sink.families();
}

std::vector<MetricFamily> families_of(const DomainMemory& memory) {
  FamilySink sink;
  Exposition out(sink);
  tell(out, memory);
  return sink.families();
}

std::string metrics_text(const Snapshot& snapshot, TextFormat format) {
  TextSink sink(format);
  Exposition out(sink, snapshot.metrics.state_sets);
  tell(out, snapshot);
  return sink.text();
}

// The text formats, and gzip.

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
    if (const auto* snapshot = dynamic_cast<const SnapshotCollectable*>(part.get())) {
      auto text = snapshot->text(format);
      if (out.empty())
        out = std::move(text);  // with its room for what follows
      else
        out += text;
    } else {
      std::ranges::move(part->Collect(), std::back_inserter(others));
    }
  }
  return out += text_of(others, format);
}

}  // namespace stswatch
