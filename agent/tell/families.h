// Names and helps of all families, and what writes their series.
#pragma once

#include <prometheus/client_metric.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/tell/metrics.h"
#include "agent/tell/snapshot.h"
#include "checks/facts/result.h"

namespace stswatch {

// Every metric of a snapshot: name and help, in exposition order. Counters where the name ends in _total,
// else gauges.

struct MetricInfo {
  std::string_view name;
  std::string_view help;
};

inline constexpr std::array kMetrics = {
    MetricInfo{"stswatch_build_info", "Always 1; the version that runs, and its commit."},
    MetricInfo{"stswatch_domains", "Domains that are watched, by the status that each has."},
    MetricInfo{"stswatch_domains_with_finding",
               "Domains that have a finding of this code open; absent where none has."},
    MetricInfo{"stswatch_earliest_breakage_timestamp_seconds",
               "The earliest breakage that is foreseen for any domain (level rfc); +Inf when none is."},
    MetricInfo{"stswatch_earliest_degradation_timestamp_seconds",
               "The earliest degradation that is foreseen for any domain (level rfc); +Inf when none is."},
    MetricInfo{"stswatch_domain_status",
               "1 for the status the domain has: ok, warning, critical or unknown."},
    MetricInfo{"stswatch_domain_mode",
               "1 for the mode a sender without a cached policy applies now: none, testing, enforce, absent "
               "or unknown."},
    MetricInfo{"stswatch_live_mode",
               "1 for the strongest mode that any sender may still apply (severities follow it)."},
    MetricInfo{"stswatch_outcome",
               "1 for what the newest conclusive look at a part of the domain found: ok, invalid, absent, "
               "unreachable or unknown."},
    MetricInfo{"stswatch_policy_info", "Always 1; id of the record, mode and SHA-256 of the policy served."},
    MetricInfo{"stswatch_policy_max_age_seconds",
               "max_age of the policy served, or of the last one seen (RFC 8461 section 3.2)."},
    MetricInfo{"stswatch_policy_last_success_timestamp_seconds", "When a valid policy was last fetched."},
    MetricInfo{"stswatch_policy_host_certificate_not_after_timestamp_seconds",
               "Earliest end of the chain that an address of the policy host shows, valid or not."},
    MetricInfo{"stswatch_policy_host_certificate_not_before_timestamp_seconds",
               "Begin of the certificate whose end is shown as not_after."},
    MetricInfo{"stswatch_mx_certificate_not_after_timestamp_seconds",
               "Earliest end of the chain that an address of the MX host shows, valid or not."},
    MetricInfo{"stswatch_mx_certificate_not_before_timestamp_seconds",
               "Begin of the certificate whose end is shown as not_after."},
    MetricInfo{"stswatch_mx_info", "Always 1; which domain uses which MX host."},
    MetricInfo{"stswatch_mx_allowed", "1 when the policy in effect lists the MX host, 0 when it does not."},
    MetricInfo{"stswatch_mx_outcome",
               "1 for what an address of the MX host proved: ok, failed, unreachable or unknown."},
    MetricInfo{"stswatch_mx_tls_info",
               "Always 1; TLS version and key exchange group of the last handshake with an address."},
    MetricInfo{"stswatch_mx_hosts", "MX hosts of the domain. Absent while their lookup has never succeeded."},
    MetricInfo{
        "stswatch_enforce_usable_mx",
        "MX hosts that enforcing senders can use: certainly (bound min) and possibly (bound max); level "
        "rfc, and field with the habits of deployed senders. Absent where no enforce policy is in "
        "effect."},
    MetricInfo{"stswatch_breakage_timestamp_seconds",
               "Earliest moment when enforcing senders reach no MX host; +Inf when none is foreseen. Levels "
               "dane and both only where TLSA records can be used."},
    MetricInfo{
        "stswatch_degradation_timestamp_seconds",
        "Earliest moment when enforcing senders lose a part of the MX hosts; +Inf when none is foreseen."},
    MetricInfo{"stswatch_breakage_overdue",
               "1 when the foreseen breakage comes from a certificate past its renewal point."},
    MetricInfo{"stswatch_protection_lapse_timestamp_seconds",
               "When the last cached enforce policy ends if nothing is repaired; +Inf when that is open."},
    MetricInfo{
        "stswatch_caches_consistent_timestamp_seconds",
        "When no sender can hold an earlier policy any more (safe after); +Inf when no end is foreseen."},
    MetricInfo{"stswatch_forecast_info", "Always 1; the cause of the foreseen breakage or degradation."},
    MetricInfo{"stswatch_drift_events_total",
               "Changes of record, policy and MX set, and faults in their order, since memory began."},
    MetricInfo{"stswatch_drift_last_timestamp_seconds",
               "When the newest of such changes happened; absent where memory holds none."},
    MetricInfo{"stswatch_enforce_ready",
               "1 when a policy in testing has passed every gate for the step to enforce, 0 otherwise."},
    MetricInfo{"stswatch_testing_clean_seconds",
               "For how long all that can be seen of these gates has held without a break; 0 when something "
               "fails now."},
    MetricInfo{"stswatch_finding",
               "1 for each open finding of the domain; its page is stswatch explain CODE."},
    MetricInfo{"stswatch_domain_labels",
               "Always 1; the labels of the domain in the configuration, to join other series with."},
    MetricInfo{"stswatch_silences",
               "Silences that stand and touch the domain, those of the configuration included."},
    MetricInfo{"stswatch_tlsrpt_sessions_total",
               "Sessions that senders report of the domain, by kind of policy and result: successful or "
               "failed (RFC 8460 section 4.4)."},
    MetricInfo{"stswatch_tlsrpt_failures_total",
               "Failures that senders report, by result type; one session may count under several "
               "(RFC 8460 section 4)."},
    MetricInfo{"stswatch_tlsrpt_last_report_timestamp_seconds",
               "When the newest report of the domain came in."},
    MetricInfo{"stswatch_tlsrpt_reports_total",
               "What was handed in as a report, by what became of it: stored, duplicate, foreign (about no "
               "domain that is watched), outdated, unreadable, unauthenticated or no-report."},
    MetricInfo{"stswatch_tlsrpt_intake_ok",
               "0 while TLS reports cannot be taken in: the Maildir, mails in it or the token cannot be read "
               "or written. Absent where none are taken."},
    MetricInfo{"stswatch_last_look_timestamp_seconds", "When a part of the domain was last looked at."},
    MetricInfo{"stswatch_last_success_timestamp_seconds",
               "When a look at a part of the domain was last conclusive."},
    MetricInfo{"stswatch_interval_seconds", "Configured time between looks of a kind."},
    MetricInfo{"stswatch_schedule_late_seconds",
               "How long the most overdue subject of a kind has been waiting."},
    MetricInfo{"stswatch_subjects", "Domains and MX hosts in the schedule."},
    MetricInfo{"stswatch_workers", "Threads that look, by what they do now."},
    MetricInfo{"stswatch_vantage_port25_ok",
               "0 when no MX host answers on port 25 from here: MX looks are unknown. Absent until one was "
               "asked."},
    MetricInfo{"stswatch_vantage_dns_ok",
               "0 when the resolver of this agent does not resolve: lookups are unknown."},
    MetricInfo{
        "stswatch_vantage_starttls_ok",
        "0 when something between this agent and all mail hosts removes STARTTLS: MX looks are unknown."},
    MetricInfo{"stswatch_vantage_resources_ok",
               "0 while descriptors, buffers or threads of this agent do not suffice for its looks."},
    MetricInfo{
        "stswatch_vantage_clock_ok",
        "0 while the wall clock of this machine disagrees with the time that has passed, or with others."},
    MetricInfo{"stswatch_config_last_reload_successful",
               "1 when the newest reload of the configuration was valid."},
    MetricInfo{"stswatch_config_last_reload_success_timestamp_seconds",
               "When a valid configuration was last loaded."},
    MetricInfo{"stswatch_store_errors_total",
               "Attempts to write or read the store that failed; memory goes on in RAM meanwhile."},
    MetricInfo{"stswatch_trust_store_info", "Always 1; the trust store certificates are verified against."},
    MetricInfo{"stswatch_notifications_total", "Notices that a receiver took, by kind."},
    MetricInfo{"stswatch_notifications_failed_total", "Attempts to send a notice that failed, by reason."},
    MetricInfo{"stswatch_outbox_pending", "Notices that a receiver is owed."},
    MetricInfo{"stswatch_outbox_oldest_seconds", "How long the oldest notice has been owed to a receiver."},
};

constexpr bool is_counter(const MetricInfo& info) { return info.name.ends_with("_total"); }

/// The name of a metric in the table, as its place there; any other name does not compile.
class Metric {
 public:
  consteval Metric(const char* name)  // NOLINT: it stands for the name wherever one is written
      : place_(static_cast<std::size_t>(
            std::ranges::find(kMetrics, std::string_view(name), &MetricInfo::name) - kMetrics.begin())) {
    if (place_ == kMetrics.size()) throw "no metric of this name is in the table";
  }
  constexpr std::size_t place() const { return place_; }

