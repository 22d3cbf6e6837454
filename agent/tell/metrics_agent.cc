// What metrics say of the agent itself, its receivers and its looks.
#include <dirent.h>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <ctime>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>

#include "agent/tell/families.h"
#include "agent/tell/metrics.h"
#include "agent/version.h"
#include "checks/facts/text.h"
#include "checks/judge/catalogue/catalogue.h"

namespace stswatch {
namespace {

/// The agent knows this to be wrong with itself.
bool ails(const Snapshot& s, std::string_view code) {
  return std::ranges::any_of(s.own, [&](const Incident& i) { return i.open() && i.finding.code == code; });
}

}  // namespace

void tell_agent(Exposition& out, const Snapshot& s) {
  out.gauge("stswatch_build_info", {{"version", kVersion}, {"revision", std::string_view(kRevision)}}, 1);
  for (const auto& k : s.kinds) {
    out.gauge("stswatch_interval_seconds", {{"kind", k.kind}}, static_cast<double>(k.interval.count()));
    if (k.kind == "policy") continue;  // a policy fetch is part of a domain's look
    out.gauge("stswatch_schedule_late_seconds", {{"kind", k.kind}}, static_cast<double>(k.late.count()));
    out.gauge("stswatch_subjects", {{"kind", k.kind}}, static_cast<double>(k.subjects));
  }
  out.gauge("stswatch_workers", {{"state", "busy"}}, static_cast<double>(s.workers_busy));
  out.gauge("stswatch_workers", {{"state", "idle"}}, static_cast<double>(s.workers_idle));
  // What was not tried yet is neither.
  if (s.port25_ok) out.gauge("stswatch_vantage_port25_ok", {}, *s.port25_ok ? 1 : 0);
  const auto ok = [&](Metric metric, std::string_view code, bool tried) {
    if (const bool bad = ails(s, code); bad || tried) out.gauge(metric, {}, bad ? 0 : 1);
  };
  ok("stswatch_vantage_dns_ok", codes::resolver_blind, !s.domains.empty());
  ok("stswatch_vantage_starttls_ok", codes::starttls_stripped, s.port25_ok.has_value());
  out.gauge("stswatch_vantage_resources_ok", {}, ails(s, codes::resources) ? 0 : 1);
  out.gauge("stswatch_vantage_clock_ok", {},
            ails(s, codes::clock_stepped) || ails(s, codes::clock_skew) ? 0 : 1);
  out.gauge("stswatch_config_last_reload_successful", {}, s.reload_successful ? 1 : 0);
  out.gauge("stswatch_config_last_reload_success_timestamp_seconds", {}, seconds_of(s.reload_success_at));
  out.counter("stswatch_store_errors_total", {}, static_cast<double>(s.store_errors));
  out.gauge("stswatch_trust_store_info", {{"file", s.trust_store_file}, {"sha256", s.trust_store_sha256}}, 1);
}

void tell_receivers(Exposition& out, const Snapshot& s) {
  for (const auto& r : s.receivers) {
    for (const auto& [kind, n] : r.sent)
      out.counter("stswatch_notifications_total", {{"receiver", r.name}, {"kind", kind}},
                  static_cast<double>(n));
    for (const auto& [reason, n] : r.failed)
      out.counter("stswatch_notifications_failed_total", {{"receiver", r.name}, {"reason", reason}},
                  static_cast<double>(n));
    out.gauge("stswatch_outbox_pending", {{"receiver", r.name}}, static_cast<double>(r.pending));
    const auto age = r.oldest ? std::max(s.now - *r.oldest, Seconds{0}) : Seconds{0};
    out.gauge("stswatch_outbox_oldest_seconds", {{"receiver", r.name}}, static_cast<double>(age.count()));
  }
}

void tell_reports_taken(Exposition& out, const Snapshot& s) {
  if (!s.reports.taking && s.reports.domains.empty()) return;
  for (const auto fate : reports::kFates) {
    const auto it = s.reports.fates.find(fate);
    out.counter("stswatch_tlsrpt_reports_total", {{"outcome", to_string(fate)}},
                it == s.reports.fates.end() ? 0 : static_cast<double>(it->second));
  }
  if (s.reports.taking) out.gauge("stswatch_tlsrpt_intake_ok", {}, ails(s, codes::reports_failing) ? 0 : 1);
}

LookMetrics::LookMetrics() : registry_(std::make_shared<prometheus::Registry>()) {
  auto& looks = prometheus::BuildCounter()
                    .Name(std::string(kLooksTotal))
                    .Help("Looks by kind and how they ended.")
                    .Register(*registry_);
  auto& durations = prometheus::BuildHistogram()
                        .Name(std::string(kLookDuration))
                        .Help("How long looks took.")
                        .Register(*registry_);
  constexpr std::array<const char*, 3> kinds{"domain", "policy", "mx"};
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    for (const auto outcome : {LookOutcome::ok, LookOutcome::failed, LookOutcome::unknown})
      looks_[k][static_cast<std::size_t>(outcome)] =
          &looks.Add({{"kind", kinds[k]}, {"outcome", std::string(to_string(outcome))}});
    durations_[k] = &durations.Add({{"kind", kinds[k]}}, prometheus::Histogram::BucketBoundaries{
                                                             0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60});
  }
}

