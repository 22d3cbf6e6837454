// The turn of the wheel: subjects come due, workers look, the judge judges, memory remembers.
#pragma once

#include <array>
#include <mutex>
#include <set>

#include "agent/clock.h"
#include "agent/mx_users.h"
#include "agent/parking.h"
#include "agent/remember/memory.h"
#include "agent/tell/metrics.h"
#include "agent/watch_plan.h"
#include "agent/wheel.h"

namespace stswatch {

class Service {
 public:
  Service(std::shared_ptr<const WatchPlan> plan, Memory& memory, Clock& clock);
  ~Service();  // stops
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  void start();
  /// Looks under way end by the old plan; new domains are due at once, dropped ones leave the schedule and
  /// the snapshot.
  void adopt(std::shared_ptr<const WatchPlan> plan);
  /// Looks again now, its policy and MX hosts included; false when the domain is not watched.
  bool look_now(const Domain& name);
  /// Ends every wait for the network and joins all workers. Idempotent.
  void stop();

  Snapshot snapshot() const;
  std::shared_ptr<const WatchPlan> plan() const;
  /// Why it is no longer alive, if so.
  std::optional<std::string> stuck() const { return wheel_.stuck(std::chrono::steady_clock::now()); }
  LookMetrics& looks() { return looks_; }

 private:
  void recall(const WatchPlan& plan, const DomainConfig& domain);
  Seconds look(const Subject& subject);
  Seconds look_at_vantage(const WatchPlan& plan);
  void look_at_domain(const WatchPlan& plan, const DomainConfig& domain);
  Seconds look_at_mx(const WatchPlan& plan, const std::string& host);
  bool judge_again(const WatchPlan& plan, const DomainConfig& domain, const std::string& host, bool saw);
  bool fetch_is_due(const WatchPlan& plan, const DomainMemory* before, const DomainObservation& facts);
  void remember(const WatchPlan& plan, const DomainConfig& domain, DomainObservation facts, bool fetched);
  void park(const Subject& subject, const std::vector<Address>& crowded);
  void unpark(const Address& address, std::size_t room);
  void use_mx_hosts(const std::string& domain, const std::set<std::string>& hosts);  // with mutex_ held
  /// Silence is proof only while others answer (RULES 5.7): hosts that did are looked at again with it.
  void hurry_references(const std::string& silent, TimePoint now);
  std::mutex& judging(const Domain& name);

  Memory& memory_;
  Clock& clock_;
  LookMetrics looks_;
  Parking parking_;
  Cancel cancel_;

  // A domain's record is read, judged and replaced under its stripe, so that a domain look and a look at one
  // of its MX hosts do not lose each other's news. Never held across I/O.
  std::array<std::mutex, 16> judging_;

  mutable std::mutex mutex_;               // taken before the wheel's own
  std::shared_ptr<const WatchPlan> plan_;  // guarded by mutex_, as is all below but the wheel
  std::set<std::string> fetch_now_;        // domains whose next look fetches the policy too
  MxUsers mx_users_;

  Wheel wheel_;  // last, so that its workers end first
};

}  // namespace stswatch
