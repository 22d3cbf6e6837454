// What is owed to whom: the dispatcher takes in what memory knows of each domain, decides, stores what it
// owes, and hands it out to the delivery threads. A notice that is owed is decided anew until it leaves, so
// what has healed meanwhile is not told, and a receiver that comes back after a day gets one notice for each
// problem that is left. Thread-safe; never waits for the network.
#pragma once

#include <functional>
#include <mutex>
#include <unordered_map>

#include "agent/remember/key_value_store.h"
#include "alerts/compose.h"
#include "alerts/notice.h"

namespace stswatch {

struct ReceiverRules {
  std::string name;
  TellingRules rules;
};

/// What the dispatcher goes by until it is told otherwise.
struct DispatchRules {
  std::vector<ReceiverRules> receivers;
  std::vector<Silence> silences;  // the configuration's
  std::set<std::string> watched;  // domains; of others nothing is told any more
  ComposeContext around;          // without `now`
};

/// A notice on its way, and what its receiver knew before.
struct OutgoingNotice {
  PendingNotice pending;
  std::optional<Notice> before;
};

struct ReceiverState {
  std::string name;
  std::size_t pending = 0;
  std::optional<TimePoint> oldest;  // when the oldest of those was decided
};

class Dispatcher {
 public:
  /// Reads what was owed and said from the store; rows that cannot be read are dropped and complained of.
  Dispatcher(KeyValueStore& key_values, const std::function<void(const std::string&)>& complain);

  /// From now on it is as the store has it: another agent has told meanwhile.
  void read_again(const std::function<void(const std::string&)>& complain);

  void adopt(DispatchRules rules);
  /// The newest record of a domain. Cheap: it is considered at the next turn.
  void on_update(std::shared_ptr<const DomainMemory> record);
  /// Nothing was told, owed or put off by a clock later than `now`: the calendar may have been set back.
  void redate(TimePoint now);
  /// Decides. Returns when it has to be asked again at the latest.
  TimePoint turn(TimePoint now);

  /// The most urgent notice for a receiver, still true now; null: none is due. It is out until settle().
  std::optional<OutgoingNotice> take(const std::string& receiver, TimePoint now);
  /// `handle`: what the receiver calls the message now, where it can be updated.
  void settle(const PendingNotice& pending, SendResult::Kind kind, TimePoint now,
              const std::string& handle = {});
  /// What the receiver knows as firing.
  std::vector<Notice> firing(const std::string& receiver) const;

  /// Silences and acknowledgements of people; the first are kept under an id, one for each domain, code and
  /// subject. nullopt: the domain has as many as it may (kSilencesOfDomain).
  std::optional<std::string> silence(const Silence& silence, TimePoint now);
  bool lift_silence(const std::string& id);
  /// Others may edit the rows on the disk: `read` has what is there now, and over it what was edited here and
  /// is not written yet (null: nothing can be known). It may take its time; what is edited here meanwhile
  /// stays.
  using ReadRows = std::function<std::optional<std::map<std::string, std::string>>()>;
  void adopt_silences(const ReadRows& read);
  std::map<std::string, Silence> silences() const;
  /// Somebody is at what was told of the domain: no reminders until it gets worse. False: nothing was.
  bool acknowledge(const std::string& domain, TimePoint now);
  /// The domains that somebody was told of, and when all of that was acknowledged, if it was.
  std::map<std::string, std::optional<TimePoint>> told() const;

  std::vector<ReceiverState> state() const;

 private:
  struct Out {
    PendingNotice pending;
    bool in_flight = false;
    int refusals = 0;        // by its receiver, in a row
    TimePoint not_before{};  // after those
  };
  using Key = std::pair<std::string, std::string>;  // receiver, problem

  void take_in(TimePoint now);  // with mutex_ held, as for all below
  void decide_all(TimePoint now);
  void decide_for(const ReceiverRules& receiver, Problem& problem, const AlertGroup& group, TimePoint now);
  void enqueue(const ReceiverRules& receiver, Problem& problem, const GroupState& group_state,
               const Decision& decision, TimePoint now);
  void count_as_told(const PendingNotice& pending, TimePoint now, const std::string& handle);
  void forget_what_is_over();
  bool waits_for_a_look(const Problem& problem) const;
  const LastNotified* last_notified(const Problem& problem, const std::string& receiver) const;
  void note(const Problem& problem);
  void note(const PendingNotice& pending);
  void write();

  KeyValueStore& key_values_;
  std::mutex inbox_mutex_;
  std::unordered_map<std::string, std::shared_ptr<const DomainMemory>> inbox_;  // guarded by inbox_mutex_

  mutable std::mutex mutex_;
  DispatchRules rules_;                                    // guarded by mutex_, as is all below
  std::map<std::string, std::vector<OpenFinding>> items_;  // by domain; those with any
  std::set<std::string> unseen_;                           // watched, and memory has not spoken of them yet
  std::map<std::string, Problem> problems_;                // by id
  std::map<Key, Out> pending_;
  std::map<std::string, Silence> silences_;  // by id
  bool silences_edited_ = false;             // here, since the last reading began
  std::vector<KeyValueEdit> edits_;
  bool dirty_ = true;  // something has come in since the last decision
  TimePoint next_{};   // when time alone may change a decision
};

}  // namespace stswatch
