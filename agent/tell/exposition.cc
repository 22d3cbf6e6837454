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

  void take(std::size_t metric, std::span<const Label> labels, double value) override {
    ClientMetric one;
    for (const auto& label : labels)
      one.label.push_back({std::string(label.name), std::string(label.value)});
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
  void add(std::string_view text) {
    if (text.empty()) return;
    std::memcpy(text_.get() + used_, text.data(), text.size());
    used_ += text.size();
  }
  void add(char c) { text_[used_++] = c; }

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

/// The lines of each family by themselves until all are there; in pieces, since one text that grows is held
/// twice whenever it does.
class TextSink : public SeriesSink {
 public:
  explicit TextSink(TextFormat format) : format_(format) {}

  void take(std::size_t metric, std::span<const Label> labels, double value) override {
    // Series of one domain come one after the other, and begin alike.
    if (labels.empty())
      first_.clear();
    else if (labels[0].name != name_ || labels[0].value != value_)
      begin_with(labels[0]);
    const auto name = kMetrics[metric].name;
    std::size_t most = name.size() + first_.size() + kNumber + 3;
    for (std::size_t n = 1; n < labels.size(); ++n)
      most += labels[n].name.size() + 2 * labels[n].value.size() + 4;
    auto& out = piece_of(families_[metric], most);
    out.add(name);
    out.add(first_);
    for (std::size_t n = 1; n < labels.size(); ++n) {
      out.add(',');
      out.add(labels[n].name);
      out.add("=\"");
      if (is_plain(labels[n].value)) {
        out.add(labels[n].value);
      } else {
        std::string escaped;
        add_escaped(escaped, labels[n].value);
        out.add(escaped);
      }
      out.add('"');
    }
    if (!labels.empty()) out.add('}');
    out.add(' ');
    add_number(out, value);
    out.add('\n');
  }

  std::string text() {
    std::size_t size = 0;
    for (const auto& family : families_)
      for (const auto& piece : family)
        size += piece.text().size();
    std::string out;
    reserve_at_once(out, size + 512 * families_.size());  // and the heads
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
  static constexpr std::size_t kNumber = 32;  // octets of any number as text

  static Piece& piece_of(std::vector<Piece>& pieces, std::size_t most) {
    if (pieces.empty() || pieces.back().left() < most) pieces.push_back(Pieces::take(most));
    return pieces.back();
  }

  void begin_with(const Label& label) {
    name_ = label.name;
    value_ = label.value;
    first_ = '{' + name_ + "=\"";
    add_escaped(first_, value_);
    first_ += '"';
  }

  /// As each format's other writer has it.
  void add_number(Piece& out, double value) const {
    if (std::isinf(value)) return out.add(value > 0 ? "+Inf" : "-Inf");
    constexpr double kWhole = 1e15;
    const bool whole = std::abs(value) < kWhole && value == std::trunc(value);
    const auto integer = whole ? static_cast<std::int64_t>(value) : 0;
    if (whole && integer >= 0 && integer <= 9) return out.add(static_cast<char>('0' + integer));
    std::array<char, kNumber> text{};
    auto* end = text.data();
    if (format_ == TextFormat::openmetrics)
      end = std::to_chars(text.begin(), text.end(), value).ptr;
    else if (whole)
      end = std::to_chars(text.begin(), text.end(), integer).ptr;
    else
      end += std::snprintf(text.data(), text.size(), "%.16g", value);
    out.add({text.data(), end});
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
  std::string name_, value_, first_;  // the first label of the last series, and how it is written
};

}  // namespace

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
    if (const auto* snapshot = dynamic_cast<const SnapshotCollectable*>(part.get()))
      out += snapshot->text(format);
    else
      std::ranges::move(part->Collect(), std::back_inserter(others));
  }
  return out += text_of(others, format);
}

}  // namespace stswatch
