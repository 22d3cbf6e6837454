// The disk behind the store, as it sees it: batches go in, everything comes out once. And the store's own
// half, whatever the disk is: records in RAM, and the queue to it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <unordered_map>
#include <vector>

#include "agent/remember/pending_write.h"

namespace stswatch {

// Small texts by table and key that survive a restart: notices owed, silences. Written in the same
// transactions as the records. Thread-safe; reads come from RAM. And the same from beside, read and edited
// while the service that owns the store may be running.

struct KeyValueEdit {
  std::string table, key;
  std::optional<std::string> text;  // null: erased
};

class KeyValueStore {
 public:
  virtual ~KeyValueStore() = default;
  /// All of these edits reach the disk, or none. They do so at once; Store::flush() waits for it.
  virtual void apply(std::vector<KeyValueEdit> edits) = 0;
  virtual std::map<std::string, std::string> all(const std::string& table) const = 0;

  void put(std::string table, std::string key, std::string text) {
    apply({{std::move(table), std::move(key), std::move(text)}});
  }
  void erase(std::string table, std::string key) {
    apply({{std::move(table), std::move(key), std::nullopt}});
  }
};

/// The rows of a table, by key. The errors name the file and how to mend it.
tl::expected<std::map<std::string, std::string>, std::string> read_key_values(const std::string& file,
                                                                              const std::string& table);
/// All of the edits, or none. The file must be a store already.
tl::expected<void, std::string> edit_key_values(const std::string& file,
                                                const std::vector<KeyValueEdit>& edits);

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

/// Without a backend everything ends with the process, and is durable at once. `options.now` may be empty
/// then.
std::unique_ptr<Store> make_live_store(EverythingStored stored, std::unique_ptr<StoreBackend> backend,
                                       StoreOptions options);

}  // namespace stswatch
