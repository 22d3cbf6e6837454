// What of a record the disk does not have yet: the difference between two records, without what only says
// that time has passed (pure); and the queue of it, the newest of each subject, so that it stays small
// however long the disk fails. The queue is not thread-safe: the store's lock guards it.
#pragma once

#include <chrono>
#include <map>
#include <set>
#include <variant>

#include "agent/remember/saved_look.h"
#include "agent/remember/store.h"

namespace stswatch {

enum class SubjectKind { domain, mx };
using SubjectName = std::pair<SubjectKind, std::string>;

/// What is stored of a record besides its looks. The moments move with each look and are written once an
/// hour.
enum Section : unsigned {
  kState = 1,
  kPolicies = 2,
  kIds = 4,
  kMxHosts = 8,
  kCertificates = 16,
  kIncidents = 32,
  kMoments = 64,
};

/// Why a look is kept. All but `changed` are one per subject.
enum class Role { known, confirmed, last, good, failed, changed };
inline constexpr std::size_t kSingleRoles = 5;
std::string_view to_string(Role role);

struct KeptLook {
  FactsHash hash{};
  TimePoint at{};
};
/// By role: what is kept, or on its way to the disk.
using KeptLooks = std::array<std::optional<KeptLook>, kSingleRoles>;

using LookFacts =
    std::variant<std::shared_ptr<const DomainObservation>, std::shared_ptr<const MxHostObservation>>;

struct NewLook {
  Role role = Role::last;
  KeptLook kept;
  LookFacts facts;
};

using AnyRecord = std::variant<std::shared_ptr<const DomainMemory>, std::shared_ptr<const MxMemory>>;

struct PendingWrite {
  std::int64_t subject = 0;  // its id
  AnyRecord record;
  unsigned sections = 0;
  KeptLooks kept;               // for their times, which are among the moments
  std::vector<NewLook> looks;   // facts that are not on the disk under this role
  std::vector<Change> changes;  // those that are new
  std::vector<StoredTransition> transitions;
  bool urgent = false;
  // In a fleet: of a domain its shard, and the epoch that it was seen under; of an MX host -1 and the life of
  // the agent.
  Shard shard = -1;
  std::int64_t epoch = 0;

  bool empty() const { return sections == 0 && looks.empty() && changes.empty() && transitions.empty(); }
};

/// `before` is null for a new subject; `kept` moves on to what is kept once this is written.
PendingWrite pending_write_of(const DomainMemory* before, std::shared_ptr<const DomainMemory> record,
                              const std::shared_ptr<const DomainObservation>& look,
                              std::vector<StoredTransition> transitions, KeptLooks& kept);
PendingWrite pending_write_of(const MxMemory* before, std::shared_ptr<const MxMemory> record,
                              const std::shared_ptr<const MxHostObservation>& look, KeptLooks& kept);
/// When nothing happened but time.
PendingWrite refresh(AnyRecord record, const KeptLooks& kept);

/// `older` has not reached the disk when `newer` comes.
PendingWrite merge(PendingWrite older, PendingWrite newer);

struct Batch {
  std::vector<std::int64_t> dropped;  // subjects that end; applied first
  std::vector<PendingWrite> writes;
  std::vector<KeyValueEdit> edits;
  bool urgent = false;  // must survive a loss of power too
};

class WriteQueue {
 public:
  using Steady = std::chrono::steady_clock::time_point;

  void add(PendingWrite write, Steady now);
  void add(std::vector<KeyValueEdit> edits, Steady now);
  void drop(std::int64_t subject, Steady now);

  /// When the writer is to begin: at once for what is urgent or much, soon for the rest.
  std::optional<Steady> due() const;
  /// Everything there is, in the order it came.
  Batch take();
  /// The batch did not reach the disk; what came since stays in force.
  void put_back(Batch batch, Steady now);

  /// Those of a table that wait.
  std::vector<KeyValueEdit> edits_of(const std::string& table) const;

  /// What is no longer ours to write.
  void drop_if(const std::function<bool(const PendingWrite&)>& write,
               const std::function<bool(const KeyValueEdit&)>& edit);

  bool empty() const { return writes_.empty() && edits_.empty() && dropped_.empty(); }

 private:
  void note(Steady now, bool urgent);

  std::map<std::int64_t, PendingWrite> writes_;                        // by subject
  std::map<std::pair<std::string, std::string>, KeyValueEdit> edits_;  // by table and key
  std::set<std::int64_t> dropped_;
  std::optional<Steady> since_;
  bool urgent_ = false;
};

}  // namespace stswatch
