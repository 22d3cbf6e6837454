// What so many steady domains cost once their looks are made: memory, judge, metrics and store with the facts
// fed in, no network. Each domain has its own id, address and policy host certificate; a provider's thousand
// share a policy, two MX hosts and the intermediate. One size a process; prints one JSON object.
//   stswatch_scale_bench DOMAINS HOURS [FILE]   (HOURS of hourly looks; FILE: the store's, none: RAM alone)
//   stswatch_scale_bench DOMAINS 0 FILE         (a start alone, from the FILE that another run has left)
#include <malloc.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "agent/remember/store.h"
#include "agent/tell/metrics.h"
#include "agent/tell/snapshot.h"
#include "tests/remember/timeline.h"

namespace stswatch::bench {
namespace {

using Json = nlohmann::ordered_json;
using Steady = std::chrono::steady_clock;

constexpr int kDomainsPerProvider = 1000;
constexpr Millis kPatience{600'000};

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

double since(Steady::time_point began) {
  return std::chrono::duration<double>(Steady::now() - began).count();
}

/// A field of /proc/self/NAME; "VmRSS:" in KiB, "wchar:" in octets.
double field(const char* file, std::string_view wanted) {
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line))
    if (line.starts_with(wanted)) return std::stod(line.substr(wanted.size()));
  return 0;
}
double resident_mib() { return field("/proc/self/status", "VmRSS:") / 1024; }
double written_mib() { return field("/proc/self/io", "wchar:") / (1 << 20); }
void forget_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }
double peak_mib() { return field("/proc/self/status", "VmHWM:") / 1024; }
double heap_mib() {
  const auto info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd) / (1 << 20);
}

std::string hex(std::size_t seed, std::size_t digits) {
  std::string out;
  for (std::size_t n = 0; out.size() < digits; ++n) {
    std::ostringstream part;
    part << std::hex << std::hash<std::string>{}(std::to_string(seed) + "/" + std::to_string(n));
    out += part.str();
  }
  return out.substr(0, digits);
}

class World {
 public:
  explicit World(int domains) : domains_(domains) {
    for (int provider = 0; provider * kDomainsPerProvider < domains; ++provider) {
      std::vector<std::string> hosts;
      for (const char* name : {"mx1", "mx2"})
        hosts.push_back(name + (".provider" + std::to_string(provider)) + ".example");
      hosts_.push_back(hosts);
    }
  }

  int count() const { return domains_; }
  Domain name(int n) const { return *Domain::parse("d" + std::to_string(n) + ".example"); }

  DomainObservation domain(int n, TimePoint at) const {
    auto look = facts::base();
    auto& d = look.domain;
    d.domain = name(n);
    d.at = at;
    const auto& hosts = hosts_[static_cast<std::size_t>(n / kDomainsPerProvider)];
    const auto seed = static_cast<std::size_t>(n);
    d.sts = facts::txt(d.domain.sts_record_name(), {"v=STSv1; id=2026" + hex(seed, 10) + ";"});
    d.tlsrpt = facts::txt(d.domain.tlsrpt_name(), {facts::kTlsrpt});
    d.mx = facts::mx({{10, hosts[0]}, {20, hosts[1]}});
    d.mx.name = d.domain.str();
    auto fetch =
        facts::fetch("198.51." + std::to_string(101 + n / 250 % 100) + "." + std::to_string(1 + n % 250),
                     facts::policy({hosts[0], hosts[1]}));
    fetch.tls.peer = facts::peer(d.domain.policy_host());
    renew(fetch.tls.peer.change().leaf, seed);
    look.set_fetches({fetch});
    return d;
  }

  MxHostObservation host(const std::string& name, TimePoint at) const {
    const auto seed = std::hash<std::string>{}(name);
    auto probe = facts::probe(
        "203.0." + std::to_string(114 + seed / 250 % 100) + "." + std::to_string(1 + seed % 250), name);
    renew(probe.tls.peer.change().leaf, seed);
    auto look = facts::mx_host(name, {probe});
    look.at = at;
    return look;
  }

  const std::vector<std::vector<std::string>>& hosts() const { return hosts_; }

