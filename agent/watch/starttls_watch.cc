#include "agent/watch/vantage_watch.h"

#include <algorithm>

#include "checks/facts/domain.h"
#include "checks/facts/join.h"

namespace stswatch {
namespace {

constexpr Seconds kUndecided{600};

}  // namespace

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

StarttlsWatch::Loss StarttlsWatch::loss() const {
  Loss out;
  for (const auto& [host, seen] : hosts_) {
    if (!seen.lost) continue;
    if (!out.first || *seen.lost < *out.first) out.first = seen.lost;
    out.owners.insert(registrable_domain(host).value_or(host));
    out.canary |= seen.canary;
    if (++out.hosts <= 3) text::add(out.names, ", ", host);
  }
  return out;
}

bool StarttlsWatch::offered_since(TimePoint at) const {
  return std::ranges::any_of(hosts_, [&](const auto& h) { return !h.second.lost && h.second.offered >= at; });
}

std::string StarttlsWatch::stripped() const {
  const Loss all = loss();
  if (all.hosts < 2 || (!all.canary && all.owners.size() < 2) || offered_since(*all.first)) return {};
  return std::to_string(all.hosts) + " hosts that offered STARTTLS do not any more, none has since " +
         to_utc(*all.first) + ": " + all.names + (all.hosts > 3 ? ", ..." : "");
}

bool StarttlsWatch::undecided(TimePoint now) const {
  const Loss all = loss();
  if (!all.first || std::chrono::abs(now - *all.first) > kUndecided || offered_since(*all.first))
    return false;
  return std::ranges::any_of(hosts_, [&](const auto& h) {
    return !h.second.lost && !all.owners.contains(registrable_domain(h.first).value_or(h.first));
  });
}

}  // namespace stswatch
