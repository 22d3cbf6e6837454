#include "checks/judge/senders/forecast.h"

#include <algorithm>

#include "checks/facts/bounds.h"

namespace stswatch {
namespace {

using namespace std::chrono_literals;

constexpr Seconds kPage = 24h;  // RULES 3.2 I: "breakage within 24 h (critical, page)"
constexpr Seconds kTicket = 7 * 24h;

/// CONTRACT 2: "`subject` the MX host (`HOST ADDRESS` if it has several), the policy host, `ID/POLICY` or the
/// domain".
Subject subject_of(const World& world, const WorldReason& reason) {
  if (reason.why == Why::policy_host_certificate_expired) return {"mta-sts." + world.domain};
  if (reason.why != Why::certificate_expired && reason.why != Why::signatures_ended) return {world.domain};
  const auto mx = std::ranges::find(world.mx, reason.host, &WorldMx::host);
  const bool several = mx != world.mx.end() && mx->addresses.size() > 1;
  return {reason.host, several ? reason.address : std::string()};
}

ForecastPoint point_of(const World& world, const WorldPoint& point) {
  return {point.at, point.reason.front().why, subject_of(world, point.reason.front())};
}

ExpiryLimits expiry_limits(const Limits& limits) {
  return {.warn = limits.warn_before, .crit = limits.crit_before};
}

bool by_certificate_alone(const WorldPoint& point) {
  return std::ranges::all_of(point.reason,
                             [](const WorldReason& r) { return r.why == Why::certificate_expired; });
}

/// RULES 3.2 I: a healthy certificate's end is a figure, never a finding; an overdue one's is. A cache or
/// policy-host event counts by its distance.
bool deserves_notice(const World& world, const WorldPoint& point, const Limits& limits,
                     Seconds within_if_overdue) {
  const Seconds left = point.at - world.now;
  if (senders::past_renewal(world, point, expiry_limits(limits))) return left <= within_if_overdue;
  return !by_certificate_alone(point) && left <= kTicket;
}

bool is_soon(const World& world, const WorldPoint& breakage) { return breakage.at - world.now <= kPage; }

bool is_due(const World& world, const WorldPoint& breakage, const Limits& limits) {
  return is_soon(world, breakage) || deserves_notice(world, breakage, limits, kTicket);
}

std::string in_words(const WorldReason& reason) {
  switch (reason.why) {
    case Why::already:
      return "no host can be used";
    case Why::mx_none_in_policy:
      return "the policy lists none of the MX hosts";
    case Why::certificate_expired:
      return "end of the certificate of " + reason.host +
             (reason.address.empty() ? "" : " at " + reason.address);
    case Why::policy_host_certificate_expired:
      return "end of the policy host's certificate";
    case Why::signatures_ended:
      return "end of the DNSSEC signatures of " + reason.host;
  }
  return {};
}

std::string in_words(const World& world, const WorldPoint& point) {
  std::string out = to_utc(point.at);
  if (point.at > world.now) out += ", in " + to_words(point.at - world.now);
  for (std::size_t i = 0; i < point.reason.size(); ++i)
    out += (i == 0 ? ": " : ", ") + in_words(point.reason[i]);
  return printable(out, bounds::kDetail);
}

void raise_breakage(const World& world, const WorldPoint& breakage, const Limits& limits,
                    const BreakageFacts& facts, Findings& out) {
  const std::string until = to_utc(breakage.at);
  const std::string& addresses = facts.served_by;
  if (breakage.at <= world.now) {
    // RFC 8461 §5: enforcing senders MUST NOT deliver to hosts that fail; none is left.
    std::string detail = "no MX host is usable under the policy";
    if (!addresses.empty())
      detail += " that " + addresses + (addresses.find(',') == addresses.npos ? " serves" : " serve");
    // One that some address serves may be held by nobody yet; what none serves is held, or it would not be
    // known.
    const bool held = addresses.empty() && (breakage.policy != world.current_policy || !world.current_id);
    if (held) detail += " that senders still hold";
    detail += ": " + facts.why;
    out.raise("enforce-breakage-now", world.domain, printable(detail, bounds::kDetail),
              {{"who", held                ? "Senders that hold an earlier policy"
                       : addresses.empty() ? "Senders that enforce the policy"
                                           : "Senders that fetched the policy from " + addresses}});
    return;
  }
  if (!is_due(world, breakage, limits)) return;
  // RULES 5.1: a page only where mail stops or is about to.
  out.raise_routed(is_soon(world, breakage) ? Route::page : Route::ticket, "enforce-breakage-predicted",
                   world.domain, in_words(world, breakage), {{"until", until}});
}

}  // namespace

Forecast forecast_of(const World& world, const Simulation& result, const Limits& limits) {
  Forecast out;
  out.lapse = result.rfc.lapse;
  if (result.rfc.degradation) out.degradation = point_of(world, *result.rfc.degradation);
  if (result.rfc.breakage) {
    out.breakage = point_of(world, *result.rfc.breakage);
    out.overdue = senders::past_renewal(world, *result.rfc.breakage, expiry_limits(limits));
  }
  return out;
}

void set_field_level(const World& world, const Simulation& result, Verdict& verdict) {
  verdict.field_usable_mx = result.field.usable;
  if (result.field.breakage) verdict.field_breakage = point_of(world, *result.field.breakage);
  if (result.field.degradation) verdict.field_degradation = point_of(world, *result.field.degradation);
}

void judge_field_breakage(const Case& c, const std::string& why, Findings& out) {
  const auto &field = c.foreseen.field.breakage, &rfc = c.foreseen.rfc.breakage;
  if (!field || field->at > c.now || (rfc && rfc->at <= c.now)) return;
  const auto policy = std::ranges::find(c.world.policies, field->policy, &WorldPolicy::name);
  if (policy == c.world.policies.end()) return;
  const Policy under{policy->mode, policy->mx, policy->max_age, {}};
  if (hosts_listed(c, under) == 0) return;  // a change of hosts: group J tells of it
  const bool refreshable = std::ranges::any_of(
      c.held, [&](const Held& h) { return h.refreshable && same_policy(h.policy, under); });
  const auto& end = c.foreseen.field.recovery;
  out.raise("cached-policy-breakage-now", c.facts.domain.str(), printable(why, bounds::kDetail),
            {{"who", refreshable ? "Senders that never compare ids (postfix-tlspol)"
                                 : "Senders that renew a policy without fetching it (mox, "
                                   "postfix-mta-sts-resolver, mailauth)"},
             {"until", end ? to_utc(*end) : "a new id is published"}});
}

bool foresees_breakage(const World& world, const Simulation& result, const Limits& limits) {
  return result.rfc.breakage && is_due(world, *result.rfc.breakage, limits);
}

void judge_forecast(const World& world, const Simulation& result, const Limits& limits,
                    const BreakageFacts& facts, Findings& out) {
  if (result.rfc.breakage) raise_breakage(world, *result.rfc.breakage, limits, facts, out);
  const auto& degradation = result.rfc.degradation;
  // "a certificate past its renewal point (at any distance), or another event within 7 d"
  if (!degradation || !deserves_notice(world, *degradation, limits, Seconds::max())) return;
  out.raise("enforce-degradation-predicted", world.domain, in_words(world, *degradation),
            {{"until", to_utc(degradation->at)}});
}

}  // namespace stswatch
