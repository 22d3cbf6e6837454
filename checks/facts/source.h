// What the servers of a zone said when they were asked themselves, beside the resolver: who answered, what,
// and from which version of the zone. Plain values. RFC 1034 §4.2.1 (authority), RFC 2181 §5.4.1.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "checks/facts/address.h"
#include "checks/facts/text.h"

namespace stswatch {

/// `refused`: an error (REFUSED, SERVFAIL...). `lame`: it speaks, and does not serve the zone. `silent`: no
/// answer from here, which proves nothing.
enum class SourceSaid { silent, refused, lame, answered };

struct SourceReply {
  std::string name{};    // as asked: the question's, or where its alias led
  std::string server{};  // the server's name
  Address address{};
  SourceSaid said = SourceSaid::silent;
  std::string detail{};                // why it is no answer: "REFUSED", "no answer within 2 s"
  std::vector<std::string> records{};  // as text, in a fixed order; an alias is "CNAME target"
  bool nxdomain = false;
  std::uint32_t ttl = 0;
  std::optional<std::uint32_t> serial{};    // of the zone there; asked when answers differ
  std::optional<TimePoint> signed_until{};  // the first of the signatures beside them to end; null: unsigned
  bool operator==(const SourceReply&) const = default;
};

/// To one question, by the servers asked.
struct SourceAnswer {
  std::vector<SourceReply> replies{};
  std::uint32_t refresh = 0;  // SOA REFRESH in seconds, with the serials: how long a secondary may lag behind
  std::string trouble{};      // why nobody could be asked, or what is there proves nothing
  bool all = false;           // each server of the zone was asked, not only one
  TimePoint differs_since{};  // memory: they have differed at every look since
  bool operator==(const SourceAnswer&) const = default;

  /// Some server answered, records or none: the zone can be resolved.
  bool answered() const;
  /// Each server that there is says that it does not serve the zone, and none was silent: no resolver gets an
  /// answer.
  bool zone_at_fault() const;
  /// Servers that answer differently to the same name; no two answers are the same record otherwise.
  bool differs() const;
  /// Some have signatures beside their records, others none, or some that end a day apart.
  bool signed_apart() const;
  /// They differ, and hold the same version of the zone: no transfer will mend that.
  bool differs_at_one_serial() const;
  /// "ns1.example.com 192.0.2.1: REFUSED; ns2...".
  std::string str() const;
};

/// What a look learned from there. Where nothing was asked, all of it is empty.
struct SourceFacts {
  SourceAnswer sts{}, mx{}, policy_a{}, policy_aaaa{};
  bool resolver_dead = false;  // the resolver answers for no ancestor of the domain, not even for the root
  bool operator==(const SourceFacts&) const = default;
};

}  // namespace stswatch
