// Small texts under names that survive a restart: what is owed, where a reader stands. Guarded by the same
// transactions as the records. Thread-safe; reads come from RAM.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace stswatch {

struct JournalEdit {
  std::string table, key;
  std::optional<std::string> text;  // null: erased
};

class Journal {
 public:
  virtual ~Journal() = default;
  /// All of these edits reach the disk, or none. They do so at once; Store::flush() waits for it.
  virtual void apply(std::vector<JournalEdit> edits) = 0;
  virtual std::map<std::string, std::string> all(const std::string& table) const = 0;

  void put(std::string table, std::string key, std::string text) {
    apply({{std::move(table), std::move(key), std::move(text)}});
  }
  void erase(std::string table, std::string key) {
    apply({{std::move(table), std::move(key), std::nullopt}});
  }
};

}  // namespace stswatch
