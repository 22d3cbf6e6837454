// What senders report of their deliveries (RFC 8460): one report as it came, and what is kept of many.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checks/facts/text.h"

namespace stswatch {

// What a sender reports of a day's deliveries: RFC 8460 §4.4. A plain value; every text in it is the
// reporter's own and may hold anything.

/// One row of failure-details. An empty text was not told.
struct ReportFailure {
  std::string result_type;
  std::uint64_t sessions = 0;
  std::string sending_ip, mx, helo, receiving_ip, information, reason;
  bool operator==(const ReportFailure&) const = default;
};

struct ReportPolicy {
  std::string type;    // as told; see policy_type_word()
  std::string domain;  // as told; empty: not told
  std::vector<std::string> policy_string, mx_host;
  // Of the summary: rows of failure-details overlap, and their sum is no number of sessions (RFC 8460 §4).
  std::uint64_t successful = 0, failed = 0;
  std::vector<ReportFailure> failures;
  bool operator==(const ReportPolicy&) const = default;
};

struct TlsReport {
  std::string organization, report_id;
  std::optional<std::string> contact;
  TimePoint start{}, end{};
  std::vector<ReportPolicy> policies;
  bool operator==(const TlsReport&) const = default;
};

/// The largest count that every reader of JSON takes for the same (RFC 7493 §2.2), so no sum of ours is
/// beyond it either.
inline constexpr std::uint64_t kMostSessions = std::uint64_t{1} << 53U;
std::uint64_t added(std::uint64_t a, std::uint64_t b);

// Words from closed sets, so that a reporter cannot make up labels. Each gives "other" for what it does not
// know.

/// sts, tlsa, no-policy-found, other.
std::string_view policy_type_word(std::string_view told);
/// A result type of RFC 8460 §4.3.
std::string_view result_type_word(std::string_view told);
/// A sender that many domains hear from: "Google" for "Google Inc.".
std::string_view organization_word(std::string_view told);

std::vector<std::string_view> policy_type_words();

// What senders have reported of one domain of late, as the store keeps it: facts for the judge, bounded in
// number. RFC 8460 §4.

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
