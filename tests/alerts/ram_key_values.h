// A key-value store that ends with the process. Nothing here is under test.
#pragma once

#include <mutex>

#include "agent/remember/key_value_store.h"

namespace stswatch {

class RamKeyValues : public KeyValueStore {
 public:
  void apply(std::vector<KeyValueEdit> edits) override {
    const std::lock_guard lock(mutex_);
    for (auto& edit : edits) {
      if (edit.text)
        rows_[edit.table][edit.key] = std::move(*edit.text);
      else
        rows_[edit.table].erase(edit.key);
    }
  }
  std::map<std::string, std::string> all(const std::string& table) const override {
    const std::lock_guard lock(mutex_);
    const auto it = rows_.find(table);
    return it == rows_.end() ? std::map<std::string, std::string>{} : it->second;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::map<std::string, std::string>> rows_;  // guarded by mutex_
};

}  // namespace stswatch
