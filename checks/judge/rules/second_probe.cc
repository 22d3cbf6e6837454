// Group G, what other clients than our usual one meet: a large ClientHello, no SNI, old TLS versions, another
// EHLO name (RFC 8461 §7.1, RFC 8446 §4.1.2, RFC 7672 §9.2).
#include <algorithm>

#include "checks/judge/classify.h"
#include "checks/judge/rules/rules.h"

namespace stswatch {
namespace {

/// Nobody has looked for so long, since second probes were switched off or never came through: what was so
/// then says nothing of now.
constexpr Seconds kWorthTelling{8 * 86400};

struct TrialCode {
  Trial SecondProbe::*trial;
  std::string_view code;
};
constexpr TrialCode kTrials[] = {
    {&SecondProbe::large_hello, "starttls-large-hello"},
    {&SecondProbe::without_sni, "sni-required"},
    {&SecondProbe::default_certificate, "sni-certificate-differs"},
    {&SecondProbe::legacy, "tls-legacy-offered"},
    {&SecondProbe::starttls, "starttls-selective"},
};

}  // namespace

void add_second_probe(const Case& c, const MxCase& mx, const MxAddressCase& at,
                      std::vector<AddressFault>& faults) {
  if (!mx.look) return;
  const auto probe = std::ranges::find(mx.look->second, at.address, &SecondProbe::address);
  if (probe == mx.look->second.end()) return;
  for (const auto& [member, code] : kTrials) {
    const Trial& trial = (*probe).*member;
    if (trial.good != false || c.now - trial.at > kWorthTelling) continue;
    faults.push_back({code, &at, trial.detail + " (seen " + to_utc(trial.at) + ")"});
  }
}

}  // namespace stswatch
