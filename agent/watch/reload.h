// From the command line and the files it names to what the service works by; and the same again on request.
#pragma once

#include <functional>
#include <mutex>

#include "agent/remember/store.h"
#include "agent/watch/service.h"

namespace stswatch {

/// `before`: what the service works by until now, at a reload.
tl::expected<std::shared_ptr<const LiveConfig>, Refusal> make_live_config(const RunCommand& command,
                                                                          const LiveConfig* before = nullptr);

/// Why a list that named domains should not be believed when it names none: a query that went wrong or a file
/// that is half written would end the watch of all of them. nullopt: each names some, or never did.
std::optional<std::string> emptied(const Config& was, const Config& is);

/// Lists that name no domain, in the log.
void log_empty_lists(const Config& config);

/// The domains that the configuration names.
std::set<std::string> watched_names(const LiveConfig& plan);

/// Reads the configuration and the lists of domains again; the old plan stays when they are not valid.
/// Thread-safe.
class Reloader {
 public:
  /// `adopted` is told of each plan that the service has taken up.
  Reloader(const RunCommand& command, Service& service, Store& store, Clock& clock,
           std::function<void(const LiveConfig&)> adopted)
      : command_(command),
        service_(service),
        store_(store),
        clock_(clock),
        adopted_(std::move(adopted)),
        success_at_(clock.now()) {}

  /// The error is for the caller; it has been logged.
  tl::expected<void, std::string> reload();
  void describe(Snapshot& s) const;
  /// Why the newest reload was refused, if it was.
  std::optional<std::string> refused() const;

 private:
  const RunCommand& command_;
  Service& service_;
  Store& store_;
  Clock& clock_;
  const std::function<void(const LiveConfig&)> adopted_;
  std::mutex reloading_;  // one reload at a time
  mutable std::mutex mutex_;
  bool successful_ = true;  // guarded by mutex_, as is all below
  std::string refusal_;
  TimePoint success_at_;
};

}  // namespace stswatch
