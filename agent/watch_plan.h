// What the service works by until the next reload: the wishes, and what they were made into. Immutable but
// for the outlook's own guarded state; a look keeps the plan it began with.
#pragma once

#include <unordered_map>

#include "agent/outlook.h"
#include "agent/tell/web_gate.h"

namespace stswatch {

struct WatchPlan {
  WatchPlan(Config c, Outlook o, std::shared_ptr<WebGate> g = nullptr);
  const DomainConfig* find(const std::string& domain) const;

  const Config config;
  const Outlook outlook;
  const std::shared_ptr<WebGate> gate;  // of agent.web_config; null without one

 private:
  std::unordered_map<std::string, const DomainConfig*> by_name_;
};

}  // namespace stswatch
