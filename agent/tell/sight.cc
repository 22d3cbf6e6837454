#include "agent/tell/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/remember/began.h"

namespace stswatch {
namespace {

using Json = nlohmann::ordered_json;

std::shared_ptr<const MxMemory> host_of(const Snapshot& snapshot, const std::string& name) {
  const auto of = [](const auto& mx) -> const std::string& { return mx->known->host; };
  const auto at = std::ranges::lower_bound(snapshot.mx, name, {}, of);
  return at == snapshot.mx.end() || of(*at) != name ? nullptr : *at;
}

Json to_json(const LookTimes& times) {
  const auto at = [](const std::optional<TimePoint>& when) {
    return when ? Json(to_utc(*when)) : Json(nullptr);
  };
  return {{"last_success", at(times.last_success)}, {"failing_since", at(times.failing_since)}};
}

}  // namespace

FactTimes fact_times(const Snapshot& snapshot, const DomainMemory& memory) {
  const auto part = [&](Part which) {
    const auto times = memory.times.find(which);
    return times == memory.times.end() ? LookTimes{} : times->second;
  };
  std::vector<LookTimes> hosts;
  for (const auto& mx : memory.verdict.mx) {
    const auto host = host_of(snapshot, mx.host);
    hosts.push_back(host ? host->times : LookTimes{});
  }
  return {part(Part::sts_record), part(Part::policy), part(Part::mx), together(hosts)};
}

TimePoint began(const Incident& incident, const DomainMemory& memory, const Snapshot& snapshot) {
  if (!incident.open()) return incident.opened;  // what would tell more has been overtaken
  return began(
      incident, memory, [&](const std::string& host) { return host_of(snapshot, host); }, snapshot.now);
}

Claims claims_of(const Snapshot& snapshot, const DomainMemory& memory) {
  return claims_of(memory.verdict, fact_times(snapshot, memory), snapshot.fresh_for, snapshot.now);
}

Status told_status(const Snapshot& snapshot, const DomainMemory& memory) {
  return claims_of(snapshot, memory).status_of(memory.verdict);
}

nlohmann::ordered_json sight_json(const FactTimes& times) {
  return {{"sts_record", to_json(times.sts_record)},
          {"policy", to_json(times.policy)},
          {"mx", to_json(times.mx)},
          {"hosts", to_json(times.hosts.all)}};
}

}  // namespace stswatch
