// What an authoritative server's message means on the way down the tree: an answer, an alias, a referral to
// the servers of a zone below, or none of these. Pure. RFC 1034 §4.3.2, §5.3.3.
#pragma once

#include <string>
#include <vector>

#include "checks/facts/source.h"
#include "checks/observe/dns/message.h"
#include "checks/observe/dns/wire.h"

namespace stswatch::dns {

struct NameServer {
  std::string name;
  std::vector<Address> addresses{};  // glue; empty: to be looked up
};

/// A zone and who serves it.
struct Delegation {
  std::string zone;
  std::vector<NameServer> servers{};
  std::uint32_t ttl = 0;
};

struct SourceReading {
  SourceReply reply{};    // without server and address
  std::string alias{};    // where the answer's alias leads, outside what it holds itself
  Delegation referral{};  // with a zone: ask there
};

/// `zone`: what the server was asked for as a server of; a referral leads below it, towards the name.
SourceReading read_source(Octets message, const DnsQuestion& question, const std::string& zone);

/// The serial and refresh of `zone` in an answer for its SOA.
std::optional<Soa> read_zone_soa(Octets message, const std::string& zone);

}  // namespace stswatch::dns
