// The workers: blocking threads that take subjects as they come due, started as they are needed up to the
// number configured. At most half of them look at MX hosts, so that tarpits starve nobody, and a third at
// what they were slow at lately, as at hosts that do not answer; more where most things are slow, since then
// it is our own doing. While first looks hold a third of them up, others are brief: who is well is seen soon,
// after a start too. A subject that is late is looked at late, once: nothing queues up. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "agent/watch/clock.h"
#include "agent/watch/schedule.h"

namespace stswatch {

class WorkerPool {
 public:
  /// Called by the workers, with no lock held; answers when the subject is due again. `briefly`: it has not
  /// been looked at before, and what takes long is left for its next look.
  using Look = std::function<Seconds(const LookSubject&, bool briefly)>;

  struct Limits {
    std::size_t workers = 256;
    Seconds look{60};  // what bounds a look; one that takes much longer is stuck, one that takes half is slow
    // How long a domain and an MX host count as slow: most looks ask little, and are quick between two that
    // are not.
    Seconds domain_slow_for{7200}, mx_slow_for{7200};
  };

  struct State {
    std::size_t busy = 0, idle = 0;
    Seconds late_domain{0}, late_mx{0};
    std::size_t domains = 0, mx_hosts = 0;
    bool cramped = false;  // the system refused the last thread that was asked for
  };

  WorkerPool(Clock& clock, Look look);
  ~WorkerPool();  // stops
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  void limit(Limits limits);
  void start();

  /// Due at once, or then; no change when it is there already.
  void add(const LookSubject& subject, Seconds after = Seconds{0});
  void remove(const LookSubject& subject);
  void shorten(Kind kind, Seconds interval);
  /// Due at once, or then; a look under way is followed by another.
  void hurry(const LookSubject& subject, Seconds after = Seconds{0});

  /// Takes no more subjects and joins all workers. Idempotent. Looks under way must be ended by their caller.
  void stop();

  State state() const;
  /// Why this is no longer alive: a look that does not end, due work that nobody takes, or no look at all.
  std::optional<std::string> stuck(std::chrono::steady_clock::time_point now) const;

 private:
  struct UnderWay {
    std::chrono::steady_clock::time_point since;
    Seconds limit;
    SteadyPoint began;
    bool slow;
  };
  void work();
  void wake();  // with mutex_ held, as for all below
  void start_worker();
  void rest(std::unique_lock<std::mutex>& lock);
  /// The interval until it is due again, and until when it counts as slow.
  std::pair<Seconds, SteadyPoint> turn(std::unique_lock<std::mutex>& lock, const LookSubject& subject);
  Schedule::Room room() const;
  bool held_up() const;  // by what nobody knew to be slow
  bool full() const { return under_way_.size() >= limits_.workers; }
  std::optional<SteadyPoint> next_due() const;  // of what a worker may take

  Clock& clock_;
  const Look look_;

  mutable std::mutex mutex_;
  // Of the idle workers one watches the clock, so that a due time wakes one and not all of them.
  std::condition_variable time_, work_;
  Limits limits_;  // guarded by mutex_, as is all below
  Schedule schedule_;
  std::map<LookSubject, UnderWay> under_way_;
  std::optional<SteadyPoint> watched_;  // what the one who watches the clock waits for
  std::size_t idle_ = 0, starting_ = 0, busy_mx_ = 0, busy_slow_ = 0;
  bool started_ = false, stopping_ = false, cramped_ = false;
  SteadyPoint last_taken_{};
  std::vector<std::thread> workers_;
};

}  // namespace stswatch
