#include "checks/judge/senders/forecast.h"

#include <algorithm>

#include "checks/facts/bounds.h"
#include "checks/judge/catalogue/finding.h"
#include "checks/judge/rules/rules.h"

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

namespace {

/// A policy of mode none without mx lines is no policy to chasquid, which goes on with what it holds (RULES
/// 0.4): the copy that it keeps longest, where no host can be used under it. Null: none.
const Held* kept_by_chasquid(const Case& c) {
  const bool refused = std::ranges::any_of(
      c.in_effect, [](const Policy& policy) { return policy.mode == Mode::none && policy.mx.empty(); });
  if (!refused || c.mx.empty()) return nullptr;
  const Held* out = nullptr;
  for (const Held& h : c.held)
    if (h.policy.mode == Mode::enforce && h.usable_mx == 0 &&
        (!out || !h.until || (out->until && *h.until > *out->until)))
      out = &h;
  return out;
}

struct LongKeepers {
  bool by_id = false;              // those that never compare ids, and have fetched it under an earlier one
  bool same_id = false;            // those that renew it without fetching, since it had the id of now
  const Held* refusing = nullptr;  // those that refuse the file of now
  bool listed = true;              // some MX host of now is in what the first two hold
  bool former = false;             // or one of before is

  bool any() const { return by_id || same_id || refusing; }
  std::string who() const {
    std::string out = by_id ? "Senders that never compare ids (postfix-tlspol)" : "";
    const std::string others = "that refuse a file without mx lines (chasquid)";
    return refusing ? out + (by_id ? " and those " : "Senders ") + others : out;
  }
};

/// Who goes by an earlier policy under which no MX host can be used, though RFC 8461 has them let go of it.
LongKeepers long_keepers(const Case& c) {
  LongKeepers out;
  out.refusing = kept_by_chasquid(c);
  const auto& stop = c.foreseen.field.breakage;
  if (!stop || stop->at > c.now) return out;
  const auto policy = std::ranges::find(c.world.policies, stop->policy, &WorldPolicy::name);
  if (policy == c.world.policies.end()) return out;
  const Policy kept{policy->mode, policy->mx, policy->max_age, {}};
  out.listed = hosts_listed(c, kept) > 0;
  out.former = c.history.past && !former_hosts(*c.history.past, kept.mx).empty();
  out.by_id = std::ranges::any_of(
      c.held, [&](const Held& h) { return h.refreshable && same_policy(h.policy, kept); });
  out.same_id = !out.by_id;
  return out;
}

}  // namespace

