#include <algorithm>
#include <map>

#include "agent/remember/past.h"
#include "checks/judge/case.h"

namespace stswatch {

HostPast note_attempts(HostPast past, const MxHostObservation& look, const Vantage& vantage) {
  for (const SmtpProbe& probe : look.probes) {
    const MxAddressCase at = classify(probe, look.host, vantage, look.at);
    if (at.outcome != HostOutcome::ok && at.outcome != HostOutcome::failed) continue;
    past.attempts.push_back({look.at, probe.address.str(), at.code});
  }
  std::map<std::string, std::size_t>
      kept;  // the newest of each address, and none of an address that has gone
  for (const Address& address : look.addresses.all())
    kept[address.str()] = kAttempts;
  const bool known = look.addresses.lookup() == Lookup::found;
  std::vector<Attempt> out;
  for (auto it = past.attempts.rbegin(); it != past.attempts.rend(); ++it) {
    const auto room = kept.find(it->address);
    if (room == kept.end() ? known : room->second == 0) continue;
    if (room != kept.end()) --room->second;
    out.push_back(std::move(*it));
  }
  std::ranges::reverse(out);
  constexpr std::size_t kMost = kAttempts * 16;  // bounds::kHostAddresses
  if (out.size() > kMost) out.erase(out.begin(), out.end() - kMost);
  past.attempts = std::move(out);
  return past;
}

}  // namespace stswatch
