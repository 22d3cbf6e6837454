#include "agent/remember/known.h"

#include <algorithm>

#include "checks/judge/case.h"

namespace stswatch {
namespace {

template <class Record>
void keep_known(const Answer<Record>& known, Answer<Record>& seen) {
  if (seen.lookup == Lookup::unknown && known.lookup != Lookup::unknown) seen = known;
}

void keep_known(const HostAddresses& known, HostAddresses& seen) {
  keep_known(known.a, seen.a);
  keep_known(known.aaaa, seen.aaaa);
}

template <class PerAddress>
const PerAddress* of_address(const std::vector<PerAddress>& all, const Address& address) {
  const auto it =
      std::find_if(all.begin(), all.end(), [&](const PerAddress& p) { return p.address == address; });
  return it == all.end() ? nullptr : &*it;
}

/// Every address the host has now: what the look proved of it, else what is known, else what the look saw.
template <class PerAddress, class IsUnknown>
std::vector<PerAddress> by_address(const HostAddresses& host, const std::vector<PerAddress>& known,
                                   const std::vector<PerAddress>& seen, IsUnknown is_unknown) {
  std::vector<PerAddress> out;
  for (const auto& address : host.all()) {
    const auto* now = of_address(seen, address);
    const auto* before = of_address(known, address);
    if (now != nullptr && (before == nullptr || !is_unknown(*now)))
      out.push_back(*now);
    else if (before != nullptr)
      out.push_back(*before);
  }
  return out;
}

}  // namespace

DomainObservation lay_over(const DomainObservation* known, DomainObservation seen, bool fetched,
                           const Vantage& vantage) {
  if (known == nullptr) return seen;
  if (seen.sts.lookup == Lookup::unknown) seen.misplaced = known->misplaced;
  keep_known(known->sts, seen.sts);
  keep_known(known->tlsrpt, seen.tlsrpt);
  if (seen.mx.lookup == Lookup::unknown) seen.apex = known->apex;
  keep_known(known->mx, seen.mx);
  keep_known(known->apex, seen.apex);
  keep_known(known->policy_host, seen.policy_host);
  const std::vector<PolicyFetch> none;
  seen.fetches = by_address(
      seen.policy_host, known->fetches, fetched ? seen.fetches : none,
      [&](const auto& fetch) { return weigh(fetch, vantage, seen.at).outcome == Outcome::unknown; });
  return seen;
}

MxHostObservation lay_over(const MxHostObservation* known, MxHostObservation seen, const Vantage& vantage) {
  if (known == nullptr) return seen;
  keep_known(known->addresses, seen.addresses);
  seen.probes = by_address(seen.addresses, known->probes, seen.probes, [&](const auto& probe) {
    return weigh(probe, seen.host, vantage, seen.at).outcome == HostOutcome::unknown;
  });
  return seen;
}

}  // namespace stswatch
