// What a look at a domain sees rarely, beside the records and the policy: once a day, soon again where it is
// bad, and carried from look to look with its age in between. Plain values, no opinions.
#pragma once

#include <string>
#include <vector>

#include "checks/facts/address.h"
#include "checks/facts/caa.h"
#include "checks/facts/result.h"

namespace stswatch {

/// When something was looked at, and how often in a row it showed what it shows.
struct Rarely {
  TimePoint at{};     // when it last showed anything
  TimePoint tried{};  // later than `at` where that look learnt nothing
  int times = 0;
  bool operator==(const Rarely&) const = default;
};

/// What is bad is asked at each look until so many have shown it, and rarely from then on.
inline constexpr int kSureOf = 3;

/// Where reports are to go: one rua of the TLSRPT record (RFC 8460 §3). absent: nothing takes them there, and
/// how that shows; without the operator's leave to post to an https URI, that its host has no address.
struct ReportTarget {
  std::string uri;
  Rarely when{};
  Lookup lookup = Lookup::unknown;
  std::string detail{};
  bool answered = false;  // absent: no silence, somebody said so; found: so too, not just an address
  bool operator==(const ReportTarget&) const = default;
};

/// An mx pattern of the policy: whether the host is there that it names, and the registrable domain of it.
/// absent: NXDOMAIN. A wildcard names no host: it counts as found.
struct PatternName {
  std::string pattern;
  Rarely when{};
  Lookup host = Lookup::unknown, owner = Lookup::unknown;
  bool operator==(const PatternName&) const = default;
};

/// The policy asked for again in a browser's name, at an address that refused it to us.
struct OtherAgent {
  Address address{};
  Rarely when{};
  int refused = 0;  // the status that we got
  int status = 0;   // the one that the browser got
  bool operator==(const OtherAgent&) const = default;
};

struct AsideFacts {
  CaaLook caa{};  // of the policy host
  std::vector<ReportTarget> report_targets{};
  std::vector<PatternName> patterns{};
  std::vector<OtherAgent> agents{};
  bool operator==(const AsideFacts&) const = default;
};

}  // namespace stswatch
