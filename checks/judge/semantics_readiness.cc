#include "checks/judge/semantics_readiness.h"

#include <algorithm>

#include "checks/facts/bounds.h"
#include "checks/facts/mx_pattern.h"
#include "checks/judge/expiry.h"

namespace stswatch {
namespace {

using namespace std::chrono_literals;

constexpr Millis kSlow = 2s;
constexpr std::uint32_t kRetreat = 3600;  // gate 8: "so that a retreat works within the hour"

bool past_renewal(const Case& c, const TlsFacts& tls) {
  if (!tls.peer) return false;
  const Certificate& first = tls.peer->first_to_expire();
  const ExpiryLimits limits{.warn = c.limits.warn_before, .crit = c.limits.crit_before};
  return judge_life(first.not_before, first.not_after, c.now, limits) != Life::healthy;
}

bool departs(const PolicyDeparture& d) {
  return d.fault != PolicyFault::unknown_field;
}  // that one is allowed

// Gate 2: "Policy fetched successfully ..., from every address, p95 under 2 s, strict parser clean."
void policy_gates(const Case& c, std::vector<std::string>& out) {
  for (const PolicyCopy& copy : c.copies) {
    const std::string at = copy.fetch->address.str();
    if (copy.outcome == Outcome::unknown) continue;
    if (copy.outcome != Outcome::ok) {
      out.push_back("2: no valid policy from " + at);
    } else if (std::ranges::any_of(copy.reading->departures, departs)) {
      out.push_back("2: the policy text departs from the strict form");
    } else if (copy.fetch->duration > kSlow) {
      out.push_back("2: " + at + " is slow");
    }
    if (past_renewal(c, copy.fetch->tls))
      out.push_back("4: the certificate at " + at + " is due for renewal");
  }
}

// Gates 3 and 4: "Every MX host (not only the best preference) matches the policy, and every reachable
// address of each passes".
void mx_gates(const Case& c, std::vector<std::string>& out) {
  for (const MxCase& mx : c.mx) {
    if (c.shown() && !matches_any(mx.host, c.shown()->mx))
      out.push_back("3: " + mx.host + " is not in the policy");
    const auto failed = [](const MxAddressCase& a) { return a.outcome == HostOutcome::failed; };
    if (std::ranges::any_of(mx.addresses, failed) || mx.usable == false)
      out.push_back("3: " + mx.host + " fails");
    const auto due = [&](const MxAddressCase& a) { return a.probe && past_renewal(c, a.probe->tls); };
    if (std::ranges::any_of(mx.addresses, due))
      out.push_back("4: the certificate of " + mx.host + " is due for renewal");
  }
}

}  // namespace

std::vector<std::string> closed_gates(const Case& c) {
  std::vector<std::string> out;
  if (c.facts.sts.lookup != Lookup::unknown && !c.record.usable()) out.push_back("1: no valid TXT record");
  policy_gates(c, out);
  mx_gates(c, out);
  if (c.facts.tlsrpt.lookup != Lookup::unknown && c.tlsrpt.deliverable.empty())
    out.push_back("5: no TLSRPT record that reports can go to");
  if (c.facts.sts.lookup == Lookup::found && c.facts.sts.ttl > kRetreat)
    out.push_back("8: TTL " + std::to_string(c.facts.sts.ttl) + " s");
  // Addresses and hosts may share a sentence.
  std::vector<std::string> distinct;
  for (std::string& gate : out)
    if (std::ranges::find(distinct, gate) == distinct.end()) distinct.push_back(std::move(gate));
  return distinct;
}

void judge_readiness(const Case& c, Findings& out) {
  const Policy* policy = c.shown();
  if (!policy || policy->mode != Mode::testing || c.null_mx) return;
  // RULES 3.3: "when all of these have held for 14 days", which one look never shows.
  std::string detail = "not yet observed for 14 days";
  for (const std::string& gate : closed_gates(c))
    detail += "; gate " + gate;
  out.raise("enforce-not-ready", c.facts.domain.str(), printable(detail, bounds::kDetail));
}

}  // namespace stswatch
