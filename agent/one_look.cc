#include "agent/one_look.h"

#include "checks/facts/bounds.h"

namespace stswatch {

SavedLook look_once(const Outlook& outlook, MxDesk& mx, const Domain& domain, TimePoint now,
                    const Deadline& deadline) {
  SavedLook look(outlook.observer->look_at_names(domain, now, deadline));
  auto& facts = look.domain;

  std::map<std::string, MxDesk::Look> pending;
  for (const auto& record : facts.mx.records)
    if (!record.host.empty() && pending.size() < bounds::kMxHosts)
      pending.emplace(record.host, mx.look_at(record.host));
  if (facts.mx.records.empty() && facts.apex.lookup() == Lookup::found)
    pending.emplace(domain.str(), mx.look_at(domain.str()));  // RFC 5321 §5.1: the implicit MX

  facts.fetches = outlook.observer->fetch_policies(domain, facts.policy_host, now, deadline);
  outlook.vantage->saw(domain.policy_host(), facts.fetches, facts.at);

  for (const auto& [host, seen] : pending)
    if (seen.wait_for(deadline.left()) == std::future_status::ready) look.mx.emplace(host, seen.get());
  look.vantage = outlook.vantage->now(domain.policy_host(), facts.at);
  return look;
}

}  // namespace stswatch
