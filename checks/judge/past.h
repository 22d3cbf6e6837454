// What was seen of a subject over time: the windows in which senders could have fetched something, and what
// changed. Plain values, bounded; folded from confirmed looks by agent/remember, judged by checks/judge.
// RULES 4.1.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "checks/facts/certificate.h"
#include "checks/facts/policy.h"

namespace stswatch {

/// From the first sight to an upper bound of the last one: the first later look that proved it gone
/// everywhere. `gone` is empty while it is there as far as is known, whatever a look could not see.
struct Span {
  TimePoint first{};
  std::optional<TimePoint> gone{};
  bool operator==(const Span&) const = default;
};

bool there(const auto& seen) { return !seen.seen.gone; }

/// One uninterrupted service of one policy. A policy that comes back is a new entry.
struct SeenPolicy {
  Policy policy;       // as applied: the strict reading, else the lenient one
  std::string sha256;  // of the body first seen
  Span seen;
  std::uint32_t number = 0;  // its name in world files: P1, P2, ... by first sight, never given twice
  std::optional<TimePoint> last_seen{};  // once gone: the last look that read it; null: not noted
  bool operator==(const SeenPolicy&) const = default;
};

/// One uninterrupted publication of one usable record (RFC 8461 §3.1). What was not seen is possible: it
/// counts from before its first sight where looks lay far apart, or a cache shows that it was out earlier.
struct SeenId {
  std::string id;
  std::uint32_t ttl = 0;  // seconds: the largest seen, since a resolver's cache counts down
  Span seen;
  std::optional<TimePoint> sighted{};  // the first look that saw it; null: when the span begins
  std::optional<TimePoint> absent{};   // the last moment that the zone is known to have shown something else
  std::optional<TimePoint> last_seen{};  // once gone: the last look that saw it; null: not noted
  bool operator==(const SeenId&) const = default;
};

struct SeenHost {
  std::string host;
  Span seen;
  bool operator==(const SeenHost&) const = default;
};

struct SeenCertificate {
  std::string sha256, spki_sha256, issuer, serial;
  TimePoint not_before{}, not_after{};
  Span seen;
  bool operator==(const SeenCertificate&) const = default;
};

/// Something became something else. The first look is the baseline and is no change.
struct Change {
  TimePoint at{};
  std::string code;     // the finding that tells it: "mx-added", "sts-mode-downgraded", ... or a plain fact
                        // without a finding: "id", "policy", "record-gone", "policy-gone"
  std::string subject;  // as findings name it
  std::string from, to;
  bool planned = false;  // a change window was open
  bool operator==(const Change&) const = default;
};

/// One fetch of the policy from all its addresses.
struct FetchSample {
  TimePoint at{};
  bool ok = false;
  Millis duration{0};  // of the slowest address
  bool operator==(const FetchSample&) const = default;
};

/// The fetches of one day: RULES 3.3 asks for a share of all of them over two weeks.
struct FetchDay {
  TimePoint day{};  // its midnight
  std::uint32_t runs = 0, good = 0;
  bool operator==(const FetchDay&) const = default;
};

/// When looks last read a policy that counts as served.
struct PolicySight {
  std::uint32_t number = 0;
  TimePoint read{};
  // Each look from the first to the second proved every address to serve something else or nothing.
  std::optional<TimePoint> missing_since{}, missing_at{};
  bool operator==(const PolicySight&) const = default;
};

/// What looks have seen of what is there: it tells what can have happened between two of them.
struct Sight {
  std::optional<TimePoint> record;        // the last look that knew it
  std::optional<TimePoint> record_fresh;  // when what it saw left the zone: earlier, by its time in a cache
  std::uint32_t ttl = 0;                  // the largest of late
  std::optional<TimePoint> ttl_at;
  std::vector<PolicySight> policies;  // of those that are there
  bool operator==(const Sight&) const = default;
};

struct Past {
  std::optional<TimePoint> began;    // the first look that knew the record and the MX set
  std::vector<SeenPolicy> policies;  // by first sight; several may be there at once (addresses that differ)
  std::vector<SeenId> ids;           // by first sight
  std::vector<SeenHost> mx;          // by first sight
  std::vector<SeenCertificate> policy_host_certificates;
  std::vector<std::string> policy_host_addresses;
  std::string record_cname, policy_host_cname;  // where the names lead to; empty: no CNAME
  std::optional<TimePoint> tlsrpt_valid_since;  // the record as it is now
  bool tlsrpt_was_valid = false;
  std::optional<TimePoint> policy_ok_last;  // the last good fetch of a valid policy
  std::vector<FetchSample> fetches;         // of the last 24 h, oldest first
  std::vector<FetchDay> fetch_days;         // of the last 14 days, oldest first
  std::map<std::string, TimePoint> gates;   // readiness gate (RULES 3.3) -> true without a break since
  std::vector<Change> changes;              // oldest first
  std::map<std::string, std::uint64_t> change_counts;  // by code, since memory began
  Sight sight;
  std::vector<std::uint32_t> forgotten_ids;  // hashes of ids whose windows became part of others'
  bool operator==(const Past&) const = default;
};

/// One connection to one address of an MX host that proved something, good or bad.
struct Attempt {
  TimePoint at{};
  std::string address;
  std::string fault;  // the finding it would be; empty: it was good
  bool operator==(const Attempt&) const = default;
};

/// One uninterrupted publication of one TLSA record. Its first look is its baseline: who was there then may
/// have been there for ever.
struct SeenTlsa {
  TlsaRecord record;
  std::uint32_t ttl = 0;  // the largest seen
  Span seen;
  std::optional<TimePoint> absent{};   // the last moment that the zone is known to have been without it
  std::optional<TimePoint> matched{};  // the first look at which it vouched for a chain
  // The first of the looks in a row that held it against a chain of each address, in vain.
  std::optional<TimePoint> idle_since{};
  bool operator==(const SeenTlsa&) const = default;
};

/// Of the TLSA records of a host, as looks saw them, secure.
struct TlsaPast {
  std::vector<SeenTlsa> records;    // by first sight
  std::optional<TimePoint> as_of;   // the zone held what was seen last at this moment, or later
  std::optional<TimePoint> secure;  // the last look that saw some
  bool operator==(const TlsaPast&) const = default;
};

/// Of an MX host, whichever domains use it.
struct HostPast {
  std::vector<SeenCertificate> certificates;
  std::vector<Change> changes;
  std::vector<Attempt> attempts{};  // oldest first; the last kAttempts of each address
  TlsaPast tlsa{};
  bool operator==(const HostPast&) const = default;
};

}  // namespace stswatch