 private:
  static void renew(Certificate& leaf, std::size_t seed) {
    leaf.sha256 = hex(seed + 1, 64);
    leaf.spki_sha256 = hex(seed + 2, 64);
    leaf.serial = hex(seed + 3, 36);
    leaf.not_before = facts::kNow;
    leaf.not_after = facts::kNow + facts::days(90);
  }

  int domains_;
  std::vector<std::vector<std::string>> hosts_;  // by provider
};

JudgeInputs around(const Memory& memory, const DomainObservation& facts, TimePoint now) {
  JudgeInputs out;
  auto& v = out.vantage;
  v.reached_443 = v.reached_25 = true;
  v.answered_at = v.reached_25_at = v.spoke_25_at = v.reached_443_at = now;
  out.limits.grain = std::chrono::hours{2};
  for (const auto& mx : facts.mx.records) {
    const auto m = memory.mx(mx.host);
    if (!m) continue;
    out.known.emplace(mx.host, m->known);
    out.confirmed.emplace(mx.host, m->confirmed);
    out.pasts.emplace(mx.host, m->past);
    out.host_times.emplace(mx.host, m->times);
  }
  return out;
}

/// Everyone is looked at once, as the service does it.
void hour(const World& world, Memory& memory, TimePoint now) {
  for (const auto& provider : world.hosts()) {
    for (const auto& name : provider) {
      const auto before = memory.mx(name);
      auto seen = std::make_shared<const MxHostObservation>(world.host(name, now));
      auto record = before ? std::make_shared<MxMemory>(*before) : std::make_shared<MxMemory>();
      record->known = record->confirmed = seen;
      record->past = std::make_shared<HostPast>(remember_look(*record->past, *seen));
      record->times = {now, now};
      memory.remember(std::move(record), seen);
    }
  }
  for (int n = 0; n < world.count(); ++n) {
    auto facts = world.domain(n, now);
    const auto before = memory.domain(facts.domain);
    auto turn = after_look(before.get(), facts, true, around(memory, facts, now));
    memory.remember(turn.record, std::make_shared<DomainObservation>(std::move(facts)), turn.transitions);
  }
}

/// What making up the facts costs, to be taken off.
double feeding_seconds(const World& world) {
  const auto before = cpu_seconds();
  for (int n = 0; n < world.count(); ++n)
    (void)world.domain(n, facts::kNow);
  return cpu_seconds() - before;
}

Snapshot snapshot_of(const World& world, const Memory& memory, TimePoint now) {
  Snapshot s;
  s.now = now;
  s.fresh_for = {facts::days(1), facts::days(1), facts::days(1)};
  for (int n = 0; n < world.count(); ++n)
    if (auto record = memory.domain(world.name(n))) s.domains.push_back(std::move(record));
  for (const auto& provider : world.hosts())
    for (const auto& name : provider)
      s.mx.push_back(memory.mx(name));
  std::ranges::sort(s.mx, {}, [](const auto& mx) -> const std::string& { return mx->known->host; });
  return s;
}

Json scrape(const World& world, const Memory& memory, TimePoint now, MetricsOptions options) {
  malloc_trim(0);
  const auto resident = resident_mib();
  forget_peak();
  std::vector<double> took, cpu;
  std::size_t series = 0, octets = 0;
  for (int round = 0; round < 3; ++round) {
    const auto began = Steady::now();
    const auto before = cpu_seconds();
    auto snapshot = snapshot_of(world, memory, now);
    snapshot.metrics = options;
    const auto text = metrics_text(snapshot, TextFormat::prometheus);
    cpu.push_back(1e3 * (cpu_seconds() - before));
    took.push_back(1e3 * since(began));
    octets = text.size();
    series = 0;
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
      series += text[at] != '#';
  }
  std::ranges::sort(took);
  std::ranges::sort(cpu);
  return {{"series", series},
          {"mib", static_cast<double>(octets) / (1 << 20)},
          {"ms", took[1]},
          {"cpu_ms", cpu[1]},
          {"cpu_ms_per_150000", cpu[1] * 150000 / static_cast<double>(series)},
          {"extra_mib", peak_mib() - resident}};
}

