#include "alerts/open_finding.h"

namespace stswatch {

const Domain& agent_itself() {
  static const Domain name = *Domain::parse("stswatch.invalid");
  return name;
}

bool is_agent_itself(std::string_view domain) { return domain == agent_itself().str(); }

std::shared_ptr<const DomainMemory> record_of_agent(std::vector<Incident> incidents, TimePoint now) {
  DomainObservation facts(agent_itself());
  facts.at = now;
  auto record = std::make_shared<DomainMemory>(std::make_shared<const DomainObservation>(std::move(facts)),
                                               Verdict(agent_itself()));
  record->incidents = std::move(incidents);
  return record;
}

bool told_of_agent(const Finding& finding) { return nature_of(finding).aspect == Aspect::own; }

}  // namespace stswatch
