// Small texts by table and key that survive a restart: notices owed, silences. Written in the same
// transactions as the records. Thread-safe; reads come from RAM. And the same from beside, read and edited
// while the service that owns the store may be running.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace stswatch {

struct KeyValueEdit {
  std::string table, key;
  std::optional<std::string> text;  // null: erased
  std::int64_t epoch = 0;           // of the desk, in a fleet: the store's own
};

class KeyValueStore {
 public:
  virtual ~KeyValueStore() = default;
  /// All of these edits reach the disk, or none. They do so at once; Store::flush() waits for it.
  virtual void apply(std::vector<KeyValueEdit> edits) = 0;
  virtual std::map<std::string, std::string> all(const std::string& table) const = 0;
  /// Edits of the table that are not on the disk yet, as far as is known, oldest first.
  virtual std::vector<KeyValueEdit> unwritten(const std::string&) const { return {}; }

  void put(std::string table, std::string key, std::string text) {
    apply({{std::move(table), std::move(key), std::move(text)}});
  }
  void erase(std::string table, std::string key) {
    apply({{std::move(table), std::move(key), std::nullopt}});
  }
};

/// The rows of a table, by key. The errors name the store and how to mend it.
tl::expected<std::map<std::string, std::string>, std::string> read_key_values(const std::string& state,
                                                                              const std::string& table);
/// The same where this process has the store open as `ours`: what it edited and has not written yet outranks
/// what is on the disk.
tl::expected<std::map<std::string, std::string>, std::string> read_key_values(const std::string& state,
                                                                              const std::string& table,
                                                                              const KeyValueStore& ours);
void lay_over(std::map<std::string, std::string>& rows, const std::vector<KeyValueEdit>& edits);
/// All of the edits, or none. It must be a store already.
tl::expected<void, std::string> edit_key_values(const std::string& state,
                                                const std::vector<KeyValueEdit>& edits);

}  // namespace stswatch
