// From what is remembered to who should know: one thread decides, one for each receiver sends, one for each
// heartbeat pings. A receiver that is slow or down holds up nobody.
#pragma once

#include <condition_variable>
#include <thread>

#include "agent/tell/snapshot.h"
#include "agent/watch/clock.h"
#include "alerts/delivery.h"
#include "alerts/digest.h"
#include "config/config.h"

namespace stswatch {

inline constexpr const char* kAcknowledgeTable = "alert_acknowledge";

class Notifier {
 public:
  struct Hooks {
    std::string version;
    std::function<void()> flush = [] {};  // returns once what is owed is on the disk, or the disk refuses
    /// The rows of silences as they are on the disk, where others may edit them, and what is not written yet;
    /// null: as they are in memory.
    Dispatcher::ReadRows read_silences = [] { return std::nullopt; };
    std::function<bool()> healthy = [] { return true; };
    /// Of people at another agent's door; null: there is none.
    std::function<std::map<std::string, std::string>()> read_acknowledgements{};
    /// In a fleet one agent tells: whether it is this one, and (once a notice is about to leave) whether what
    /// is owed is on the disk and nobody else can be telling.
    std::function<bool()> tells = [] { return true; }, may_send = [] { return true; };
    /// A look at one host is being told to its many domains: that is one incident, decided on as a whole.
    std::function<bool()> is_telling_a_crowd = [] { return false; };
    /// In a fleet, too: from where is seen what pages.
    std::function<SeenFrom(const std::string& domain, const Incident& incident, TimePoint now)> seen_from{};
  };

  /// `memory` and `key_values` outlive this.
  Notifier(Memory& memory, KeyValueStore& key_values, Clock& clock, Hooks around);
  ~Notifier();  // stops
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  /// At the start, and after each reload. `ca_file`: what receivers are verified with.
  void adopt(const Config& config, const std::string& ca_file);
  void on_update(std::shared_ptr<const DomainMemory> record);
  /// Lets what is being sent come to its end for a moment, then cuts it off. Idempotent.
  void stop();

  /// What digests are made of, for a receiver that wants these domains; before adopt().
  void use_digests(std::function<DigestSource(const Wanted&)> source) { digest_source_ = std::move(source); }

  /// This agent tells from now on: what was owed and said is as the store has it.
  void take_over();
  /// After the calendar has jumped, and at the start: nothing was told later than now.
  void redate();

  /// Somebody is at what was told of the domain; false: nothing was.
  bool acknowledge(const std::string& domain);

  Dispatcher& dispatcher() { return dispatcher_; }
  void describe(Snapshot& s) const;

 private:
  using Step = std::function<TimePoint(const std::stop_token&)>;  // returns when it is due again
  enum class AddressLimiter { decider, delivery };
  void begin(Step step, AddressLimiter address_limiter);
  void run(const Step& step, AddressLimiter address_limiter);
  DispatchRules rules_of(const Config& config) const;
  Delivery::Hooks delivery_hooks(const std::string& name, const Wanted& wanted);
  TimePoint decide();
  void heed_acknowledgements(TimePoint now);
  void end_threads();

  Memory& memory_;
  Clock& clock_;
  const Hooks around_;
  Dispatcher dispatcher_;
  KeyValueStore& key_values_;
  std::function<DigestSource(const Wanted&)> digest_source_;

  std::mutex adopting_;                  // one at a time; taken before mutex_
  std::optional<AlertOptions> options_;  // guarded by adopting_, as are the next three
  std::string ca_file_;
  std::vector<std::jthread> threads_;
  TimePoint silences_read_{};  // the decider's own, as is the next one
  std::optional<TimePoint> crowd_since_;
  std::stop_source cut_off_;  // for what is being sent

  mutable std::mutex mutex_;
  std::condition_variable news_, ended_;
  std::uint64_t updates_ = 0, decided_ = 0;  // guarded by mutex_, as is all below
  bool ending_ = false;
  std::size_t running_ = 0;
  std::vector<std::shared_ptr<Delivery>> deliveries_;
  std::map<std::string, DeliveryFigures> before_;  // of delivery threads that a reload has replaced
};

/// Memory that lets the notifier know of each domain that is remembered.
class NotifyingMemory : public Memory {
 public:
  NotifyingMemory(Memory& memory, Notifier& notifier) : memory_(memory), notifier_(notifier) {}

  std::shared_ptr<const DomainMemory> domain(const Domain& name) const override {
    return memory_.domain(name);
  }
  std::shared_ptr<const MxMemory> mx(const std::string& host) const override { return memory_.mx(host); }
  void remember(std::shared_ptr<const DomainMemory> record, std::shared_ptr<const DomainObservation> look,
                const std::vector<Transition>& transitions) override {
    memory_.remember(record, std::move(look), transitions);
    // Not what came too late, after another agent of a fleet has taken the domain over.
    if (memory_.domain(record->known->domain) == record) notifier_.on_update(std::move(record));
  }
  void remember(std::shared_ptr<const MxMemory> record,
                std::shared_ptr<const MxHostObservation> look) override {
    memory_.remember(std::move(record), std::move(look));
  }

 private:
  Memory& memory_;
  Notifier& notifier_;
};

/// What the operator should know of the configuration of the notices, though it is valid.
std::vector<std::string> warnings_of(const Config& config);

// What a digest is made of, from what the agent tells everybody else. Pure.

/// Of the configured domains that a receiver wants.
DigestSource digest_source(const Snapshot& snapshot, const Config& config, const Wanted& wanted);

}  // namespace stswatch
