#include "agent/tell/process_metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <ctime>
#include <fstream>
#include <memory>
#include <sstream>

#include "agent/tell/metrics.h"

namespace stswatch {
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

}  // namespace stswatch
