// check: look once, now, at each domain, or read looks that were saved, and judge; answers stream out in the
// order asked.

#include <iostream>
#include <mutex>
#include <unordered_map>

#include "agent/commands/check_looks.h"
#include "agent/commands/commands.h"
#include "agent/commands/saved_files.h"
#include "agent/remember/store.h"
#include "agent/watch/live_config.h"
#include "config/load.h"

namespace stswatch {
namespace {

/// Saves looks as they come and keeps the first complaint. Thread-safe.
class Saver {
 public:
  explicit Saver(std::string folder) : folder_(std::move(folder)) {}

  void save(const SavedLook& look) {
    auto done = save_look(folder_, look);
    const std::lock_guard lock(mutex_);
    if (!done && complaint_.empty()) complaint_ = std::move(done.error());
  }
  std::string complaint() const {
    const std::lock_guard lock(mutex_);
    return complaint_;
  }

 private:
  const std::string folder_;
  mutable std::mutex mutex_;
  std::string complaint_;  // guarded by mutex_
};

/// How far a long check has come, on a terminal's stderr.
class Progress {
 public:
  Progress(const CheckCommand& command, std::size_t of, std::ostream& err)
      : shown_(command.progress && of > 20), of_(of), err_(err) {}
  ~Progress() {
    if (shown_) err_ << "\r\x1b[K" << std::flush;
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void step() {
    if (++done_; shown_ && (done_ % 10 == 0 || done_ == of_))
      err_ << "\r" << done_ << " of " << of_ << " looked at" << std::flush;
  }

 private:
  const bool shown_;
  const std::size_t of_;
  std::ostream& err_;
  std::size_t done_ = 0;
};

int finish(CheckReport& report, Streams io) {
  report.finish();
  if (!report.heard())
    return complain(io, "standard output: cannot be written: make room, or read all of it", kExitOutput);
  return report.exit_code();
}

int tell_all(CheckLooks& looks, const Asked& asked, const CheckCommand& command, Streams io) {
  std::vector<std::size_t> left(asked.names.size(), 0);  // how often each verdict is still to be told
  for (const auto index : asked.order)
    ++left[index];
  std::unordered_map<std::size_t, std::string> told;  // what will be told again
  CheckReport report(command, io.out);
  {
    Progress progress(command, asked.order.size(), io.err);
    for (const auto index : asked.order) {
      if (!report.heard()) break;
      const auto before = told.find(index);
      const auto more = --left[index];
      if (before != told.end())
        report.tell_again(before->second);
      else if (auto line = report.tell(looks.verdict(index), more + 1); more > 0)
        told.emplace(index, std::move(line));
      if (more == 0 && before != told.end()) told.erase(before);
      progress.step();
    }
  }
  return finish(report, io);
}

/// Judges saved looks with today's rules, at their own time. Every file is read before the first is told.
int replay(const CheckCommand& command, Streams io) {
  if (!command.domains.empty() || !command.domains_file.empty() || !command.save.empty())
    return complain(io, "--replay looks at nothing: give it without domains, --domains-file and --save",
                    kExitUsage);
  const auto config = effective_config(command.flags);
  if (!config) return complain(io, config.error().what, config.error().exit_code);
  const LimitsByName limits(*config);
  const auto refuse = [&](const std::string& what) {
    return complain(io, what + ": name a file that check --save wrote", kExitUsage);
  };
  for (const auto& file : command.replay)
    if (const auto look = load_look(file); !look) return refuse(look.error());
  CheckReport report(command, io.out);
  for (const auto& file : command.replay) {
    const auto look = load_look(file);
    if (!look) return refuse(look.error());
    (void)report.tell(judge(*look, limits.of(look->domain.domain)));
  }
  return finish(report, io);
}

/// What the configuration's service remembers of the domains asked for; null: there is nothing, or it cannot
/// be read, which is said.
std::shared_ptr<const Memory> remembered(const CheckCommand& command, const Config& config,
                                         const std::vector<Domain>& names, Streams io) {
  if (command.flags.config_file.empty()) return nullptr;
  std::set<std::string> domains;
  for (const auto& name : names)
    domains.insert(name.str());
  auto memory = read_store(config.agent.state, domains);
  if (memory) return std::move(*memory);
  io.err << "stswatch: " << memory.error() << "; until then each look is judged without memory\n";
  return nullptr;
}

}  // namespace

int complain(Streams io, const std::string& what, int code) {
  io.err << "stswatch: " << what << "\n";
  return code;
}

int check(const CheckCommand& command, Streams io) {
  if (!command.replay.empty()) return replay(command, io);
  const bool named = !command.domains.empty() || !command.domains_file.empty();
  const auto config = effective_config(command.flags, named ? ListCommand::leave : ListCommand::run);
  if (!config) return complain(io, config.error().what, config.error().exit_code);
  const auto asked = asked_names(command, *config);
  if (!asked) return complain(io, asked.error(), kExitUsage);
  auto probes = make_probes(*config);
  if (!probes) return complain(io, probes.error(), kExitConfig);
  CheckLooks::Seen seen;
  Saver saver(command.save);
  if (!command.save.empty()) {
    if (const auto made = make_folder(command.save, "saved looks"); !made)
      return complain(io, made.error(), kExitUsage);
    seen = [&](const SavedLook& look) { saver.save(look); };
  }
  CheckLooks looks(*probes, *config, asked->names, command.jobs, seen,
                   remembered(command, *config, asked->names, io));
  const int code = tell_all(looks, *asked, command, io);
  const auto unsaved = saver.complaint();
  if (unsaved.empty()) return code;
  return complain(io, unsaved + ": not every look was saved", code == 0 ? 3 : code);
}

}  // namespace stswatch