/// As the service begins: everything is read, and judged again.
Json start_up(const World& world, const std::string& file, TimePoint now) {
  const auto began = Steady::now();
  const auto before = cpu_seconds();
  auto store = open_store(file, {.now = [now] { return now; }});
  if (!store) return store.error();
  const auto read = since(began);
  std::atomic<int> missing{0};
  side_by_side(static_cast<std::size_t>(world.count()), [&](std::size_t n) {
    const auto stored = (*store)->domain(world.name(static_cast<int>(n)));
    if (!stored) return void(++missing);
    (*store)->remember(judged_again(*stored, now, around(**store, *stored->known, now)), nullptr, {});
  });
  if (missing > 0) return "a domain is missing";
  const auto all = since(began), cpu = cpu_seconds() - before;
  const auto resident = resident_mib();
  (*store)->stop();
  return {{"read_s", read}, {"ready_s", all}, {"cpu_s", cpu}, {"resident_mib", resident}};
}

// All series of more are gigabytes of text, for which nobody asks.
constexpr int kScrapedWhole = 300'000;

int run(int domains, int hours, const std::string& file) {
  const World world(domains);
  auto now = facts::kNow + Seconds{3600};
  auto store = open_store(file, {.now = [&] { return now; }});
  if (!store) return std::cerr << store.error() << "\n", 1;
  const auto flush = [&] {
    if (file == kInRam) return true;
    for (int n = 0; n < 2 + domains / 1000; ++n)  // the times of a thousand subjects go with each
      if (!(*store)->flush(kPatience)) return false;
    return true;
  };
  const auto feeding = feeding_seconds(world);
  const auto at_first = resident_mib(), heap_at_first = heap_mib();
  hour(world, **store, now);
  if (!flush()) return std::cerr << (*store)->health().trouble.value_or("the store is slow") << "\n", 1;
  const auto cpu = cpu_seconds();
  auto wall = Steady::now();
  const auto written = written_mib();
  for (int n = 1; n < hours; ++n) {
    now += Seconds{3600};
    hour(world, **store, now);
    if (!flush()) return std::cerr << (*store)->health().trouble.value_or("the store is slow") << "\n", 1;
  }
  const double looks = static_cast<double>(hours - 1) * domains;
  Json out{{"domains", domains}, {"hours", hours}};
  if (looks > 0) {
    out["cpu_us_per_look"] = 1e6 * (cpu_seconds() - cpu - feeding * (hours - 1)) / looks;
    out["wall_s"] = since(wall);
    if (file != kInRam) out["written_mib_per_day"] = (written_mib() - written) * 24 / (hours - 1);
  }
  malloc_trim(0);
  out["resident_mib"] = resident_mib();
  out["kib_per_domain"] = 1024 * (resident_mib() - at_first) / domains;
  out["heap_kib_per_domain"] = 1024 * (heap_mib() - heap_at_first) / domains;
  if (domains <= kScrapedWhole) out["scrape"] = scrape(world, **store, now, {});
  out["scrape_lean"] = scrape(world, **store, now, {PerDomain::failing, StateSets::current});
  if (!(*store)->stop()) return std::cerr << "the store could not be written\n", 1;
  store->reset();
  if (file != kInRam) {
    out["file_mib"] = static_cast<double>(std::filesystem::file_size(file)) / (1 << 20);
    malloc_trim(0);
    out["start_up"] = start_up(world, file, now);
  }
  std::cout << out.dump(2) << std::endl;
  return 0;
}

}  // namespace
}  // namespace stswatch::bench

int main(int argc, char** argv) {
  using namespace stswatch::bench;
  if (argc != 3 && argc != 4) return std::cerr << "usage: stswatch_scale_bench DOMAINS HOURS [FILE]\n", 64;
  if (argc == 4 && std::atoi(argv[2]) == 0) {
    const auto now = stswatch::facts::kNow + stswatch::facts::days(1);
    return std::cout << start_up(World(std::atoi(argv[1])), argv[3], now).dump(2) << std::endl, 0;
  }
  return run(std::atoi(argv[1]), std::atoi(argv[2]), argc == 4 ? argv[3] : std::string(stswatch::kInRam));
}
