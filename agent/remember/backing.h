// The disk behind the store, as it sees it: batches go in, everything comes out once.
#pragma once

#include <unordered_map>

#include "agent/remember/news.h"

namespace stswatch {

struct Batch {
  std::vector<std::int64_t> dropped;  // subjects that end; applied first
  std::vector<News> news;
  std::vector<JournalEdit> edits;
  bool urgent = false;  // must survive a loss of power too
};

template <class Record>
struct Remembered {
  std::int64_t subject = 0;
  std::shared_ptr<const Record> record;
  KeptLooks kept{};
};

struct EverythingStored {
  std::unordered_map<std::string, Remembered<DomainMemory>> domains;
  std::unordered_map<std::string, Remembered<MxMemory>> mx;
  std::map<std::string, std::map<std::string, std::string>> journal;
  std::int64_t last_subject = 0;  // highest ids ever given
  std::int64_t last_transition = 0;
};

/// Used by one thread at a time, but for older_transitions(). Errors name the file and how to mend it.
class Backing {
 public:
  virtual ~Backing() = default;
  /// All of the batch, or nothing.
  virtual tl::expected<void, std::string> write(const Batch& batch) = 0;
  /// Drops what retention does not keep, a bounded piece at a time; true when there may be more.
  virtual tl::expected<bool, std::string> tidy(TimePoint now) = 0;
  /// With ids in (after, before).
  virtual tl::expected<std::vector<StoredTransition>, std::string> older_transitions(std::int64_t after,
                                                                                     std::int64_t before,
                                                                                     std::size_t limit) = 0;
};

}  // namespace stswatch
