// Series on their way from a snapshot into families or text. Used by agent/tell alone; owned by one scrape.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <span>

#include "agent/tell/metric_table.h"
#include "agent/tell/metrics.h"
#include "agent/tell/snapshot.h"
#include "checks/facts/result.h"

namespace stswatch {

/// Refers to the name and the value: both outlive the call that it is for.
struct Label {
  std::string_view name, value;
};

/// Of one series, in their order.
class Labels {
 public:
  static constexpr std::size_t kMost = 8;  // more than any metric of ours has
  Labels(std::initializer_list<Label> labels) {
    for (const auto& label : labels)
      add(label);
  }
  void add(const Label& label) {
    if (size_ < kMost) labels_[size_++] = label;
  }
  void set_last(std::string_view value) {
    if (size_ > 0) labels_[size_ - 1].value = value;
  }
  std::span<const Label> all() const { return {labels_.data(), size_}; }

 private:
  std::array<Label, kMost> labels_{};
  std::size_t size_ = 0;
};

inline constexpr std::size_t kLabel =
    1100;                               // octets: a name of 253 octets, all of them escaped, and an address
inline constexpr std::size_t kId = 64;  // octets: a valid one has at most 32; others are shown in part
inline constexpr double kNever = std::numeric_limits<double>::infinity();

inline double seconds_of(TimePoint t) { return static_cast<double>(t.time_since_epoch().count()); }

/// Printable ASCII, nothing of it to be escaped. Eight octets at a time: each label of each series comes
/// here.
inline bool is_plain(std::string_view value) {
  constexpr std::uint64_t kOnes = ~std::uint64_t{0} / 255, kHigh = kOnes * 128;
  const auto has_zero = [](std::uint64_t x) { return (x - kOnes) & ~x & kHigh; };
  const auto odd = [&](std::uint64_t x) {
    const auto low = (x - kOnes * ' ') & ~x & kHigh;  // an octet below a space
    return low | (x & kHigh) | has_zero(x ^ kOnes * 0x7f) | has_zero(x ^ kOnes * '"') |
           has_zero(x ^ kOnes * '\\');
  };
  std::uint64_t octets = 0;
  for (; value.size() >= sizeof octets; value.remove_prefix(sizeof octets)) {
    std::memcpy(&octets, value.data(), sizeof octets);
    if (odd(octets)) return false;
  }
  if (value.empty()) return true;
  octets = kOnes * ' ';
  std::memcpy(&octets, value.data(), value.size());
  return !odd(octets);
}

/// What the network named may hold any octets, and one that is no UTF-8 would cost Prometheus the whole
/// scrape.
inline bool is_fit(std::string_view value) {
  if (value.size() > kLabel) return false;
  return is_plain(value) || std::ranges::all_of(value, [](char c) { return c >= ' ' && c < '\x7f'; });
}

/// Where series go, by the place of their metric in the table.
class SeriesSink {
 public:
  virtual ~SeriesSink() = default;
  virtual void take(std::size_t metric, std::span<const Label> labels, double value) = 0;
};

/// The exposition under construction: labels are made fit.
class Exposition {
 public:
  explicit Exposition(SeriesSink& sink, StateSets states = StateSets::all) : sink_(sink), states_(states) {}

  void gauge(Metric metric, const Labels& labels, double value) {
    const auto all = labels.all();
    if (std::ranges::all_of(all, is_fit, &Label::value)) return sink_.take(metric.place(), all, value);
    std::array<std::string, Labels::kMost> fit;
    Labels shown{};
    for (std::size_t n = 0; n < all.size(); ++n) {
      fit[n] = is_fit(all[n].value) ? std::string(all[n].value) : printable(all[n].value, kLabel);
      shown.add({all[n].name, fit[n]});
    }
    sink_.take(metric.place(), shown.all(), value);
  }

  /// Whose labels are the operator's: they stay as he wrote them. UTF-8.
  void own_gauge(Metric metric, std::span<const Label> labels, double value) {
    sink_.take(metric.place(), labels, value);
  }

  void counter(Metric metric, const Labels& labels, double value) {
    sink_.take(metric.place(), labels.all(), value);
  }

  void one_hot(Metric metric, Labels labels, std::string_view label, std::string_view is,
               std::initializer_list<std::string_view> states) {
    labels.add({label, {}});
    for (const auto state : states) {
      if (states_ == StateSets::current && state != is) continue;
      labels.set_last(state);
      gauge(metric, labels, state == is ? 1 : 0);
    }
  }

  StateSets states() const { return states_; }

 private:
  static std::size_t place_of(std::string_view name);  // of a metric that is in the table

  SeriesSink& sink_;
  StateSets states_;
};

/// Everything that follows from a snapshot.
void tell(Exposition& out, const Snapshot& snapshot);
/// Of one domain and its MX hosts alone.
void tell(Exposition& out, const DomainMemory& memory);

/// Of those domains that have series of their own; nothing where none of them has a label.
void tell_labels(Exposition& out, const Snapshot& snapshot, const std::vector<const DomainMemory*>& shown);

/// What is there in every form, however few domains have series of their own.
void tell_agent(Exposition& out, const Snapshot& snapshot);
void tell_receivers(Exposition& out, const Snapshot& snapshot);
void tell_reports_taken(Exposition& out, const Snapshot& snapshot);

}  // namespace stswatch
