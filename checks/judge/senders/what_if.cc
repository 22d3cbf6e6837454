#include "checks/judge/senders/forecast.h"

#include <algorithm>

namespace stswatch {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kUsualTtl = 3600;

template <class Seen>
void end_those_of_now(std::vector<Seen>& all, TimePoint now) {
  for (auto& seen : all)
    if (seen.last_ub >= now) seen.last_ub = now;
}

std::uint32_t ttl_of(const World& world) {
  std::uint32_t ttl = 0;
  for (const auto& id : world.ids)
    if (world.current_id && id.id == *world.current_id) ttl = std::max(ttl, id.ttl);
  return ttl > 0 ? ttl : kUsualTtl;
}

}  // namespace

World after(const World& world, const Proposal& proposal) {
  World then = world;
  then.now = world.now + 1s;
  if (proposal.policy) {
    end_those_of_now(then.policies, world.now);
    const auto& p = *proposal.policy;
    then.policies.push_back({"proposed", p.mode, p.mx, p.max_age, then.now, then.now});
    then.current_policy = "proposed";
  } else {
    for (auto& p : then.policies)
      if (p.last_ub >= world.now) p.last_ub = then.now;
  }
  if (proposal.id && proposal.id != world.current_id) {
    end_those_of_now(then.ids, world.now);
    then.ids.push_back({*proposal.id, then.now, then.now, ttl_of(world)});
    then.current_id = proposal.id;
  } else {
    for (auto& id : then.ids)
      if (id.last_ub >= world.now) id.last_ub = then.now;
  }
  if (!proposal.mx.empty()) then.mx = proposal.mx;
  return then;
}

}  // namespace stswatch
