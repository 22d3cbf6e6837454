// What waits for the disk: the newest news of each subject, so that it stays small however long the disk
// fails. Not thread-safe: the store's lock guards it.
#pragma once

#include <chrono>
#include <set>

#include "agent/remember/backing.h"

namespace stswatch {

class WriteQueue {
 public:
  using Steady = std::chrono::steady_clock::time_point;

  void add(News news, Steady now);
  void add(std::vector<JournalEdit> edits, Steady now);
  void drop(std::int64_t subject, Steady now);

  /// When the writer is to begin: at once for what is urgent or much, soon for the rest.
  std::optional<Steady> due() const;
  /// Everything there is, in the order it came.
  Batch take();
  /// The batch did not reach the disk; what came since stays in force.
  void put_back(Batch batch, Steady now);

  bool empty() const { return news_.empty() && edits_.empty() && dropped_.empty(); }

 private:
  void note(Steady now, bool urgent);

  std::map<std::int64_t, News> news_;                                                // by subject
  std::map<std::pair<std::string, std::string>, std::optional<std::string>> edits_;  // by table and key
  std::set<std::int64_t> dropped_;
  std::optional<Steady> since_;
  bool urgent_ = false;
};

}  // namespace stswatch
