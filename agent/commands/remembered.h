// A domain as memory and a look at this moment know it together: what history, simulate and plan speak of.
#pragma once

#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "agent/commands/commands.h"
#include "agent/remember/update.h"
#include "checks/judge/senders/simulation.h"

namespace stswatch {

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

/// One look now at the domain and its MX hosts, or at `mx` instead of them, laid over what is remembered.
tl::expected<Remembered, std::string> look_and_recall(const Config& config, const Domain& domain,
                                                      const std::vector<std::string>& mx);

}  // namespace stswatch
