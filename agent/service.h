// The turn of the wheel: subjects come due, workers look, the judge judges, memory remembers. Workers are
// started as they are needed, up to the configured number; at most half of them look at MX hosts, so that
// tarpits starve nobody.
#pragma once

#include <array>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "agent/clock.h"
#include "agent/outlook.h"
#include "agent/remember/memory.h"
#include "agent/schedule.h"
#include "agent/tell/metrics.h"

namespace stswatch {

class Service {
 public:
  Service(Config config, Outlook outlook, Memory& memory, Clock& clock);
  ~Service();  // stops
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  void start();
  /// Ends every wait for the network and joins all workers. Idempotent.
  void stop();

  Snapshot snapshot() const;
  LookMetrics& looks() { return looks_; }

 private:
  void work();
  void spawn_if_short();  // with mutex_ held
  Seconds look(const Subject& subject);
  void look_at_domain(const Domain& name);
  void look_at_mx(const std::string& host);
  void judge_again(const Domain& name);
  bool fetch_is_due(const DomainMemory* before, const DomainObservation& facts, TimePoint now) const;
  void remember(DomainObservation facts, bool fetched);
  void use_mx_hosts(const Domain& name, const Verdict& verdict);
  std::mutex& judging(const Domain& name);

  const Config config_;
  Outlook outlook_;
  Memory& memory_;
  Clock& clock_;
  LookMetrics looks_;
  std::map<std::string, const DomainConfig*> domains_;  // by name, into config_
  Cancel cancel_;

  // A domain's record is read, judged and replaced under its stripe, so that a domain look and a look at one
  // of its MX hosts do not lose each other's news. Never held across I/O.
  std::array<std::mutex, 16> judging_;

  mutable std::mutex mutex_;
  std::condition_variable due_;
  Schedule schedule_;                                      // guarded by mutex_, as is all below
  std::map<std::string, std::set<std::string>> users_;     // MX host -> domains
  std::map<std::string, std::set<std::string>> hosts_of_;  // domain -> MX hosts
  std::size_t idle_ = 0, busy_ = 0, busy_mx_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace stswatch