void LookMetrics::looked(LookKind kind, LookOutcome outcome, double seconds) {
  looks_[static_cast<std::size_t>(kind)][static_cast<std::size_t>(outcome)]->Increment();
  durations_[static_cast<std::size_t>(kind)]->Observe(seconds);
}

// Of this process.

namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

std::optional<ProcessFigures> own_figures() {
  std::ifstream in("/proc/self/stat");
  std::ostringstream text;
  text << in.rdbuf();
  return parse_process_stat(text.str(), ::sysconf(_SC_CLK_TCK), ::sysconf(_SC_PAGESIZE));
}

/// Those of this process, the one that lists them left out.
std::optional<double> open_descriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/fd"), ::closedir);
  if (!folder) return std::nullopt;
  int n = 0;
  while (const auto* entry = ::readdir(folder.get()))
    if (entry->d_name[0] != '.') ++n;
  return n - 1;
}

/// As clients in Go write it: no limit is the largest number.
std::optional<double> limit(__rlimit_resource_t what) {
  rlimit most{};
  if (::getrlimit(what, &most) != 0) return std::nullopt;
  return static_cast<double>(most.rlim_cur);
}

std::optional<double> seconds_since_boot() {
  timespec now{};
  if (::clock_gettime(CLOCK_BOOTTIME, &now) != 0) return std::nullopt;
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double wall_seconds() {
  using namespace std::chrono;
  return duration<double>(system_clock::now().time_since_epoch()).count();
}

void add(std::vector<MetricFamily>& to, const char* name, const char* help, std::optional<double> value) {
  if (!value) return;
  const bool counter = std::string_view(name).ends_with("_total");
  prometheus::ClientMetric metric;
  (counter ? metric.counter.value : metric.gauge.value) = *value;
  to.push_back({name, help, counter ? MetricType::Counter : MetricType::Gauge, {metric}});
}

}  // namespace

std::optional<ProcessFigures> parse_process_stat(std::string_view text, long ticks_per_second,
                                                 long page_octets) {
  // proc(5): the second field is the program's name in parentheses, and may hold anything.
  const auto name_end = text.rfind(')');
  if (name_end == text.npos || ticks_per_second <= 0) return std::nullopt;
  constexpr std::size_t kUserTime = 14, kSystemTime = 15, kThreads = 20, kStart = 22, kVirtual = 23,
                        kResident = 24;
  std::array<double, kResident + 1> fields{};
  std::size_t field = 3;
  std::istringstream rest{std::string(text.substr(name_end + 1))};
  for (std::string word; field < fields.size() && rest >> word; ++field)
    if (field > 3 && std::from_chars(word.data(), word.data() + word.size(), fields[field]).ec != std::errc())
      return std::nullopt;
  if (field < fields.size()) return std::nullopt;
  const auto ticks = static_cast<double>(ticks_per_second);
  return ProcessFigures{.cpu_seconds = (fields[kUserTime] + fields[kSystemTime]) / ticks,
                        .virtual_bytes = fields[kVirtual],
                        .resident_bytes = fields[kResident] * static_cast<double>(page_octets),
                        .threads = fields[kThreads],
                        .start_after_boot = fields[kStart] / ticks};
}

