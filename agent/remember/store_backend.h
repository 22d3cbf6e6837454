// The disk behind the store: what waits for it, and what it does. The store's lock guards the queue.
#pragma once

#include <chrono>
#include <map>
#include <set>
#include <unordered_map>
#include <variant>

#include "agent/remember/saved_look.h"
#include "agent/remember/store.h"

namespace stswatch {

// What of a record the disk does not have yet: the difference between two records, without what only says
// that time has passed (pure); and the queue of it, the newest of each subject, so that it stays small
// however long the disk fails. The queue is not thread-safe: the store's lock guards it.

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

// The disk behind the store, as it sees it: batches go in, everything comes out once. And the store's own
// half, whatever the disk is: records in RAM, and the queue to it.

template <class Record>
struct Remembered {
  std::int64_t subject = 0;
  std::shared_ptr<const Record> record;
  KeptLooks kept{};
};

struct EverythingStored {
  std::unordered_map<std::string, Remembered<DomainMemory>> domains;
  std::unordered_map<std::string, Remembered<MxMemory>> mx;
  std::map<std::string, std::map<std::string, std::string>> key_values;
  std::int64_t last_subject = 0;  // highest id ever given
};

/// Used by one thread at a time. Errors name the file and how to mend it.
class StoreBackend {
 public:
  virtual ~StoreBackend() = default;
  /// All of the batch, or nothing.
  virtual tl::expected<void, std::string> write(const Batch& batch) = 0;
  /// Drops what retention does not keep, a bounded piece at a time; true when there may be more.
  virtual tl::expected<bool, std::string> tidy(TimePoint now) = 0;
};

/// The store's half of a fleet: its records follow the leases.
class LiveStore : public Store {
 public:
  /// What was read anew of the database: of domains that are ours (just gained) or others', and of MX hosts
  /// what is newer than what we know. Answers the domains that it took.
  virtual std::vector<std::string> adopt(EverythingStored news, const std::set<Shard>& gained) = 0;
  virtual void adopt(const std::string& table, std::map<std::string, std::string> rows) = 0;
  /// Of domains that are ours, the records with a finding that pages.
  virtual std::vector<std::shared_ptr<const DomainMemory>> paging() const = 0;
  /// Nothing of it is written any more that was seen under other leases.
  virtual void drop_what_is_not_ours() = 0;
  /// Before anything else is done with it; ends first.
  virtual void join(std::unique_ptr<Fleet> fleet) = 0;
};

/// Tables of the desk: of notices.
bool is_of_the_desk(const std::string& table);

/// Without a backend everything ends with the process, and is durable at once. `options.now` may be empty
/// then. With `leases` what others hold is kept in RAM only.
std::unique_ptr<LiveStore> make_live_store(EverythingStored stored, std::unique_ptr<StoreBackend> backend,
                                           StoreOptions options,
                                           std::shared_ptr<const Leases> leases = nullptr);

}  // namespace stswatch
