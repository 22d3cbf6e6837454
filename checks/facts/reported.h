// What senders have reported of one domain of late, as the store keeps it: facts for the judge, bounded in
// number. RFC 8460 §4.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "checks/facts/text.h"

namespace stswatch {

/// One policy of one report.
struct ReportedSessions {
  TimePoint start{}, end{};
  std::string organization;  // as told
  std::string policy_type;   // policy_type_word()
  std::uint64_t successful = 0, failed = 0;
  std::string policy;  // policy-string, a line each; empty where none was told
  bool operator==(const ReportedSessions&) const = default;
};

/// What failed in it, by type and place; rows overlap and are never added up to sessions.
struct ReportedFailure {
  TimePoint start{};
  std::string organization;
  std::string policy_type;
  std::string result_type;  // as told
  std::string mx, receiving_ip, reason;
  std::uint64_t sessions = 0;
  bool operator==(const ReportedFailure&) const = default;
};

/// What came in and was not counted, by reporter: the newest of each kind.
struct NotCounted {
  enum class Kind { malformed, unauthenticated, duplicate };
  Kind kind = Kind::malformed;
  std::string reporter;  // as told, or where it came from
  TimePoint at{};
  std::uint64_t times = 0;
  std::string why;  // of the last
  bool operator==(const NotCounted&) const = default;
};

struct DomainReports {
  std::optional<TimePoint> first, last;    // received
  std::vector<ReportedSessions> sessions;  // the oldest first
  std::vector<ReportedFailure> failures;   // likewise
  std::vector<NotCounted> not_counted;     // the newest first
  bool more = false;                       // there were more than are kept here
  bool empty() const { return sessions.empty(); }
  bool operator==(const DomainReports&) const = default;
};

}  // namespace stswatch
