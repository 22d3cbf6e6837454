// What the service works by until the next reload: the wishes, and what they were made into. Immutable but
// for the probes' own guarded state; a look keeps the plan it began with.
#pragma once

#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <unordered_map>

#include "agent/commands/commands.h"
#include "agent/tell/door/web_gate.h"
#include "agent/watch/vantage_watch.h"
#include "checks/observe/observer.h"
#include "config/config.h"
#include "config/load.h"

namespace stswatch {

// What every command that looks needs, built from a Config: resolver, trust store, observer, vantage.

struct Probes {
  std::unique_ptr<Resolver> resolver;
  std::shared_ptr<const TrustStore> trust;
  std::shared_ptr<AddressLimiter> address_limiter;
  std::shared_ptr<dns::Source> source;  // null: dns.source is off
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
tl::expected<Config, Refusal> effective_config(const LookFlags& flags,
                                               ListCommand command = ListCommand::leave);

/// The error names the option at fault and how to mend it. After a reload (`before` are the probes until
/// then) what the vantage has reached is handed on, and so is the address limiter, since looks by the old
/// probes may be under way.
tl::expected<Probes, std::string> make_probes(const Config& config, const Probes* before = nullptr);

struct LiveConfig {
  LiveConfig(Config c, Probes o, std::shared_ptr<WebGate> g = nullptr);
  const DomainConfig* find(const std::string& domain) const;

  const Config config;
  const Probes probes;
  const std::shared_ptr<WebGate> gate;  // of agent.web_config; null without one

 private:
  std::unordered_map<std::string, const DomainConfig*> by_name_;
};

}  // namespace stswatch
