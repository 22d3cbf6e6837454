// Which domain sends its mail to which MX host: a host is looked at as long as any domain uses it. Not
// thread-safe: its owner's lock guards it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace stswatch {

class MxUsers {
 public:
  using Names = std::set<std::string>;

  /// The domain's hosts from now on; an empty set when it leaves. Returns the hosts that nobody uses any
  /// more.
  std::vector<std::string> set(const std::string& domain, const Names& hosts);

  const Names& hosts_of(const std::string& domain) const { return of(hosts_, domain); }
  const Names& domains_of(const std::string& host) const { return of(domains_, host); }
  const std::map<std::string, Names>& domains_by_host() const { return domains_; }

 private:
  static const Names& of(const std::map<std::string, Names>& all, const std::string& key);

  std::map<std::string, Names> domains_;  // by host
  std::map<std::string, Names> hosts_;    // by domain
};

}  // namespace stswatch