 private:
  std::size_t place_;
};

// Series on their way from a snapshot into families or text. Used by agent/tell alone; owned by one scrape.

inline constexpr std::size_t kLabel =
    1100;                               // octets: a name of 253 octets, all of them escaped, and an address
inline constexpr std::size_t kId = 64;  // octets: a valid one has at most 32; others are shown in part
inline constexpr double kNever = std::numeric_limits<double>::infinity();

inline double seconds_of(TimePoint t) { return static_cast<double>(t.time_since_epoch().count()); }

/// Printable ASCII, nothing of it to be escaped. Eight octets at a time: each label that is no constant
/// comes here.
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

/// The value of a label: refers to its text, which outlives the call that it is for.
class LabelValue {
 public:
  /// A constant, which has to be plain to be compiled: nobody looks at it again, however many series have it.
  consteval LabelValue(const char* word) : text_(word), plain_(true) {  // NOLINT: a value is its text
    if (!std::ranges::all_of(text_, [](char c) { return c >= ' ' && c < '\x7f' && c != '"' && c != '\\'; }))
      throw "a constant would have to be escaped";
  }
  LabelValue() = default;
  LabelValue(std::string_view text)  // NOLINT: likewise
      : text_(text), plain_(text.size() <= kLabel && stswatch::is_plain(text)) {}
  LabelValue(const std::string& text) : LabelValue(std::string_view(text)) {}  // NOLINT: likewise

