// Group I: when protection ends by itself, because senders can no longer renew what they hold (RFC 8461
// §3.3, §10.2).
#include <algorithm>

#include "checks/facts/bounds.h"
#include "checks/judge/expiry.h"
#include "checks/judge/forecast.h"

namespace stswatch {
namespace {

/// What keeps senders from renewing their copy; empty: nothing does.
std::string obstacle(const Case& c, const Past& past) {
  if (const auto since = policy_gone_since(past); since && c.policies.empty())
    return "the policy cannot be fetched since " + to_utc(*since);
  if (const auto since = record_gone_since(past); since && !c.record.usable())
    return "no usable record since " + to_utc(*since);
  const auto& from = c.world.policy_host_not_before;
  const auto& to = c.world.policy_host_not_after;
  const ExpiryLimits limits{.warn = c.limits.warn_before, .crit = c.limits.crit_before};
  if (from && to && judge_life(*from, *to, c.now, limits) != Life::healthy)
    return "the certificate of " + c.facts.domain.policy_host() + " is past its renewal point and ends " +
           to_utc(*to);
  return {};
}

/// RULES 3.2 I: "half of max_age has passed without a good fetch".
bool half_gone(const Case& c, const Past& past, const Policy& policy) {
  if (!policy_gone_since(past) || !past.policy_ok_last) return false;
  return c.now - *past.policy_ok_last > Seconds(static_cast<Seconds::rep>(policy.max_age)) / 2;
}

}  // namespace

void judge_lapse(const Case& c, Findings& out) {
  const Past* past = c.history.past;
  const SeenPolicy* last = past ? last_served(*past) : nullptr;
  // After mode none the end of protection is what the owner wants.
  if (!last || last->policy.mode != Mode::enforce || !enforced_until(c.held).any) return;
  const std::string why = obstacle(c, *past);
  if (why.empty()) return;
  const std::string until = c.foreseen.rfc.lapse ? to_utc(*c.foreseen.rfc.lapse) : std::string();
  std::string detail = why;
  if (!until.empty()) detail += "; the last copy that senders hold ends " + until;
  if (half_gone(c, *past, last->policy)) {
    detail += "; the last good fetch was " + to_utc(*past->policy_ok_last);
    out.raise_as(Severity::critical, "protection-lapse-predicted", c.facts.domain.str(),
                 printable(detail, bounds::kDetail), {{"until", until}});
    if (out.has("protection-lapse-predicted")) out.all().back().route = Route::page;
    return;
  }
  out.raise("protection-lapse-predicted", c.facts.domain.str(), printable(detail, bounds::kDetail),
            {{"until", until}});
}

}  // namespace stswatch
