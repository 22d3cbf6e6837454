// Looks at a list of domains on a few threads and judges each; verdicts are handed out in order, and looks
// never run far ahead of whoever takes them. One thread takes; the destructor cancels what is under way and
// waits for it.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <tl/expected.hpp>
#include <unordered_map>
#include <vector>

#include "agent/commands/commands.h"
#include "agent/remember/memory.h"
#include "agent/remember/saved_look.h"
#include "agent/watch/clock.h"
#include "agent/watch/live_config.h"
#include "agent/watch/mx_probe_pool.h"

namespace stswatch {

// The names that a command was asked about: each looked at once, told as often and in the order asked.

struct Asked {
  std::vector<std::size_t> order;  // one entry per name asked for: its place in `names`
  std::vector<Domain> names;       // distinct
};

/// Those of the arguments and of --domains-file; else those of the config. The error names the first bad
/// name, in a file by FILE:LINE.
tl::expected<Asked, std::string> asked_names(const CheckCommand& command, const Config& config);

/// What the config says of each domain, or of all.
class LimitsByName {
 public:
  explicit LimitsByName(const Config& config);
  const Limits& of(const Domain& domain) const;

 private:
  Limits others_;
  std::unordered_map<std::string, Limits> by_name_;
};

class CheckLooks {
 public:
  /// Called on the looking threads with every look before it is judged; may be empty.
  using Seen = std::function<void(const SavedLook&)>;

  CheckLooks(Probes& probes, const Config& config, const std::vector<Domain>& names, std::size_t jobs,
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

  Probes& probes_;
  const std::vector<Domain>& names_;
  const Millis timeout_;
  const std::size_t window_;
  const Seen seen_;
  const std::shared_ptr<const Memory> memory_;  // null: each look is judged by itself
  SystemClock clock_;
  Cancel cancel_;
  MxProbePool mx_;
  const LimitsByName limits_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t next_ = 0;  // guarded by mutex_, as are the next two
  std::size_t reading_ = 0;
  std::unordered_map<std::size_t, Verdict> done_;
  std::vector<std::jthread> threads_;
};

}  // namespace stswatch
