// The watch: subjects come due, workers look, the judge judges, memory remembers. Before it what it keeps
// besides: plans that are followed, and who was looked at for somebody.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "agent/remember/key_value_store.h"
#include "agent/remember/memory.h"
#include "agent/remember/saved_look.h"
#include "agent/tell/metrics.h"
#include "agent/watch/clock.h"
#include "agent/watch/live_config.h"
#include "agent/watch/means.h"
#include "agent/watch/schedule.h"
#include "agent/watch/worker_pool.h"
#include "checks/facts/text.h"
#include "checks/facts/tls_report.h"

namespace stswatch {

// The plans that are followed: read from the store, where the command puts them while the service may be
// running, and kept there as far as they have come. Thread-safe.

class PlanWatch {
 public:
  /// `state`: the store's file, in which the command puts plans; none is followed where it is in RAM only.
  /// `rows` is of the same store; it and `clock` outlive this.
  PlanWatch(KeyValueStore& rows, std::string state, Clock& clock);

  /// Null: none is followed.
  std::shared_ptr<const FollowedPlan> of(const std::string& domain);
  /// As far as it has come; passed over where it was dropped or replaced meanwhile.
  void keep(const std::string& domain, std::shared_ptr<const FollowedPlan> plan);
  std::map<std::string, std::shared_ptr<const FollowedPlan>> all();

 private:
  void read_again();  // with mutex_ held

  KeyValueStore& rows_;
  const std::string state_;
  Clock& clock_;
  std::mutex mutex_;
  std::optional<SteadyPoint> read_at_;       // guarded by mutex_, as are the next two
  std::map<std::string, std::string> seen_;  // the rows of the last reading
  std::map<std::string, std::shared_ptr<const FollowedPlan>> plans_;
};

// When each domain was last looked at because somebody asked: who asks often does not get often
//. By monotonic time, so that a clock that is set back holds up nothing. Thread-safe.

/// A look that is younger is an answer to whoever wants one.
inline constexpr Seconds kFreshLook{5};

class RecentLooks {
 public:
  using Steady = std::chrono::steady_clock;

  /// How long until the domain may be looked at again; 0: now.
  Steady::duration left(const std::string& domain, Steady::time_point now) const {
    const std::lock_guard lock(mutex_);
    const auto found = began_.find(domain);
    if (found == began_.end()) return Steady::duration::zero();
    return std::max(Steady::duration::zero(), found->second + kFreshLook - now);
  }

  void began(const std::string& domain, Steady::time_point now) {
    const std::lock_guard lock(mutex_);
    std::erase_if(began_, [&](const auto& entry) { return entry.second + kFreshLook <= now; });
    began_[domain] = now;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Steady::time_point> began_;  // of the last few seconds
};

class Service {
 public:
  Service(std::shared_ptr<const LiveConfig> plan, Memory& memory, Clock& clock);
  ~Service();  // stops
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// What senders report of a domain, null where nothing was ever reported; before start().
  using ReportsOf = std::function<std::shared_ptr<const DomainReports>(const std::string& domain)>;
  void use_reports(ReportsOf reports) { reports_of_ = std::move(reports); }
  /// The plans that are followed; outlives this; before start().
  void use_plans(PlanWatch& plans) { plans_ = &plans; }
  /// In a fleet: which domains are looked at by this agent; the others are shown as memory has them; before
  /// start().
  using Ours = std::function<bool(const std::string& domain)>;
  void share(Ours ours) {
    ours_ = std::move(ours);
    shared_ = true;
  }
  /// Whose they are has changed: looks at what was gained begin, at what was lost they end.
  void share_anew();
  /// What others have remembered of their domains.
  void heard(const std::vector<std::string>& domains);
  void start();
  /// Looks under way end by the old plan; new domains are due at once, dropped ones leave the schedule and
  /// the snapshot.
  void adopt(std::shared_ptr<const LiveConfig> plan);
  using Looking = LookAsked;
  /// Looks again now, its policy and MX hosts included, or as soon as the last probe is old enough; not where
  /// the last such look is fresh.
  Looking look_now(const Domain& name);
  /// What is known of a domain of which a whole look is fresh, or was asked for a moment ago; else null.
  std::shared_ptr<const DomainMemory> fresh(const Domain& name) const;
  /// A probe looks at it.
  void probed(const Domain& name) { probed_.began(name.str(), RecentLooks::Steady::now()); }
  /// What a look at an MX host has shown is being told to the many domains that it serves, or soon will be:
  /// the look that confirms it is due.
  bool is_telling_a_crowd() const;
  /// Ends every wait for the network and joins all workers. Idempotent.
  void stop();