ProcessCollectable::ProcessCollectable() {
  const auto figures = own_figures();
  const auto boot = seconds_since_boot();
  if (figures && boot) started_ = wall_seconds() - (*boot - figures->start_after_boot);
}

std::vector<MetricFamily> ProcessCollectable::Collect() const {
  std::vector<MetricFamily> out;
  if (const auto figures = own_figures()) {
    add(out, "process_cpu_seconds_total", "Processor time of user and system, in seconds.",
        figures->cpu_seconds);
    add(out, "process_resident_memory_bytes", "Resident memory, in bytes.", figures->resident_bytes);
    add(out, "process_virtual_memory_bytes", "Virtual memory, in bytes.", figures->virtual_bytes);
    add(out, "process_threads", "Threads of the process.", figures->threads);
  }
  add(out, "process_virtual_memory_max_bytes", "The most virtual memory it may have, in bytes.",
      limit(RLIMIT_AS));
  add(out, "process_open_fds", "Descriptors that are open.", open_descriptors());
  add(out, "process_max_fds", "The most descriptors it may have open.", limit(RLIMIT_NOFILE));
  add(out, "process_start_time_seconds", "When the process started, in seconds since 1970.", started_);
  return out;
}

// The labels of the configuration as a series that others are joined with, in the manner of
// kube-state-metrics: names that Prometheus does not have are made fit, and stay apart.

namespace {

const std::map<std::string, std::string>* labels_of(const Snapshot& snapshot, const DomainMemory& memory) {
  return snapshot.labels_of ? snapshot.labels_of(memory.verdict.domain.str()) : nullptr;
}

}  // namespace

std::vector<std::string> metric_label_names(const std::map<std::string, std::string>& labels) {
  std::vector<std::string> names;
  std::map<std::string, std::size_t> times;
  for (const auto& [name, value] : labels) {
    std::string fit = "label_";
    for (const char c : name)
      fit += text::is_alnum(c) ? c : '_';
    ++times[fit];
    names.push_back(std::move(fit));
  }
  std::set<std::string> taken;
  for (const auto& [name, n] : times)
    if (n == 1) taken.insert(name);
  // "a.b" and "a-b" are label_a_b_conflict1 and label_a_b_conflict2, in the order of their own names.
  std::map<std::string, std::size_t> next;
  for (auto& name : names) {
    if (times.at(name) == 1) continue;
    std::string apart;
    do
      apart = name + "_conflict" + std::to_string(++next[name]);
    while (!taken.insert(apart).second);
    name = std::move(apart);
  }
  return names;
}

void tell_labels(Exposition& out, const Snapshot& snapshot, const std::vector<const DomainMemory*>& shown) {
  const auto labelled = [&](const DomainMemory* memory) {
    const auto* labels = labels_of(snapshot, *memory);
    return labels != nullptr && !labels->empty();
  };
  if (std::ranges::none_of(shown, labelled)) return;
  // One without labels has a series too: a join would lose it otherwise.
  for (const auto* memory : shown) {
    std::vector<std::pair<std::string, std::string>> series{{"domain", memory->verdict.domain.str()}};
    if (const auto* labels = labels_of(snapshot, *memory)) {
      auto name = metric_label_names(*labels);
      std::size_t i = 0;
      for (const auto& [own, value] : *labels)
        series.emplace_back(std::move(name[i++]), value);
    }
    // Both formats of the configuration are UTF-8 or refused; line ends and quotes are the exposition's to
    // escape.
    std::vector<Label> shown;
    for (auto& [name, value] : series) {
      if (!text::is_utf8(value) && !is_fit(value)) value = printable(value, kLabel);
      shown.push_back({name, value});
    }
    out.own_gauge("stswatch_domain_labels", shown, 1);
  }
}

}  // namespace stswatch
