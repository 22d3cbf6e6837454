// The families of an exposition under construction, by name. Used by metrics*.cc only; owned by one scrape.
#pragma once

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>
#include <algorithm>
#include <limits>
#include <map>

#include "agent/tell/metrics.h"
#include "agent/tell/snapshot.h"
#include "checks/facts/result.h"

namespace stswatch {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

inline constexpr std::size_t kLabel =
    1100;                               // octets: a name of 253 octets, all of them escaped, and an address
inline constexpr std::size_t kId = 64;  // octets: a valid one has at most 32; others are shown in part
inline constexpr double kNever = std::numeric_limits<double>::infinity();

inline double seconds_of(TimePoint t) { return static_cast<double>(t.time_since_epoch().count()); }

/// What the network named may hold any octets, and one that is no UTF-8 would cost Prometheus the whole
/// scrape.
inline void make_fit(std::string& value) {
  const auto plain = [](char c) { return c >= ' ' && c < '\x7f'; };
  if (value.size() <= kLabel && std::ranges::all_of(value, plain)) return;
  value = printable(value, kLabel);
}

/// The families under construction, by name.
class Exposition {
 public:
  explicit Exposition(StateSets states = StateSets::all) : states_(states) {
    for (const auto& info : snapshot_metrics()) {
      index_.emplace(info.name, families_.size());
      const auto type = info.name.ends_with("_total") ? MetricType::Counter : MetricType::Gauge;
      families_.push_back({std::string(info.name), std::string(info.help), type, {}});
    }
  }

  void gauge(std::string_view name, Labels labels, double value) {
    ClientMetric metric;
    metric.label = std::move(labels);
    for (auto& label : metric.label)
      make_fit(label.value);
    metric.gauge.value = value;
    families_[index_.at(name)].metric.push_back(std::move(metric));
  }

  void counter(std::string_view name, Labels labels, double value) {
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.counter.value = value;
    families_[index_.at(name)].metric.push_back(std::move(metric));
  }

  void one_hot(std::string_view name, const Labels& labels, const std::string& label, std::string_view is,
               std::initializer_list<std::string_view> states) {
    for (const auto state : states) {
      if (states_ == StateSets::current && state != is) continue;
      Labels all = labels;
      all.push_back({label, std::string(state)});
      gauge(name, std::move(all), state == is ? 1 : 0);
    }
  }

  StateSets states() const { return states_; }

  std::vector<MetricFamily> take() {
    std::erase_if(families_, [](const MetricFamily& f) { return f.metric.empty(); });
    return std::move(families_);
  }

 private:
  StateSets states_;
  std::vector<MetricFamily> families_;
  std::map<std::string_view, std::size_t> index_;
};

/// What is there in every form, however few domains have series of their own.
void tell_agent(Exposition& out, const Snapshot& snapshot);
void tell_receivers(Exposition& out, const Snapshot& snapshot);
void tell_reports_taken(Exposition& out, const Snapshot& snapshot);

}  // namespace stswatch
