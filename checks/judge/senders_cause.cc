#include "checks/judge/senders_cause.h"

#include <algorithm>

namespace stswatch::senders {
namespace {

bool past_renewal(const std::optional<TimePoint>& not_before, const std::optional<TimePoint>& not_after,
                  TimePoint now, const ExpiryLimits& limits) {
  return not_before && not_after && judge_life(*not_before, *not_after, now, limits) != Life::healthy;
}

}  // namespace

const WorldAddress* certificate_behind(const World& world, const std::string& reason) {
  for (const WorldMx& mx : world.mx) {
    for (const WorldAddress& address : mx.addresses) {
      if (reason == "certificate-expired " + mx.host + ' ' + address.address) return &address;
    }
  }
  return nullptr;
}

bool past_renewal(const World& world, const WorldPoint& point, const ExpiryLimits& limits) {
  return std::ranges::any_of(point.reason, [&](const std::string& reason) {
    if (reason == "sts-webpki-cert-expired") {
      return past_renewal(world.policy_host_not_before, world.policy_host_not_after, world.now, limits);
    }
    const WorldAddress* address = certificate_behind(world, reason);
    return address && past_renewal(address->not_before, address->not_after, world.now, limits);
  });
}

}  // namespace stswatch::senders
