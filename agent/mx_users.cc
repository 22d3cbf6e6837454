#include "agent/mx_users.h"

namespace stswatch {

std::vector<std::string> MxUsers::set(const std::string& domain, const Names& hosts) {
  std::vector<std::string> unused;
  for (const auto& host : hosts)
    domains_[host].insert(domain);
  for (const auto& host : hosts_of(domain)) {
    if (hosts.contains(host)) continue;
    auto& users = domains_.at(host);
    users.erase(domain);
    if (!users.empty()) continue;
    domains_.erase(host);
    unused.push_back(host);
  }
  if (hosts.empty())
    hosts_.erase(domain);
  else
    hosts_[domain] = hosts;
  return unused;
}

const MxUsers::Names& MxUsers::of(const std::map<std::string, Names>& all, const std::string& key) {
  static const Names none;
  const auto it = all.find(key);
  return it == all.end() ? none : it->second;
}

}  // namespace stswatch
