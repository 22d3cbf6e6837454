#include "agent/commands/check_looks.h"

#include <algorithm>
#include <filesystem>

#include "agent/remember/store.h"
#include "agent/watch/clock.h"
#include "agent/watch/live_config.h"
#include "checks/judge/case.h"
#include "checks/judge/senders/forecast.h"

namespace stswatch {
namespace {

std::vector<std::string> hosts_of(const DomainObservation& facts) {
  std::vector<std::string> out;
  for (const auto& mx : facts.mx.records)
    if (!mx.host.empty()) out.push_back(mx.host);
  if (facts.mx.records.empty()) out.push_back(facts.domain.str());  // RFC 5321 §5.1: the implicit MX
  return out;
}

void add_host(const Memory& memory, const std::string& host, Remembered& to) {
  const auto m = memory.mx(host);
  if (!m) return;
  to.around.known.emplace(host, m->known);
  to.around.confirmed.emplace(host, m->confirmed);
  to.around.pasts.emplace(host, m->past);
  to.debounces.emplace(host, m->debounces);
}

}  // namespace

Limits limits_for(const Config& config, const Domain& domain) {
  const auto it = std::ranges::find(config.domains, domain, &DomainConfig::name);
  Limits out = it == config.domains.end() ? config.expiry : it->limits;
  out.confirmations = config.schedule.confirmations;
  out.grain = config.schedule.grain(config.network.look_timeout);
  return out;
}

World Remembered::world(const std::vector<std::string>& mx) const {
  DomainObservation facts = *record->confirmed;
  facts.at = now;
  if (!mx.empty()) {
    facts.mx.lookup = Lookup::found;
    facts.mx.records.clear();
    for (const auto& host : mx)
      facts.mx.records.push_back({static_cast<std::uint16_t>(10 * (facts.mx.records.size() + 1)), host});
  }
  const History history{&record->past, around.pasts};
  return world_of(make_case(facts, around.confirmed, around.vantage, around.limits, history));
}

std::vector<std::string> Remembered::unseen() const {
  const DomainObservation& facts = *record->confirmed;
  const History history{&record->past, around.pasts};
  const Case c = make_case(facts, around.confirmed, around.vantage, around.limits, history);
  std::vector<std::string> out;
  if (facts.sts.lookup == Lookup::unknown) out.push_back("the record at " + facts.domain.sts_record_name());
  if (facts.mx.lookup == Lookup::unknown) out.push_back("the MX records of " + facts.domain.str());
  const auto unknown = [](const PolicyCopy& copy) { return copy.outcome == Outcome::unknown; };
  const bool host_unknown = c.copies.empty() && facts.policy_host.lookup() == Lookup::unknown;
  const bool file_unknown = !c.copies.empty() && std::ranges::all_of(c.copies, unknown);
  if (!c.world.current_policy && (host_unknown || file_unknown))
    out.push_back("the policy file of " + facts.domain.policy_host());
  return out;
}

tl::expected<std::optional<Remembered>, std::string> recall(const Config& config, const Domain& domain,
                                                            TimePoint now) {
  const auto memory = read_store(config.agent.state, {domain.str()});
  if (!memory) return tl::make_unexpected(memory.error());
  if (!*memory) return std::nullopt;
  Remembered out;
  out.record = (*memory)->domain(domain);
  if (!out.record) return std::nullopt;
  out.now = now;
  out.around.limits = limits_for(config, domain);
  for (const auto& host : hosts_of(*out.record->confirmed))
    add_host(**memory, host, out);
  return out;
}

std::string nothing_kept(const std::string& what, const std::string& state) {
  if (std::error_code ignored;
      state != kInRam && !is_database(state) && !std::filesystem::exists(state, ignored))
    return what + ": there is no store " + state + "; name the service's (--config, --state)";
  return what + " in " + shown_store(state) +
         ": watch it with stswatch run first, or name the store (--config, --state)";
}

tl::expected<Remembered, std::string> look_and_recall(const Config& config, const Domain& domain,
                                                      const std::vector<std::string>& mx) {
  const auto now = SystemClock().now();
  auto before = recall(config, domain, now);
  if (!before) return tl::make_unexpected(before.error());
  auto probes = make_probes(config);
  if (!probes) return tl::make_unexpected(probes.error());
  const auto deadline = Deadline::in(config.network.look_timeout);
  auto facts = probes->observer->look_at_names(domain, now, deadline);
  facts.fetches = probes->observer->fetch_policies(domain, facts.policy_host, now, deadline);
  probes->vantage->saw(domain.policy_host(), facts.fetches, now);
  probes->observer->look_aside(facts, *before && (*before)->record ? (*before)->record->known.get() : nullptr,
                               deadline);

  Remembered out = before->value_or(Remembered{});
  out.now = now;
  out.around.limits = limits_for(config, domain);
  // Beside a memory this look is one of many, and what it doubts waits to be confirmed as the service has it;
  // alone it is taken at its word, as `check` does.
  if (!out.record) out.around.limits.confirmations = 1;
  auto hosts = hosts_of(facts);
  hosts.insert(hosts.end(), mx.begin(), mx.end());
  for (const auto& host : hosts) {
    auto seen = probes->observer->look_at_mx(host, now, deadline);
    probes->observer->look_aside(seen, out.around.confirmed[host].get(), deadline);
    probes->vantage->saw(seen);
    auto& confirmed = out.around.confirmed[host];
    auto& debounces = out.debounces[host];
    confirmed = std::make_shared<MxHostObservation>(
        confirm(confirmed.get(), seen, debounces, probes->vantage->now(host, now),
                {confirmed ? out.around.limits.confirmations : 0}));
  }
  out.around.known = out.around.confirmed;
  out.around.vantage = probes->vantage->now(domain.policy_host(), now);
  out.record = after_look(out.record.get(), facts, true, out.around).record;
  return out;
}

}  // namespace stswatch
