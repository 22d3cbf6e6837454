// From the command line and the files it names to what the service works by; and the same again on request.
#pragma once

#include <functional>
#include <mutex>

#include "agent/remember/store.h"
#include "agent/watch/confinement.h"
#include "agent/watch/service.h"
#include "agent/watch/turns.h"

namespace stswatch {

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
