// What the peers, the certificates and the tests of this folder agree on.
#pragma once

#include <string>

#include "checks/facts/address.h"
#include "checks/facts/domain.h"
#include "checks/facts/text.h"
#include "checks/observe/net/deadline.h"

namespace stswatch::dialogue {

inline const TimePoint kNow{Seconds{1796083200}};  // 2026-12-01
inline const Address kLoopback = Address::v4({127, 0, 0, 1});
inline const Domain kDomain = *Domain::parse("example.com");
inline const std::string kMailHost = "mx.example.com", kMx1 = "mx1.example.com";

inline Deadline soon() { return Deadline::in(Millis{5000}); }

}  // namespace stswatch::dialogue
