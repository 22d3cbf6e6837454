// The newest transitions in RAM, numbered, and which of them may be told. Guarded by the store's lock.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "agent/remember/store.h"

namespace stswatch {

class RecentTransitions {
 public:
  /// `last`: the id of the newest one that is stored already.
  explicit RecentTransitions(std::int64_t last) : last_(last), safe_(last), before_(last + 1) {}

  /// What became of `domain` at `at`, under its new ids.
  std::vector<StoredTransition> number(const std::vector<Transition>& transitions, const std::string& domain,
                                       TimePoint at);
  /// All up to this id are on the disk.
  void now_safe(std::int64_t upto);
  std::int64_t last() const { return last_; }
  std::int64_t safe() const { return safe_; }
  /// Ids below it are on the disk only.
  std::int64_t in_ram_from() const { return before_; }
  /// At most `limit` of those above `id` and not above `upto`, oldest first.
  std::vector<StoredTransition> after(std::int64_t id, std::size_t limit, std::int64_t upto) const;

 private:
  std::int64_t last_, safe_, before_;
  std::deque<StoredTransition> recent_;
};

}  // namespace stswatch
