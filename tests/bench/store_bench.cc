// What memory costs the disk: so many domains over a simulated time, each hour a look at its names and one
// that fetches the policy too, with the changes and the failures that domains have.
//   stswatch_store_bench DOMAINS DAYS KEEP_DAYS FILE   (KEEP_DAYS: of looks, changes and transitions)
#include <sys/resource.h>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <random>

#include "agent/remember/store.h"
#include "tests/judge/facts_builder.h"

namespace stswatch::bench {
namespace {

constexpr int kDomainsPerHost = 10, kCertificateDays = 60, kPolicyDays = 90;
constexpr double kFailing = 0.002;  // of the looks: an hour in which the policy host refuses
constexpr Millis kPatience{600'000};

class World {
 public:
  explicit World(int domains) : engine_(1) {
    for (int n = 0; n < domains; ++n)
      domains_.push_back(first(n));
    for (int n = 0; n < domains / kDomainsPerHost; ++n)
      hosts_.push_back(first_host(n));
  }

  /// Every subject is looked at once.
  void hour(Store& store, int hour, TimePoint now) {
    for (std::size_t n = 0; n < domains_.size(); ++n)
      look(store, domains_[n], static_cast<int>(n), hour, now);
    for (std::size_t n = 0; n < hosts_.size(); ++n) {
      auto& host = hosts_[n];
      auto seen = *host.known;
      seen.at = now;
      const bool renewed = due(static_cast<int>(n), hour, kCertificateDays);
      if (renewed) renew(seen.probes[0].tls);
      host.known = host.confirmed = std::make_shared<MxHostObservation>(seen);
      host.times = {now, now};
      if (renewed) {
        auto past = *host.past;
        show(past.certificates, seen.probes[0].tls.peer->leaf, now);
        host.past = std::make_shared<HostPast>(past);
      }
      store.remember(std::make_shared<MxMemory>(host), host.known);
    }
  }

 private:
  std::string hex(int digits) {
    std::string out;
    while (digits-- > 0)
      out += "0123456789abcdef"[engine_() % 16];
    return out;
  }

  static bool due(int n, int hour, int days) { return hour > 0 && (hour + n * 7) % (24 * days) == 0; }

  void renew(TlsFacts& tls) {
    auto& leaf = tls.peer->leaf;
    leaf.sha256 = hex(64);
    leaf.spki_sha256 = hex(64);
    leaf.serial = hex(36);
  }

  static void show(std::vector<SeenCertificate>& known, const Certificate& leaf, TimePoint now) {
    for (auto& seen : known)
      if (!seen.seen.gone) seen.seen.gone = now;
    known.push_back({leaf.sha256,
                     leaf.spki_sha256,
                     leaf.issuer,
                     leaf.serial,
                     leaf.not_before,
                     leaf.not_after,
                     {now, {}}});
  }

  DomainMemory first(int n) {
    auto facts = facts::base().domain;
    facts.domain = *Domain::parse("d" + std::to_string(n) + ".example");
    renew(facts.fetches[0].tls);
    DomainMemory record(std::make_shared<DomainObservation>(facts), Verdict(facts.domain));
    record.past.began = facts::kNow;
    record.past.policies = {{{Mode::enforce, {"mx1.example.com"}, 604800, {}}, hex(64), {facts::kNow, {}}}};
    record.past.ids = {{hex(16), 3600, {facts::kNow, {}}}};
    record.past.mx = {{"mx1.example.com", {facts::kNow, {}}}};
    show(record.past.policy_host_certificates, facts.fetches[0].tls.peer->leaf, facts::kNow);
    return record;
  }

  MxMemory first_host(int n) {
    MxMemory host;
    auto look = *facts::base().mx.at(std::string(facts::kMx1));
    look.host = "mx" + std::to_string(n) + ".example";
    renew(look.probes[0].tls);
    host.known = host.confirmed = std::make_shared<MxHostObservation>(look);
    return host;
  }

  void look(Store& store, DomainMemory& record, int n, int hour, TimePoint now) {
    auto seen = *record.known;
    seen.at = now;
    auto& past = record.past;
    if (due(n, hour, kCertificateDays)) {
      renew(seen.fetches[0].tls);
      show(past.policy_host_certificates, seen.fetches[0].tls.peer->leaf, now);
    }
    if (due(n, hour, kPolicyDays)) {
      past.policies.back().seen.gone = past.ids.back().seen.gone = now;
      seen.fetches[0].sha256 = hex(64);
      past.policies.push_back({past.policies.back().policy, seen.fetches[0].sha256, {now, {}}});
      past.ids.push_back({hex(16), 3600, {now, {}}});
      past.changes.push_back({now, "id", seen.domain.str(), "a", "b"});
    }
    look_at_names(store, record, now);
    record.known = record.confirmed = std::make_shared<DomainObservation>(seen);
    for (const auto part : kParts)
      record.times[part] = {now, now};
    record.policy_fetched = now;
    past.fetches.push_back({now, true, Millis{120}});
    if (past.fetches.size() > 24) past.fetches.erase(past.fetches.begin());
    auto as_seen = record.known;
    const auto transitions = fail_or_recover(record, as_seen, now);
    store.remember(std::make_shared<DomainMemory>(record), as_seen, transitions);
  }

  /// Most looks do not ask for the policy.
  void look_at_names(Store& store, DomainMemory& record, TimePoint now) {
    auto names = *record.known;
    names.at = now - Seconds{300};
    record.known = record.confirmed = std::make_shared<DomainObservation>(names);
    names.fetches.clear();
    store.remember(std::make_shared<DomainMemory>(record), std::make_shared<DomainObservation>(names), {});
  }

  /// An incident opens in a failing hour and closes in the next.
  std::vector<Transition> fail_or_recover(DomainMemory& record,
                                          std::shared_ptr<const DomainObservation>& seen, TimePoint now) {
    std::vector<Finding> found;
    if (std::uniform_real_distribution<>()(engine_) < kFailing) {
      auto failed = *seen;
      failed.fetches[0] = {.address = failed.fetches[0].address,
                           .failure = Failure{Stage::connect, Cause::refused, "connection refused"}};
      seen = std::make_shared<DomainObservation>(failed);
      found.push_back({.code = "sts-policy-unreachable",
                       .severity = Severity::warning,
                       .route = Route::ticket,
                       .subject = record.known->domain.policy_host(),
                       .detail = "connection refused by 198.51.101.1",
                       .effect = "Senders with a cached policy go on by it; the others have none.",
                       .fix = "Start the web server.",
                       .reference = "RFC 8461 §3.3"});
    }
    auto stepped =
        step(std::move(record.incidents), found, [](const Finding&) { return true; }, now, {.good_looks = 1});
    record.incidents = std::move(stepped.incidents);
    return std::move(stepped.transitions);
  }

  std::mt19937 engine_;
  std::vector<DomainMemory> domains_;
  std::vector<MxMemory> hosts_;
};

/// Octets this process has given to write(2) and its kin.
std::uint64_t written() {
  std::ifstream io("/proc/self/io");
  std::string key;
  std::uint64_t value = 0;
  while (io >> key >> value)
    if (key == "wchar:") return value;
  return 0;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double mib(std::uint64_t octets) { return static_cast<double>(octets) / (1 << 20); }

int run(int domains, int days, int keep_days, const std::string& file) {
  auto now = facts::kNow;
  auto store = open_store(file, {.now = [&] { return now; },
                                 .keep_looks = facts::days(keep_days),
                                 .keep_history = facts::days(keep_days)});
  if (!store) return std::cerr << store.error() << "\n", 1;
  World world(domains);
  std::cout
      << "| day | written, MiB | file, MiB | log beside it, MiB | CPU, s |\n|---:|---:|---:|---:|---:|\n"
      << std::fixed << std::setprecision(1);
  for (int day = 1; day <= days; ++day) {
    const auto before = written();
    const auto cpu = cpu_seconds();
    for (int hour = 0; hour < 24; ++hour) {
      world.hour(**store, (day - 1) * 24 + hour, now);
      now += Seconds{3600};
      for (int n = 0; n < 1 + domains / 1000; ++n)  // the times of a thousand subjects go with each
        if (!(*store)->flush(kPatience))
          return std::cerr << (*store)->health().trouble.value_or("") << "\n", 1;
    }
    std::cout << "| " << day << " | " << mib(written() - before) << " | "
              << mib(std::filesystem::file_size(file)) << " | "
              << mib(std::filesystem::file_size(file + "-wal")) << " | " << cpu_seconds() - cpu << " |"
              << std::endl;
  }
  return (*store)->stop() ? 0 : 1;
}

}  // namespace
}  // namespace stswatch::bench

int main(int argc, char** argv) {
  if (argc != 5) return std::cerr << "usage: stswatch_store_bench DOMAINS DAYS KEEP_DAYS FILE\n", 64;
  return stswatch::bench::run(std::atoi(argv[1]), std::atoi(argv[2]), std::atoi(argv[3]), argv[4]);
}
