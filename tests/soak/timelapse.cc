// timelapse CONFIG: the service on a clock that leaps to whatever is due next, once all workers are idle; its
// sockets are real. For each line "SECONDS QUANTUM" on stdin it lets so much time pass, in leaps that end a
// quantum after what is due, so that what is due about then happens at once; then it prints one line of JSON:
// what the snapshot shows and what the process holds.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "agent/log.h"
#include "agent/service.h"
#include "config/load.h"
#include "tests/agent/manual_clock.h"

namespace {

using namespace stswatch;
using Json = nlohmann::ordered_json;

long entries(const char* folder) {
  const std::filesystem::directory_iterator all(folder);
  return std::distance(begin(all), end(all));
}

long resident_kib() {
  std::ifstream in("/proc/self/statm");
  long size = 0, resident = 0;
  in >> size >> resident;
  return resident * (::sysconf(_SC_PAGESIZE) / 1024);
}

void pass(ManualClock& clock, const Service& service, Seconds span, Seconds quantum) {
  const auto end = clock.now() + span;
  while (clock.now() < end) {
    const auto busy = service.snapshot().workers_busy;
    if (busy != 0 || !clock.leap(end)) {
      clock.glance();
      continue;
    }
    clock.advance(std::min(quantum, std::max(Seconds{0}, end - clock.now())));
  }
  while (service.snapshot().workers_busy != 0)
    clock.glance();
}

Json state(const Service& service) {
  const auto snapshot = service.snapshot();
  Json findings = Json::array();
  Json statuses = Json::object();
  for (const auto& record : snapshot.domains) {
    const auto& verdict = record->verdict;
    statuses[verdict.domain.str()] = to_string(verdict.status);
    for (const auto& finding : verdict.findings)
      findings.push_back({{"domain", verdict.domain.str()},
                          {"code", finding.code},
                          {"subject", finding.subject},
                          {"severity", to_string(finding.severity)},
                          {"of_the_agent", finding.of_the_agent},
                          {"detail", finding.detail}});
  }
  return {{"now", to_utc(snapshot.now)},
          {"statuses", statuses},
          {"findings", findings},
          {"descriptors", entries("/proc/self/fd")},
          {"threads", entries("/proc/self/task")},
          {"resident_kib", resident_kib()}};
}

int run(const std::string& file) {
  log_to_stderr("text");
  auto config = load_config(file);
  if (!config) {
    std::cerr << list_of(config.error()) << "\n";
    return 1;
  }
  auto outlook = make_outlook(*config);
  if (!outlook) {
    std::cerr << outlook.error() << "\n";
    return 1;
  }
  ManualClock clock(SystemClock().now());
  const auto memory = make_ram_memory();
  Service service(std::make_shared<const WatchPlan>(std::move(*config), std::move(*outlook)), *memory, clock);
  service.start();
  std::int64_t span = 0, quantum = 0;
  while (std::cin >> span >> quantum) {
    pass(clock, service, Seconds{span}, Seconds{quantum});
    std::cout << state(service).dump() << std::endl;
  }
  service.stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2) return run(argv[1]);
  std::cerr << "usage: timelapse CONFIG\n";
  return 64;
}
