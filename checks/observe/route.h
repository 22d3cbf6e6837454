// Which of our addresses the kernel would speak from: a routing question, no packet is sent.
#pragma once

#include <optional>

#include "checks/facts/address.h"

namespace stswatch {

/// nullopt where there is no route to `peer`.
std::optional<Address> source_address(const Address& peer);

}  // namespace stswatch
