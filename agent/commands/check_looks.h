// Looks at a list of domains on a few threads and judges each; verdicts are handed out in order, and looks
// never run far ahead of whoever takes them. One thread takes; the destructor cancels what is under way and
// waits for it.
#pragma once

#include <condition_variable>
#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <tl/expected.hpp>
#include <unordered_map>
#include <vector>

#include "agent/commands/commands.h"
#include "agent/remember/memory.h"
#include "agent/remember/saved_look.h"
#include "agent/remember/update.h"
#include "agent/tell/html.h"
#include "agent/watch/clock.h"
#include "agent/watch/live_config.h"
#include "agent/watch/mx_probe_pool.h"
#include "checks/judge/senders/simulation.h"

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

// Prints verdicts as they come, in the format asked for, and knows the worst of them. One thread.

class CheckReport {
 public:
  CheckReport(const CheckCommand& command, std::ostream& out);

  /// Tells a verdict that was asked for `times` times, once now. Returns what tell_again() wants for the
  /// others: far smaller than the verdict.
  std::string tell(const Verdict& verdict, std::size_t times = 1);
  void tell_again(const std::string& told);
  void finish();

  /// False once the output cannot be written any more.
  bool heard() const;
  /// 0 ok, 1 warning, 2 critical, 3 unknown; 74 when the output was lost.
  int exit_code() const;

 private:
  const CheckCommand& command_;
  std::ostream& out_;
  NagiosReport nagios_;
  Status worst_ = Status::ok;
  std::map<std::string, std::string> blind_;  // what could not be seen from here: code -> an example
  bool first_ = true;
};

// A domain as memory and a look at this moment know it together: what history, simulate and plan speak of.

struct Remembered {
  std::shared_ptr<const DomainMemory> record;
  JudgeInputs around;
  std::map<std::string, Debounces> debounces;  // by MX host
  TimePoint now{};

  /// Of the sender simulation; `mx` instead of the domain's own MX hosts, unless empty.
  World world(const std::vector<std::string>& mx = {}) const;
  /// What neither memory nor look has seen of the domain, in words: where it is not empty, nothing is proven.
  std::vector<std::string> unseen() const;
};

/// The domain's own, or the configuration's defaults.
Limits limits_for(const Config& config, const Domain& domain);

/// From the configuration's store alone; null where nothing is remembered of the domain. The error says what
/// is wrong with the store and how to mend it.
tl::expected<std::optional<Remembered>, std::string> recall(const Config& config, const Domain& domain,
                                                            TimePoint now);

/// Why nothing is told of `what` ("nothing is remembered of example.com"): the store is not there, or has
/// nothing of it.
std::string nothing_kept(const std::string& what, const std::string& state);

/// One look now at the domain and its MX hosts, or at `mx` instead of them, laid over what is remembered.
tl::expected<Remembered, std::string> look_and_recall(const Config& config, const Domain& domain,
                                                      const std::vector<std::string>& mx);

}  // namespace stswatch
