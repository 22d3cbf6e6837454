#include "agent/watch/digest_source.h"

#include <algorithm>

#include "agent/remember/dated.h"
#include "agent/tell/json.h"

namespace stswatch {
namespace {

/// What people have announced: change windows, and the next steps of plans that are followed.
void add_planned(const Snapshot& snapshot, const Config& config, const Wanted& wanted, DigestSource& into) {
  for (const auto& window : config.planned)
    if (window.until > snapshot.now && is_for(wanted, window.domain.str()))
      into.planned.emplace_back(std::max(window.from, snapshot.now),
                                window.domain.str() + ": a change is planned until " + to_utc(window.until));
  for (const auto& [domain, plan] : snapshot.plans) {
    if (!is_for(wanted, domain)) continue;
    const auto next = next_step(*plan);
    if (!next || next->step == nullptr) continue;
    const auto from = next->safe_from.value_or(next->step->not_before);
    into.planned.emplace_back(
        std::max(from, snapshot.now),
        domain + ": step " + std::to_string(next->step->n) + " of the plan: " + next->step->text);
  }
}

}  // namespace

DigestSource digest_source(const Snapshot& snapshot, const Config& config, const Wanted& wanted) {
  DigestSource out;
  out.external_url = config.agent.external_url;
  out.vantage = config.agent.vantage;
  if (wanted.own) out.own = snapshot.own;
  std::map<std::string, std::shared_ptr<const DomainMemory>> looked_at;
  for (const auto& memory : snapshot.domains)
    looked_at.emplace(memory->known->domain.str(), memory);
  for (const auto& domain : config.domains) {
    const auto& name = domain.name.str();
    if (!is_for(wanted, name)) continue;
    const auto at = looked_at.find(name);
    if (at == looked_at.end())
      out.domains.push_back({name, nullptr, {}});
    else
      out.domains.push_back({name, at->second, claims_of(snapshot, *at->second)});
  }
  std::ranges::sort(out.domains, {}, &DigestDomain::name);
  auto silences = snapshot.configured_silences;
  for (const auto& [_, silence] : snapshot.silences)
    silences.push_back(silence);
  for (auto& silence : silences)
    if (std::ranges::any_of(out.domains, [&](const auto& d) { return glob_matches(silence.domain, d.name); }))
      out.silences.push_back(std::move(silence));
  add_planned(snapshot, config, wanted, out);
  return out;
}

}  // namespace stswatch
