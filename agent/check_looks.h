// Looks at a list of domains on a few threads and judges each; verdicts are handed out in order, and looks
// never run far ahead of whoever takes them. One thread takes; the destructor cancels what is under way and
// waits for it.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "agent/check_names.h"
#include "agent/clock.h"
#include "agent/mx_desk.h"
#include "agent/outlook.h"
#include "agent/remember/memory.h"
#include "agent/remember/saved_look.h"

namespace stswatch {

class CheckLooks {
 public:
  /// Called on the looking threads with every look before it is judged; may be empty.
  using Seen = std::function<void(const SavedLook&)>;

  CheckLooks(Outlook& outlook, const Config& config, const std::vector<Domain>& names, std::size_t jobs,
             Seen seen, std::shared_ptr<const Memory> memory);
  ~CheckLooks();
  CheckLooks(const CheckLooks&) = delete;
  CheckLooks& operator=(const CheckLooks&) = delete;

  /// Blocks until the verdict of names[index] is there; ask in ascending order, each once.
  Verdict verdict(std::size_t index);

 private:
  void work();
  Verdict look_and_judge(const Domain& domain);
  void add_memory(SavedLook& look, const Limits& limits) const;

  Outlook& outlook_;
  const std::vector<Domain>& names_;
  const Millis timeout_;
  const std::size_t window_;
  const Seen seen_;
  const std::shared_ptr<const Memory> memory_;  // null: each look is judged by itself
  SystemClock clock_;
  Cancel cancel_;
  MxDesk mx_;
  const LimitsByName limits_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t next_ = 0;  // guarded by mutex_, as are the next two
  std::size_t reading_ = 0;
  std::unordered_map<std::size_t, Verdict> done_;
  std::vector<std::jthread> threads_;
};

}  // namespace stswatch
