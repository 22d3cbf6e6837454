#include "checks/facts/certificate.h"

#include <algorithm>

#include "checks/facts/policy.h"

namespace stswatch {

bool PeerCertificates::has(ChainFault::Kind kind) const {
  return std::any_of(faults.begin(), faults.end(), [&](const ChainFault& f) { return f.kind == kind; });
}

bool PeerCertificates::bad_by_dates_alone() const {
  return name_matches && !faults.empty() && std::ranges::all_of(faults, [](const ChainFault& fault) {
           return fault.kind == ChainFault::Kind::expired || fault.kind == ChainFault::Kind::not_yet_valid;
         });
}

TimePoint PeerCertificates::chain_not_after() const { return first_to_expire().not_after; }

const Certificate& PeerCertificates::first_to_expire() const {
  const Certificate* first = &leaf;
  for (const std::size_t i : used) {
    if (i < chain.size() && chain[i].not_after < first->not_after) first = &chain[i];
  }
  return *first;
}

std::string PeerCertificates::verify_error() const {
  return faults.empty() ? std::string() : faults.front().text;
}

bool names_host(const Certificate& leaf, std::string_view host) { return matches_any(host, leaf.dns_names); }

}  // namespace stswatch
