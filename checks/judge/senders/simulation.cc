#include "checks/judge/senders/simulation.h"

#include "checks/judge/senders/forecast.h"

namespace stswatch {
namespace {

using namespace std::chrono_literals;

constexpr Seconds kSoon = 24h;
constexpr Seconds kSoonIfOverdue = 7 * 24h;

bool breaks_soon(const World& world, const std::optional<WorldPoint>& breakage) {
  if (!breakage) return false;
  const Seconds left = breakage->at - world.now;
  if (left <= kSoon) return true;
  return left <= kSoonIfOverdue && senders::past_renewal(world, *breakage, {});
}

/// CONTRACT 4, status.
Status status(const World& world, const Simulation& result) {
  const auto& usable = result.rfc.usable;
  if ((usable && usable->max == 0) || breaks_soon(world, result.rfc.breakage)) return Status::critical;
  const bool field_broken = result.field.breakage && result.field.breakage->at == world.now;
  if ((usable && usable->max < usable->of) || field_broken) return Status::warning;
  return usable && usable->min == 0 ? Status::unknown : Status::ok;
}

Simulation figures(const World& world, const senders::Caches& caches, const senders::Hosts& hosts) {
  Simulation result;
  result.rfc = senders::forecast(world, caches, hosts, senders::Level::rfc);
  result.field = senders::forecast(world, caches, hosts, senders::Level::field);
  // A lapse is a matter of what the RFC grants: the same figure stands at both levels.
  result.rfc.lapse = result.field.lapse = senders::lapse(world, caches);
  result.safe_after = senders::safe_after(world, caches);
  result.status = status(world, result);
  return result;
}

}  // namespace

std::string WorldReason::str() const {
  std::string out(to_string(why));
  for (const auto& word : {host, address})
    if (!word.empty()) out += ' ' + word;
  return out;
}

std::string Holds::str() const {
  return what == What::nothing ? "nothing" : what == What::current ? "current" : id + '/' + policy;
}

bool same_policy(const WorldPolicy& a, const WorldPolicy& b) {
  return a.mode == b.mode && a.max_age == b.max_age &&
         same_patterns({a.mx, a.more, a.mx_digest}, {b.mx, b.more, b.mx_digest});
}

bool same_policy(const WorldPolicy& a, const Policy& b) {
  return a.mode == b.mode && a.max_age == b.max_age &&
         same_patterns({a.mx, a.more, a.mx_digest}, {b.mx, b.more, b.mx_digest});
}

Simulation simulate(const World& world) {
  const senders::Caches caches(world);
  const senders::Hosts hosts(world);
  Simulation result = figures(world, caches, hosts);
  result.senders = senders::outcomes(world, caches, hosts);
  return result;
}

Simulation simulate_figures(const World& world) {
  return figures(world, senders::Caches(world), senders::Hosts(world));
}

}  // namespace stswatch
