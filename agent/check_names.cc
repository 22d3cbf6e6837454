#include "agent/check_names.h"

#include "config/load.h"

namespace stswatch {
namespace {

class Names {
 public:
  void add(const Domain& domain) {
    const auto [it, fresh] = index_.emplace(domain.str(), asked_.names.size());
    if (fresh) asked_.names.push_back(domain);
    asked_.order.push_back(it->second);
  }
  Asked take() { return std::move(asked_); }

 private:
  Asked asked_;
  std::unordered_map<std::string, std::size_t> index_;
};

}  // namespace

tl::expected<Asked, std::string> asked_names(const CheckCommand& command, const Config& config) {
  Names names;
  for (const auto& typed : command.domains) {
    const auto domain = Domain::parse(typed);
    if (!domain) return tl::make_unexpected(domain.error());
    names.add(*domain);
  }
  if (!command.domains_file.empty()) {
    const auto listed = read_domains_file(command.domains_file);
    if (!listed) return tl::make_unexpected(listed.error().front().str());
    if (listed->empty())
      return tl::make_unexpected(command.domains_file + " names no domain: write one a line");
    for (const auto& domain : *listed)
      names.add(domain);
  }
  const bool named = !command.domains.empty() || !command.domains_file.empty();
  if (!named)
    for (const auto& domain : config.domains)
      names.add(domain.name);
  auto asked = names.take();
  if (asked.order.empty())
    return tl::make_unexpected(
        std::string("no domain to check: name one, or give --domains-file or --config"));
  return asked;
}

LimitsByName::LimitsByName(const Config& config) : others_(config.expiry) {
  for (const auto& d : config.domains)
    by_name_.emplace(d.name.str(), d.limits);
}

const Limits& LimitsByName::of(const Domain& domain) const {
  const auto it = by_name_.find(domain.str());
  return it == by_name_.end() ? others_ : it->second;
}

}  // namespace stswatch