  Snapshot snapshot() const;
  std::shared_ptr<const LiveConfig> plan() const;
  /// How late the longest overdue look of each kind is; also of those that wait for a host with which others
  /// of ours are talking.
  struct Late {
    Seconds names{0}, policies{0}, mx_hosts{0};
    Seconds most() const { return std::max({names, policies, mx_hosts}); }
  };
  Late late() const;
  /// Why it is no longer alive, if so.
  std::optional<std::string> stuck() const { return pool_.stuck(std::chrono::steady_clock::now()); }
  LookMetrics& looks() { return looks_; }
  /// Which of the agent's own means do not suffice for its looks, if so.
  std::optional<std::string> lacking() const;
  /// Why MX hosts cannot be looked at from here, if so.
  std::optional<std::string> port25_blocked() const;
  bool port25_tried() const;
  /// After the calendar has jumped, or at the start: what is remembered as seen later than now was seen now.
  /// Returns how far ahead the latest of it was.
  Seconds redate();

 private:
  void recall(const LiveConfig& plan, const DomainConfig& domain);
  void take_up(const DomainConfig& domain, const LiveConfig& plan);  // with mutex_ held, as for the next
  void leave(const std::string& domain, const LiveConfig& plan);
  Seconds redate(const DomainConfig& domain);
  bool look_again_if_misdated(const LiveConfig& plan, const LookSubject& subject, TimePoint at);
  void hear_dates(const DomainObservation& facts);
  Seconds look(const LookSubject& subject, bool briefly);
  Seconds look_at_vantage(const LiveConfig& plan);
  void ask_to_validate(const LiveConfig& plan);
  /// Whether the next look is to come soon, whatever this one found.
  bool look_at_domain(const LiveConfig& plan, const DomainConfig& domain, bool briefly);
  Seconds look_at_mx(const LiveConfig& plan, const std::string& host);
  /// When to look at the host, which another agent of the fleet has just seen to be good: it is not disturbed
  /// again, and our domains are judged by what was seen. Null: look now.
  std::optional<Seconds> seen_by_another(const LiveConfig& plan, const std::string& host);
  void want_look(const std::string& host, Seconds after = Seconds{0});  // with mutex_ held
  bool is_disputed(const std::string& host);
  static constexpr std::size_t kCrowd = 100;  // domains of a host
  bool begins_to_tell_crowd(const std::string& host, bool doubtful);
  bool judge_again(const LiveConfig& plan, const DomainConfig& domain, const std::string& host, bool saw);
  bool fetch_is_due(const LiveConfig& plan, const DomainMemory* before, const DomainObservation& facts);
  /// Answers what the look by itself proved of the policy.
  Outcome remember(const LiveConfig& plan, const DomainConfig& domain, const Vantage& vantage,
                   DomainObservation facts, bool fetched);
  void wait_for_address(const LookSubject& subject, const std::vector<Address>& crowded);
  void release_address(const Address& address, std::size_t room);
  void use_mx_hosts(const std::string& domain, const std::set<std::string>& hosts);  // with mutex_ held
  /// Silence is proof only while others answer (RULES 5.7): hosts that did are looked at again with it.
  void hurry_references(const std::string& silent, TimePoint now);
  /// What strikes one host of a domain often strikes the others, and what strikes all of them is another
  /// thing to tell: they are looked at now, so that it is confirmed together and told as one incident.
  void hurry_siblings(const LiveConfig& plan, const std::string& host, const std::set<std::string>& domains,
                      TimePoint now);
  std::mutex& judging(const Domain& name);

  Memory& memory_;
  Clock& clock_;
  PlanWatch* plans_ = nullptr;
  ReportsOf reports_of_ = [](const std::string&) { return nullptr; };
  Ours ours_ = [](const std::string&) { return true; };
  bool shared_ = false;  // one of a fleet
  LookMetrics looks_;
  Means means_;
  AddressQueue address_queue_;
  Cancel cancel_;
  RecentLooks asked_, probed_;

  // A domain's record is read, judged and replaced under its stripe, so that a domain look and a look at one
  // of its MX hosts do not lose each other's news. Never held across I/O.
  std::array<std::mutex, 16> judging_;

  mutable std::mutex mutex_;                // taken before the pool's own
  std::shared_ptr<const LiveConfig> plan_;  // guarded by mutex_, as is all below but the pool
  std::set<std::string> looked_at_;         // domains in the schedule
  std::set<std::string> fetch_now_;         // domains whose next look fetches the policy too
  MxUsers mx_users_;
  std::set<std::string> wanted_;       // hosts whose next look was asked for, whoever saw them last
  std::set<std::string> crowds_told_;  // hosts

  WorkerPool pool_;  // last, so that its workers end first
};

}  // namespace stswatch
