#include "checks/judge/mx_faults.h"

#include <algorithm>

#include "checks/facts/mx_pattern.h"
#include "checks/judge/weigh_fetch.h"

namespace stswatch {
namespace {

std::vector<const AddressFault*> of_code(const std::vector<AddressFault>& faults, std::string_view code) {
  std::vector<const AddressFault*> out;
  for (const AddressFault& fault : faults) {
    if (fault.code == code && std::ranges::find(out, fault.at, &AddressFault::at) == out.end())
      out.push_back(&fault);
  }
  return out;
}

/// The addresses beside each detail where these differ.
std::string merged(const std::vector<const AddressFault*>& all) {
  const std::string& first = all.front()->detail;
  if (std::ranges::all_of(all, [&](const AddressFault* f) { return f->detail == first; })) return first;
  std::string out;
  for (const AddressFault* f : all)
    out += (out.empty() ? "" : "; ") + f->at->address.str() + ": " + f->detail;
  return out;
}

}  // namespace

void raise_by_address(const Case& c, const MxCase& mx, const std::vector<AddressFault>& faults,
                      Findings& out) {
  std::vector<std::string_view> done;
  for (const AddressFault& fault : faults) {
    if (std::ranges::find(done, fault.code) != done.end()) continue;
    done.push_back(fault.code);
    const auto all = of_code(faults, fault.code);
    if (all.size() == mx.addresses.size()) {
      out.raise(fault.code, mx.host, in_detail(c, merged(all)));
      continue;
    }
    for (const AddressFault* one : all) {
      out.raise(fault.code, mx.host + ' ' + one->at->address.str(), in_detail(c, one->detail));
    }
  }
}

std::vector<const Policy*> demanding_policies(const Case& c) {
  std::vector<const Policy*> out;
  for (const Policy& policy : c.in_effect) {
    if (policy.mode != Mode::none) out.push_back(&policy);
  }
  return out;
}

bool listed_by_all(const std::string& host, const std::vector<const Policy*>& policies) {
  return std::ranges::all_of(policies, [&](const Policy* policy) { return matches_any(host, policy->mx); });
}

bool ipv6_broken(const Case& c, const MxCase& mx) {
  if (!c.vantage.ipv6) return false;
  const auto v6 = [](const MxAddressCase& at) { return at.address.is_v6(); };
  const auto dead = [](const MxAddressCase& at) { return at.outcome == HostOutcome::unreachable; };
  const auto good = [](const MxAddressCase& at) { return at.outcome == HostOutcome::ok; };
  return std::ranges::any_of(mx.addresses, v6) &&
         std::ranges::all_of(mx.addresses, [&](const MxAddressCase& at) { return !v6(at) || dead(at); }) &&
         std::ranges::any_of(mx.addresses, [&](const MxAddressCase& at) { return !v6(at) && good(at); });
}

}  // namespace stswatch
