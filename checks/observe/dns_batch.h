// Questions asked together: where the DNS thread puts answers and the asking thread waits for them.
// Thread-safe; shared by both, so that either may leave first.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checks/observe/resolver.h"

namespace stswatch::dns {

/// An eventfd: readable once set.
class Event {
 public:
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  bool valid() const { return fd_ >= 0; }  // false: the process is out of descriptors
  int fd() const { return fd_; }
  void set() const;
  void clear() const;

 private:
  int fd_;
};

class Batch {
 public:
  explicit Batch(const std::vector<DnsQuestion>& questions);

  const std::vector<DnsQuestion>& questions() const { return questions_; }
  const Event& done() const { return done_; }  // set when every question is answered

  void answer(std::size_t index, DnsAnswer answer);
  /// What a waiting thread may tell should it have to give up now.
  void asking(std::size_t index, std::string_view server, const std::string& failures);
  /// Nobody waits any more.
  bool abandoned() const { return abandoned_; }

  /// Ends the wait. Unanswered questions are unknown, for the reason why the wait ended.
  std::vector<DnsAnswer> collect(const std::string& gave_up);

 private:
  struct Slot {
    std::optional<DnsAnswer> answer;
    std::string server, failures;
  };
  const std::vector<DnsQuestion> questions_;
  const Event done_;
  std::atomic<bool> abandoned_{false};

  std::mutex mutex_;
  std::vector<Slot> slots_;  // guarded by mutex_
  std::size_t open_;         // guarded by mutex_
};

}  // namespace stswatch::dns
