// What series become: families of the client library, for probes and those who count them, or text at once,
// for a scrape of thousands of domains: no object for a series, and no more memory than twice the text.
#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "agent/tell/families.h"
#include "agent/tell/long_text.h"
#include "agent/tell/metrics.h"

namespace stswatch {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

class FamilySink : public SeriesSink {
 public:
  FamilySink() {
    for (const auto& info : snapshot_metrics())
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

constexpr std::size_t kPiece = 256 << 10;

/// Pieces of text that earlier scrapes have left: pages that are there already cost half of a scrape less.
/// Thread-safe; bounded.
class Pieces {
 public:
  static std::string take() {
    {
      const std::lock_guard lock(mutex());
      if (auto& left = all(); !left.empty()) {
        auto piece = std::move(left.back());
        left.pop_back();
        return piece;
      }
    }
    std::string fresh;
    fresh.reserve(kPiece);
    return fresh;
  }

  static void give_back(std::string piece) {
    piece.clear();
    const std::lock_guard lock(mutex());
    if (all().size() < kKept && piece.capacity() >= kPiece) all().push_back(std::move(piece));
  }

 private:
  static constexpr std::size_t kKept = 128;  // 32 MiB
  static std::mutex& mutex() {
    static std::mutex made;
    return made;
  }
  static std::vector<std::string>& all() {
    static std::vector<std::string> made;
    return made;
  }
};

/// The lines of each family by themselves until all are there; in pieces, since one text that grows is held
/// twice whenever it does.
class TextSink : public SeriesSink {
 public:
  explicit TextSink(TextFormat format) : format_(format), families_(snapshot_metrics().size()) {}

  void take(std::size_t metric, std::span<const Label> labels, double value) override {
    auto& out = piece_of(families_[metric]);
    out += snapshot_metrics()[metric].name;
    char separator = '{';
    for (const auto& label : labels) {
      out += separator;
      out += label.name;
      out += "=\"";
      add_escaped(out, label.value);
      out += '"';
      separator = ',';
    }
    if (!labels.empty()) out += '}';
    out += ' ';
    add_number(out, value);
    out += '\n';
  }

  std::string text() {
    std::size_t size = 0;
    for (const auto& family : families_)
      for (const auto& piece : family)
        size += piece.size();
    std::string out;
    reserve_at_once(out, size + 512 * families_.size());  // and the heads
    for (std::size_t metric = 0; metric < families_.size(); ++metric) {
      if (families_[metric].empty()) continue;
      add_head(out, snapshot_metrics()[metric]);
      for (auto& piece : std::exchange(families_[metric], {})) {
        out += piece;
        Pieces::give_back(std::move(piece));
      }
    }
    return out;
  }

 private:
  static std::string& piece_of(std::vector<std::string>& pieces) {
    constexpr std::size_t kLine = kPiece / 16;
    if (pieces.empty() || pieces.back().size() > kPiece - kLine) pieces.push_back(Pieces::take());
    return pieces.back();
  }

  static void add_escaped(std::string& out, std::string_view value) {
    const auto special = [](char c) { return c == '\\' || c == '"' || c == '\n'; };
    if (!std::ranges::any_of(value, special)) {
      out += value;
      return;
    }
    for (const char c : value) {
      if (special(c)) out += '\\';
      out += c == '\n' ? 'n' : c;
    }
  }

  /// As each format's other writer has it.
  void add_number(std::string& out, double value) const {
    if (std::isinf(value)) {
      out += value > 0 ? "+Inf" : "-Inf";
      return;
    }
    std::array<char, 32> text{};
    if (format_ == TextFormat::openmetrics) {
      const auto [end, ec] = std::to_chars(text.begin(), text.end(), value);
      out.append(text.data(), ec == std::errc() ? static_cast<std::size_t>(end - text.data()) : 0);
      return;
    }
    constexpr double kWhole = 1e15;
    if (std::abs(value) < kWhole && value == std::trunc(value)) {
      const auto end = std::to_chars(text.begin(), text.end(), static_cast<std::int64_t>(value)).ptr;
      out.append(text.data(), static_cast<std::size_t>(end - text.data()));
      return;
    }
    out.append(text.data(),
               static_cast<std::size_t>(std::snprintf(text.data(), text.size(), "%.16g", value)));
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
  std::vector<std::vector<std::string>> families_;  // by metric
};

}  // namespace

bool is_counter(const MetricInfo& info) { return info.name.ends_with("_total"); }

std::size_t Exposition::place_of(std::string_view name) {
  static const auto places = [] {
    std::unordered_map<std::string_view, std::size_t> out;
    for (const auto& info : snapshot_metrics())
      out.emplace(info.name, out.size());
    return out;
  }();
  return places.at(name);
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

}  // namespace stswatch
