// The simulation for senders that do DANE (RULES 4.5): the same world, its hosts as such senders see them. A
// host with usable TLSA records is judged by these alone, whatever a policy says; any other by MTA-STS where
// the sender does both, by nothing where it does DANE alone.

#include <algorithm>

#include "checks/judge/rules/rules.h"
#include "checks/judge/senders/forecast.h"

namespace stswatch {
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
