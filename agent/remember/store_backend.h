// The disk behind the store, as it sees it: batches go in, everything comes out once. And the store's own
// half, whatever the disk is: records in RAM, and the queue to it.
#pragma once

#include <unordered_map>

#include "agent/remember/pending_write.h"

namespace stswatch {

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
