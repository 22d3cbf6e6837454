// A zone example.test with two servers of its own, and its parent, on loopback: what the iterative client and
// the looks that use it are tested against.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "checks/observe/dns/source.h"
#include "tests/observe/dns_server.h"
#include "tests/observe/table_resolver.h"

namespace stswatch::testing {

using namespace std::chrono_literals;

inline constexpr unsigned kAuthoritative = 0x8400;

inline Packet authoritative(const Received& query) {
  Packet packet = query.reply();
  packet.flags = kAuthoritative;
  return packet;
}

inline Bytes address_of(unsigned last) { return {127, 0, 0, static_cast<char>(last)}; }

/// A referral to `zone`, served by `servers`: names and the last octet of each one's glue.
inline std::vector<Bytes> refer(const Received& query, const char* zone,
                                const std::vector<std::pair<std::string, unsigned>>& servers) {
  Packet packet = query.reply();
  packet.flags = 0x8000;
  for (const auto& [name, last] : servers) {
    packet.authority += Packet::rr(zone, kNs, 300, wire(name));
    ++packet.authorities;
    packet.additional += Packet::rr(name, kA, 300, address_of(last));
    ++packet.additionals;
  }
  return {packet.octets()};
}

inline DnsServer::Behaviour txt(const std::string& text, unsigned serial = 1) {
  return [=](const Received& query) -> std::vector<Bytes> {
    if (query.type() == kSoa) {
      const Bytes soa = wire("ns") + wire("root") + u32(serial) + u32(3600) + u32(3) + u32(4) + u32(5);
      return {authoritative(query).with(query.name(), kSoa, 60, soa).octets()};
    }
    return {authoritative(query).with(query.name(), kTxt, 60, rd_txt({text})).octets()};
  };
}

inline DnsServer::Behaviour error(unsigned rcode) {
  return [rcode](const Received& query) { return std::vector{authoritative(query).rcode(rcode).octets()}; };
}

/// The parent "test" at 127.0.0.1 refers example.test to 127.0.0.2 and .3; the resolver knows the parent
/// alone.
struct Tree {
  explicit Tree(DnsServer::Behaviour one, DnsServer::Behaviour two)
      : parent([](const Received& query) {
          return refer(query, "example.test", {{"ns1.example.test", 2}, {"ns2.example.test", 3}});
        }),
        first(std::move(one), DnsServer::Tcp::open, "127.0.0.2", parent.port()),
        second(std::move(two), DnsServer::Tcp::open, "127.0.0.3", parent.port()),
        source(resolver, {.allow_private = true, .ipv6 = false, .port = parent.port(), .timeout = 2s}) {
    resolver.unknown<NsAnswer>("example.test", RecordType::ns);
    resolver.ns("test", {"ns.test"});
    resolver.addresses("ns.test", RecordType::a, {"127.0.0.1"});
  }
  SourceAnswer ask(dns::Source::Ask how = dns::Source::Ask::all) {
    return source.ask("example.test", {"_mta-sts.example.test", RecordType::txt}, how, Deadline::in(20s));
  }

  TableResolver resolver;
  DnsServer parent, first, second;
  dns::Source source;
};

}  // namespace stswatch::testing
