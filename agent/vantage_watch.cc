#include "agent/vantage_watch.h"

namespace stswatch {
namespace {

constexpr Seconds kLately{3600};  // RULES 5.7: "in the last hour"

}  // namespace

bool answered(const std::optional<Failure>& failure) { return !failure || failure->stage > Stage::connect; }

void VantageWatch::Port::reached(const std::string& host, TimePoint at) {
  if (last[0].host != host) last[1] = last[0];
  last[0] = {host, at};
}

bool VantageWatch::Port::other_than(const std::string& host, TimePoint at) const {
  for (const auto& reach : last)
    if (!reach.host.empty() && reach.host != host && at - reach.at <= kLately && reach.at >= void_before)
      return true;
  return false;
}

TimePoint VantageWatch::Port::newest_besides(const std::string& host) const {
  for (const auto& reach : last)
    if (!reach.host.empty() && reach.host != host) return reach.at;
  return {};
}

void VantageWatch::resolved(const std::string& subject, TimePoint at) {
  const std::lock_guard lock(mutex_);
  dns_.reached(subject, at);
}

void VantageWatch::configure(bool ipv6, bool allow_private) {
  const std::lock_guard lock(mutex_);
  ipv6_ = ipv6;
  allow_private_ = allow_private;
}

void VantageWatch::saw(const MxHostObservation& look) {
  const std::lock_guard lock(mutex_);
  for (const auto& probe : look.probes) {
    smtp_.tried = look.at;
    if (answered(probe.failure)) smtp_.reached(look.host, look.at);
  }
}

void VantageWatch::saw(const std::string& policy_host, const std::vector<PolicyFetch>& fetches,
                       TimePoint at) {
  const std::lock_guard lock(mutex_);
  for (const auto& fetch : fetches) {
    https_.tried = at;
    if (answered(fetch.failure)) https_.reached(policy_host, at);
  }
}

void VantageWatch::asked_canaries(const std::string& answered, TimePoint at) {
  const std::lock_guard lock(mutex_);
  smtp_.tried = at;
  canaries_silent_ = answered.empty();
  if (canaries_silent_)
    smtp_.void_before = at;
  else
    smtp_.reached(answered, at);
}

bool VantageWatch::port25_blocked(TimePoint at) const {
  return smtp_.tried != TimePoint{} && !smtp_.other_than("", at) && https_.other_than("", at);
}

bool VantageWatch::port25_ok(TimePoint at) const {
  const std::lock_guard lock(mutex_);
  return !port25_blocked(at) && (!canaries_silent_ || smtp_.other_than("", at));
}

Vantage VantageWatch::now(const std::string& policy_host, TimePoint at) const {
  const std::lock_guard lock(mutex_);
  Vantage v;
  v.ipv6 = ipv6_;
  v.allow_private = allow_private_;
  v.reached_443 = https_.other_than(policy_host, at);
  v.reached_25 = smtp_.other_than("", at);
  if (v.reached_25 && !smtp_.other_than(smtp_.last[0].host, at)) v.reached_25_only = smtp_.last[0].host;
  v.port25_blocked = port25_blocked(at);
  v.reached_443_at = https_.newest_besides(policy_host);
  v.reached_25_at = smtp_.newest_besides(policy_host);
  v.answered_at = dns_.newest_besides(policy_host);
  return v;
}

}  // namespace stswatch
