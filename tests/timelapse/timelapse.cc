// timelapse CONFIG [START]: the service on a clock that begins at START (Unix time, else now) and leaps to
// whatever is due next, once all workers are idle; its sockets and its store are real. For each line "SECONDS
// QUANTUM" on stdin it lets so much time pass, in leaps that end a quantum after what is due, so that what is
// due about then happens at once; then it prints one line of JSON: each verdict, what came and went since the
// line before, the metrics, and what the process holds.
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "agent/remember/store.h"
#include "agent/tell/json.h"
#include "agent/tell/metrics.h"
#include "agent/watch/log.h"
#include "agent/watch/notifier.h"
#include "agent/watch/service.h"
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

/// Nothing is under way and what comes next is ahead, also a moment later: a look may have hurried another.
bool at_rest(ManualClock& clock, const Service& service) {
  const auto idle = [&] { return clock.leap(clock.now()) && service.snapshot().workers_busy == 0; };
  for (int i = 0; i < 3; ++i) {
    if (!idle()) return false;
    clock.glance();
  }
  return idle();
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
  while (!at_rest(clock, service))
    clock.glance();
}

/// Hands on what is to be remembered, and notes the transitions: what opens and closes between two lines.
class Witness : public Memory {
 public:
  explicit Witness(Memory& memory) : memory_(memory) {}
  std::shared_ptr<const DomainMemory> domain(const Domain& name) const override {
    return memory_.domain(name);
  }
  std::shared_ptr<const MxMemory> mx(const std::string& host) const override { return memory_.mx(host); }
  void remember(std::shared_ptr<const MxMemory> record,
                std::shared_ptr<const MxHostObservation> look) override {
    memory_.remember(std::move(record), std::move(look));
  }
  void remember(std::shared_ptr<const DomainMemory> record, std::shared_ptr<const DomainObservation> look,
                const std::vector<Transition>& transitions) override {
    {
      const std::lock_guard lock(mutex_);
      for (const auto& t : transitions)
        told_.push_back({{"at", to_utc(record->verdict.checked_at)},
                         {"domain", record->verdict.domain.str()},
                         {"kind", to_string(t.kind)},
                         {"code", t.incident.finding.code},
                         {"subject", t.incident.finding.subject},
                         {"severity", to_string(t.incident.finding.severity)},
                         {"route", to_string(t.incident.finding.route)},
                         {"of_the_agent", t.incident.finding.of_the_agent}});
    }
    memory_.remember(std::move(record), std::move(look), transitions);
  }

  Json told() {
    const std::lock_guard lock(mutex_);
    return std::exchange(told_, Json::array());
  }

 private:
  Memory& memory_;
  std::mutex mutex_;
  Json told_ = Json::array();  // guarded by mutex_
};

Json to_json(const DomainMemory& record) {
  Json out = to_json(record.verdict);
  const auto& safe_after = record.verdict.safe_after;
  out["safe_after"] = safe_after ? Json(to_utc(*safe_after)) : Json(nullptr);
  for (std::size_t i = 0; i < record.verdict.findings.size(); ++i)
    out["findings"][i]["of_the_agent"] = record.verdict.findings[i].of_the_agent;
  return out;
}

Json state(const Service& service, Witness& witness) {
  const auto snapshot = service.snapshot();
  Json domains = Json::object();
  for (const auto& record : snapshot.domains)
    domains[record->verdict.domain.str()] = to_json(*record);
  std::ostringstream metrics;
  write_openmetrics(metrics, families_of(snapshot));
  return {{"now", to_utc(snapshot.now)},
          {"domains", domains},
          {"told", witness.told()},
          {"metrics", metrics.str()},
          {"descriptors", entries("/proc/self/fd")},
          {"threads", entries("/proc/self/task")},
          {"resident_kib", resident_kib()}};
}

int run(const std::string& file, TimePoint start) {
  log_to_stderr("text", "info");
  auto config = load_config(file);
  if (!config) {
    std::cerr << list_of(config.error()) << "\n";
    return 1;
  }
  auto probes = make_probes(*config);
  if (!probes) {
    std::cerr << probes.error() << "\n";
    return 1;
  }
  ManualClock clock(start);
  const auto store = open_store(config->agent.state, {.now = [&clock] { return clock.now(); }});
  if (!store) {
    std::cerr << store.error() << "\n";
    return 1;
  }
  Witness witness(**store);
  Notifier notifier(witness, (*store)->key_values(), clock, {.version = "timelapse"});
  NotifyingMemory heeded(witness, notifier);
  const auto plan = std::make_shared<const LiveConfig>(std::move(*config), std::move(*probes));
  PlanWatch plans((*store)->key_values(), plan->config.agent.state, clock);
  Service service(plan, heeded, clock);
  service.use_plans(plans);
  if (plan->config.alerts != AlertOptions{}) notifier.adopt(plan->config, plan->probes.trust->file());
  service.start();
  std::int64_t span = 0, quantum = 0;
  while (std::cin >> span >> quantum) {
    pass(clock, service, Seconds{span}, Seconds{quantum});
    std::cout << state(service, witness).dump() << std::endl;
  }
  service.stop();
  notifier.stop();
  return (*store)->stop() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // as the service does
  if (argc == 2) return run(argv[1], SystemClock().now());
  if (argc == 3) return run(argv[1], TimePoint{Seconds{std::stoll(argv[2])}});
  std::cerr << "usage: timelapse CONFIG [START]\n";
  return 64;
}
