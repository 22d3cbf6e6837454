// RDATA of the types we ask for -> records: checked to the last octet, without duplicates, in a fixed order,
// bounded. Pure.
#pragma once

#include <string>

#include "checks/observe/dns_sections.h"
#include "checks/observe/resolver.h"

namespace stswatch::dns {

std::uint16_t type_code(RecordType type);

/// Fills the records of `answer` with those of `owner` and lowers its TTL to theirs. At most one more than
/// the bound is kept, so that a judge sees there were too many. False when one of them is malformed.
bool collect_records(Octets message, const Sections& sections, const std::string& owner, RecordType type,
                     DnsAnswer& answer);

bool has_records(const DnsAnswer& answer);

}  // namespace stswatch::dns
