// A service that is one of a fleet: which domains it looks at, and what it shows of the others'.
#include "agent/remember/update.h"
#include "agent/watch/service_parts.h"

namespace stswatch {

void Service::take_up(const std::string& domain) {
  if (!ours_(domain)) return;
  looked_at_.insert(domain);
  pool_.add({Kind::domain, domain});
}

void Service::leave(const std::string& domain, const LiveConfig& plan) {
  if (looked_at_.erase(domain) == 0) return;
  pool_.remove({Kind::domain, domain});
  fetch_now_.erase(domain);
  plan.probes.vantage->forget(domain);
  use_mx_hosts(domain, {});
}

void Service::share_anew() {
  const auto plan = this->plan();
  const std::lock_guard lock(mutex_);
  if (plan != plan_) return;  // adopt() has just done so
  for (const auto& d : plan->config.domains) {
    take_up(d.name.str());
    if (!ours_(d.name.str())) leave(d.name.str(), *plan);
  }
}

void Service::heard(const std::vector<std::string>& domains) {
  const auto plan = this->plan();
  for (const auto& name : domains)
    if (const auto* domain = plan->find(name)) recall(*plan, *domain);
}

}  // namespace stswatch
