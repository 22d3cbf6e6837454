#include "agent/watch_plan.h"

namespace stswatch {

WatchPlan::WatchPlan(Config c, Outlook o, std::shared_ptr<WebGate> g)
    : config(std::move(c)), outlook(std::move(o)), gate(std::move(g)) {
  for (const auto& d : config.domains)
    by_name_.emplace(d.name.str(), &d);
}

const DomainConfig* WatchPlan::find(const std::string& domain) const {
  const auto it = by_name_.find(domain);
  return it == by_name_.end() ? nullptr : it->second;
}

}  // namespace stswatch
