// From the command line and the files it names to what the service works by; and the same again on request,
// one turn for all that ask.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <tl/expected.hpp>

#include "agent/remember/store.h"
#include "agent/watch/confinement.h"
#include "agent/watch/service.h"

namespace stswatch {

// Something that many ask for and one thread does: whoever asks while a turn is under way waits for the next,
// which is one for all of them. Thread-safe.

class Turns {
 public:
  using Outcome = tl::expected<void, std::string>;

  /// `turn` ends by deadlines of its own, and soon once it is told to stop.
  explicit Turns(std::function<Outcome(const std::stop_token&)> turn);
  ~Turns() { stop(); }
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  /// The outcome of a turn that began after this call, or of a later one.
  Outcome take();
  /// The same for whom the outcome does not matter: waits for nothing.
  void ask();
  /// The turn under way is told to stop and waited for; there are no more, and whoever waits for one is told
  /// so. Idempotent.
  void stop();

 private:
  void work();

  const std::function<Outcome(const std::stop_token&)> turn_;
  std::stop_source stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool asked_ = false, stopped_ = false;  // guarded by mutex_, as are the next three
  std::uint64_t begun_ = 0, done_ = 0;
  Outcome outcome_;
  std::thread thread_;
};

/// The file, with the command line laid over it. May take as long as domains_command does; starts no thread.
tl::expected<Config, Refusal> service_config(const RunCommand& command, const Confinement& confinement,
                                             const std::stop_token& stop);

/// `before`: what the service works by until now, at a reload.
tl::expected<std::shared_ptr<const LiveConfig>, Refusal> make_live_config(Config config,
                                                                          const LiveConfig* before = nullptr);

/// Why a list that named domains should not be believed when it names none: a query that went wrong or a file
/// that is half written would end the watch of all of them. nullopt: each names some, or never did.
std::optional<std::string> emptied(const Config& was, const Config& is);

/// Lists that name no domain, in the log.
void log_empty_lists(const Config& config);

/// The domains that the configuration names.
std::set<std::string> watched_names(const LiveConfig& plan);

/// Reads the configuration and the lists of domains again; the old plan stays when they are not valid. Those
/// who ask while one reload is under way get one together. Thread-safe.
class Reloader {
 public:
  /// `adopted` is told of each plan that the service has taken up.
  Reloader(const RunCommand& command, const Confinement& confinement, Service& service, Store& store,
           Clock& clock, std::function<void(const LiveConfig&)> adopted)
      : command_(command),
        confinement_(confinement),
        service_(service),
        store_(store),
        clock_(clock),
        adopted_(std::move(adopted)),
        success_at_(clock.now()),
        turns_([this](const std::stop_token& stop) { return reload_once(stop); }) {}

  /// The error is for the caller; it has been logged.
  tl::expected<void, std::string> reload() { return turns_.take(); }
  /// The same without waiting for it.
  void ask() { turns_.ask(); }
  /// The one under way ends soon, with the program that it waits for; there are no more. Idempotent.
  void stop() { turns_.stop(); }
  void describe(Snapshot& s) const;
  /// Why the newest reload was refused, if it was.
  std::optional<std::string> refused() const;

 private:
  tl::expected<void, std::string> reload_once(const std::stop_token& stop);

  const RunCommand& command_;
  const Confinement& confinement_;
  Service& service_;
  Store& store_;
  Clock& clock_;
  const std::function<void(const LiveConfig&)> adopted_;
  mutable std::mutex mutex_;
  bool successful_ = true;  // guarded by mutex_, as is all below
  std::string refusal_;
  TimePoint success_at_;

  Turns turns_;  // last: its thread ends first
};

}  // namespace stswatch
