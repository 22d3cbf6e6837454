#include "agent/watch/vantage_watch.h"

#include <algorithm>
#include <set>

#include "checks/facts/domain.h"
#include "checks/facts/join.h"

namespace stswatch {

void StarttlsWatch::saw(const MxHostObservation& look, bool canary) {
  bool offered = false, missing = false;
  for (const SmtpProbe& probe : look.probes) {
    offered |= probe.starttls_offered || !probe.failure;
    missing |= probe.failure && probe.failure->cause == Cause::not_offered;
  }
  const auto known = hosts_.find(look.host);
  if (offered) {
    if (known == hosts_.end() && hosts_.size() >= kMost)
      hosts_.erase(std::ranges::min_element(hosts_, {}, [](const auto& h) { return h.second.offered; }));
    auto& seen = hosts_[look.host];
    seen = {seen.canary || canary, look.at, std::nullopt};
  } else if (missing && known != hosts_.end() && !known->second.lost) {
    known->second.lost = look.at;
  }
}

std::string StarttlsWatch::stripped() const {
  std::optional<TimePoint> first;
  std::set<std::string> owners;
  std::string names;
  bool canary = false;
  std::size_t lost = 0;
  for (const auto& [host, seen] : hosts_) {
    if (!seen.lost) continue;
    if (!first || *seen.lost < *first) first = seen.lost;
    owners.insert(registrable_domain(host).value_or(host));
    canary |= seen.canary;
    if (++lost <= 3) text::add(names, ", ", host);
  }
  if (lost < 2 || (!canary && owners.size() < 2)) return {};
  const bool still_offered = std::ranges::any_of(
      hosts_, [&](const auto& h) { return !h.second.lost && h.second.offered >= *first; });
  if (still_offered) return {};
  return std::to_string(lost) + " hosts that offered STARTTLS do not any more, none has since " +
         to_utc(*first) + ": " + names + (lost > 3 ? ", ..." : "");
}

}  // namespace stswatch