  std::string_view text() const { return text_; }
  /// It can stand as it is in any exposition.
  bool is_plain() const { return plain_; }

 private:
  std::string_view text_;
  bool plain_ = true;
};

struct Label {
  std::string_view name;
  LabelValue value;
};

/// Of one of several series that differ in their last label alone, which is a word of a closed set.
struct Sample {
  LabelValue last;
  double value = 0;
};

/// What the series of one subject begin with, made fit and written once for all of them.
struct FirstLabels {
  std::vector<prometheus::ClientMetric::Label> labels;
  std::string text;  // escaped, and not closed yet: {domain="example.com"
};

/// What the network named may hold any octets, and one that is no UTF-8 would cost Prometheus the whole
/// scrape.
inline bool is_fit(std::string_view value) {
  if (value.size() > kLabel) return false;
  return is_plain(value) || std::ranges::all_of(value, [](char c) { return c >= ' ' && c < '\x7f'; });
}

/// Labels as they are shown where one of them is not plain.
class FitLabels {
 public:
  explicit FitLabels(std::span<const Label> labels) {
    values_.reserve(labels.size());  // none of them moves any more
    for (const auto& label : labels) {
      const auto text = label.value.text();
      values_.push_back(is_fit(text) ? std::string(text) : printable(text, kLabel));
      all_.push_back({label.name, values_.back()});
    }
  }
  std::span<const Label> all() const { return all_; }

 private:
  std::vector<std::string> values_;
  std::vector<Label> all_;
};

/// Where series go, by the place of their metric in the table.
class SeriesSink {
 public:
  virtual ~SeriesSink() = default;
  virtual void take(std::size_t metric, const FirstLabels& first, std::span<const Label> labels,
                    double value) = 0;
  /// Those that have a last label of this name besides.
  virtual void take_each(std::size_t metric, const FirstLabels& first, std::span<const Label> labels,
                         std::string_view last, std::span<const Sample> samples) {
    std::vector<Label> all(labels.begin(), labels.end());
    all.push_back({last, {}});
    for (const auto& sample : samples) {
      all.back().value = sample.last;
      take(metric, first, all, sample.value);
    }
  }
};

/// The exposition under construction: labels are made fit.
class Exposition {
 public:
  explicit Exposition(SeriesSink& sink, StateSets states = StateSets::all) : sink_(sink), states_(states) {}

  /// Whose series begin with these labels, after those that its own begin with.
  Exposition of(std::initializer_list<Label> labels) const;

  void gauge(Metric metric, std::initializer_list<Label> labels, double value) {
    if (are_plain(labels)) return sink_.take(metric.place(), first_, labels, value);
    sink_.take(metric.place(), first_, FitLabels(labels).all(), value);
  }

  /// Whose labels are the operator's: they stay as he wrote them. UTF-8.
  void own_gauge(Metric metric, std::span<const Label> labels, double value) {
    sink_.take(metric.place(), first_, labels, value);
  }

  void counter(Metric metric, std::initializer_list<Label> labels, double value) {
    sink_.take(metric.place(), first_, labels, value);
  }

  /// Series that differ in their last label alone.
  void each(Metric metric, std::initializer_list<Label> labels, std::string_view last,
            std::span<const Sample> samples) {
    if (are_plain(labels)) return sink_.take_each(metric.place(), first_, labels, last, samples);
    sink_.take_each(metric.place(), first_, FitLabels(labels).all(), last, samples);
  }

  template <std::size_t kStates>
  void one_hot(Metric metric, std::initializer_list<Label> labels, std::string_view label,
               std::string_view is, const LabelValue (&states)[kStates]) {
    std::array<Sample, kStates> samples;
    std::size_t n = 0;
    for (const auto& state : states)
      if (const bool on = state.text() == is; on || states_ == StateSets::all)
        samples[n++] = {state, on ? 1. : 0.};
    each(metric, labels, label, {samples.data(), n});
  }

  StateSets states() const { return states_; }

 private:
  static bool are_plain(std::initializer_list<Label> labels) {
    return std::ranges::all_of(labels, [](const Label& label) { return label.value.is_plain(); });
  }

  SeriesSink& sink_;
  StateSets states_;
  FirstLabels first_;
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