void judge_field_breakage(const Case& c, const std::string& why, Findings& out) {
  if (c.foreseen.rfc.breakage && c.foreseen.rfc.breakage->at <= c.now) return;
  const LongKeepers kept = long_keepers(c);
  if (!kept.any()) return;
  // A change of hosts in the right order leaves it behind (RFC 8461 §8.1), as does a list that was repaired:
  // there is nothing to be done.
  const bool unlisted = kept.by_id && !kept.listed && !kept.refusing;
  if (unlisted && out.has("cached-policy-excludes-mx")) return;  // which says so of all who hold it
  const auto& end = kept.refusing ? kept.refusing->until : c.foreseen.field.recovery;
  const std::initializer_list<Fill> fills = {{"who", kept.who()},
                                             {"until", end ? to_utc(*end) : "the end of max_age"}};
  const std::string &domain = c.facts.domain.str(), detail = printable(why, bounds::kDetail);
  constexpr std::string_view kCode = "cached-policy-breakage-now";
  Finding* finding = unlisted ? out.raise_as(Severity::info, kCode, domain, detail, fills)
                              : out.raise(kCode, domain, detail, fills);
  if (unlisted)
    say_for(kept.former ? Situation::other_hosts : Situation::never_listed, c.facts.domain, c.now, finding,
            fills);
  if (kept.same_id && !kept.refusing) say_for(Situation::same_id, c.facts.domain, c.now, finding);
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

// The simulation for senders that do DANE (RULES 4.5): the same world, its hosts as such senders see them. A
// host with usable TLSA records is judged by these alone, whatever a policy says; any other by MTA-STS where
// the sender does both, by nothing where it does DANE alone.

namespace {

/// RFC 7672 §3.1.1: usage 3 looks at no date. §3.1.2: the path to a certificate of usage 2 ends with its
/// dates.
void see_by_dane(const MxAddressCase& at, const std::vector<TlsaRecord>& records, const std::string& host,
                 WorldAddress& address) {
  address.reachable =
      at.dane == Dane::unknown && at.outcome != HostOutcome::unreachable ? std::nullopt : address.reachable;
  if (at.dane == Dane::unknown) return;
  address.reachable = true;
  address.starttls = address.trusted = at.dane == Dane::matched;
  address.dns_names = {host};
  const bool by_leaf =
      std::ranges::any_of(at.tlsa.matched, [&](std::size_t i) { return records[i].usage == 3; });
  if (!by_leaf) return;
  address.not_after.reset();
  address.not_before.reset();
}

/// Delivery without authentication: whoever answers will do.
void see_opportunistically(const std::string& host, WorldAddress& address) {
  address.starttls = address.trusted = true;
  address.dns_names = {host};
  address.not_after.reset();
  address.not_before.reset();
}

/// RFC 4035 §5.3.1: when a signature has ended, no resolver that validates answers with what it covers. Only
/// what is overdue counts: whoever signs renews long before, and often without being asked.
std::optional<TimePoint> signatures_end(const Case& c, const MxHostObservation& look) {
  std::optional<TimePoint> first;
  for (const AnswerFacts* answer :
       {static_cast<const AnswerFacts*>(&c.facts.mx), static_cast<const AnswerFacts*>(&look.addresses.a),
        static_cast<const AnswerFacts*>(&look.addresses.aaaa), static_cast<const AnswerFacts*>(&look.tlsa)}) {
    if (!answer->secure || !signatures_lapse(*answer, c.now)) continue;
    first = std::min(first.value_or(*answer->signed_until), *answer->signed_until);
  }
  return first;
}

void see_hosts(const Case& c, bool sts_elsewhere, World& world) {
  for (std::size_t i = 0; i < c.mx.size() && i < world.mx.size(); ++i) {
    const MxCase& mx = c.mx[i];
    auto& addresses = world.mx[i].addresses;
    if (mx.look)
      for (WorldAddress& address : addresses)
        address.signed_until = signatures_end(c, *mx.look);
    for (std::size_t a = 0; a < addresses.size(); ++a) {
      if (mx.dane && a < mx.addresses.size())
        see_by_dane(mx.addresses[a], mx.look->tlsa.records, mx.host, addresses[a]);
      else if (!mx.dane && !sts_elsewhere)
        see_opportunistically(mx.host, addresses[a]);
    }
    if (!mx.dane) continue;
    for (WorldPolicy& policy : world.policies)  // DANE does not ask whether the policy lists it
      if (std::ranges::find(policy.mx, mx.host) == policy.mx.end()) policy.mx.push_back(mx.host);
  }
}

/// No policy takes part: one that lists every host stands for the duty to authenticate.
void set_duty(const Case& c, World& world) {
  WorldPolicy duty{"DANE", Mode::enforce, {}, 1, c.now, c.now, {}, 0, {}};
  for (const MxCase& mx : c.mx)
    duty.mx.push_back(mx.host);
  world.policies = {duty};
  world.ids = {{"DANE", c.now, c.now, 0, {}, {}}};
  world.current_policy = duty.name;
  world.current_id = "DANE";
  world.policy_host_not_after.reset();
  world.policy_host_not_before.reset();
}

DaneOutlook outlook_of(const Case& c, const World& world) {
  const Forecast forecast = forecast_of(world, simulate_figures(world), c.limits);
  return {forecast.breakage, forecast.degradation};
}

}  // namespace

void set_dane_outlook(const Case& c, Verdict& verdict) {
  if (std::ranges::none_of(c.mx, &MxCase::dane)) return;
  World dane = c.world, both = c.world;
  set_duty(c, dane);
  see_hosts(c, false, dane);
  see_hosts(c, true, both);
  verdict.dane = outlook_of(c, dane);
  // Where no policy is enforced, MTA-STS adds nothing.
  verdict.dane_and_sts = c.foreseen.rfc.usable ? outlook_of(c, both) : *verdict.dane;
}

}  // namespace stswatch
