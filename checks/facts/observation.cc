#include "checks/facts/observation.h"

#include "checks/facts/bounds.h"

namespace stswatch {

std::vector<Address> HostAddresses::all() const {
  std::vector<Address> out;
  for (const AddressAnswer* answer : {&a, &aaaa}) {
    for (const Address& address : answer->records) {
      if (out.size() == bounds::kHostAddresses) return out;
      out.push_back(address);
    }
  }
  return out;
}

bool HostAddresses::too_many() const {
  return a.records.size() + aaaa.records.size() > bounds::kHostAddresses;
}

Lookup HostAddresses::lookup() const {
  if (!a.records.empty() || !aaaa.records.empty()) return Lookup::found;
  if (a.lookup == Lookup::absent && aaaa.lookup == Lookup::absent) return Lookup::absent;
  return Lookup::unknown;
}

const std::vector<CnameLink>& HostAddresses::cname() const { return a.cname.empty() ? aaaa.cname : a.cname; }

bool spoke(const SmtpProbe& probe) {
  return !probe.failure || probe.failure->stage > Stage::ehlo || probe.failure->cause == Cause::deferred ||
         probe.failure->cause == Cause::rejected;
}

}  // namespace stswatch
