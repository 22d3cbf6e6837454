// What every command that looks needs, built from a Config: resolver, trust store, observer, vantage.
#pragma once

#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "agent/canaries.h"
#include "agent/commands.h"
#include "checks/observe/observer.h"
#include "config/config.h"

namespace stswatch {

struct Outlook {
  std::unique_ptr<Resolver> resolver;
  std::shared_ptr<const TrustStore> trust;
  std::shared_ptr<Pace> pace;
  std::unique_ptr<Observer> observer;
  std::shared_ptr<VantageWatch> vantage;
  std::unique_ptr<Canaries> canaries;

  /// Looks anew whether there is an IPv6 route, where the configuration leaves that to us.
  void find_route(const NetworkOptions& network) const;
};

/// A command that fails before its first look: what to say, and the exit code that goes with it.
struct Refusal {
  std::string what;
  int exit_code;
};

/// The config file, if any, with the flags laid over it.
tl::expected<Config, Refusal> effective_config(const LookFlags& flags);

/// The error names the option at fault and how to mend it. After a reload (`before` is the outlook until
/// then) what the vantage has reached is handed on, and so is the pace, since looks by the old outlook may be
/// under way.
tl::expected<Outlook, std::string> make_outlook(const Config& config, const Outlook* before = nullptr);

}  // namespace stswatch
