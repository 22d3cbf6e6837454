// How the faults of an MX host's addresses become findings: one for the host when all its addresses agree,
// else one an address (CONTRACT 2). For the rules on MX hosts; pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "checks/judge/case.h"

namespace stswatch {

struct AddressFault {
  std::string_view code;
  const MxAddressCase* at = nullptr;
  std::string detail;
  std::vector<Oddity> oddities{};
};

void raise_by_address(const Case& c, const MxCase& mx, const std::vector<AddressFault>& faults,
                      Findings& out);

/// What a second, rare probe showed of an address (group G).
void add_second_probe(const Case& c, const MxCase& mx, const MxAddressCase& at,
                      std::vector<AddressFault>& faults);

/// Policies in effect that a sender would apply to MX hosts: those of mode none ask for nothing (RFC 8461
/// §5).
std::vector<const Policy*> demanding_policies(const Case& c);

/// Every one of these policies lists the host (CONTRACT 2: "by every policy in effect").
bool listed_by_all(const std::string& host, const std::vector<const Policy*>& policies);

/// Neither policies (RFC 5321 §4.1.2) nor public certificates hold such a name.
bool has_underscore(const std::string& host);

/// Every IPv6 address of the host is dead while IPv4 works, seen from where IPv6 works.
bool ipv6_broken(const Case& c, const MxCase& mx);

}  // namespace stswatch
