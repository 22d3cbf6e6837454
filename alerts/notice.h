// One notice: what somebody is told of one problem, once. A plain value; how it looks to each receiver is
// render's business.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "checks/facts/text.h"
#include "checks/judge/catalogue/catalogue.h"

namespace stswatch {

enum class NoticeKind { fresh, worse, better, reminder, resolved };  // `fresh` is written "new"

struct NoticeFinding {
  std::string domain, code, subject;
  Severity severity = Severity::info;
  bool operator==(const NoticeFinding&) const = default;
};

/// What a receiver of alerts with labels knows of a problem, from its first notice to its end: labels that do
/// not change, and an alert for each degree that it has reached and not left again (CONTRACT 5).
struct AlertIdentity {
  struct Level {
    Route route = Route::ticket;
    Severity severity = Severity::warning;
    auto operator<=>(const Level&) const = default;
  };
  std::map<std::string, std::string> labels;
  std::vector<Level> levels;  // empty: that of the notice alone
  bool operator==(const AlertIdentity&) const = default;
};

struct Notice {
  std::string key;  // "THREAD.N": the same for every delivery of this notice
  NoticeKind kind = NoticeKind::fresh;
  Route route = Route::ticket;
  Severity severity = Severity::warning;
  std::string title;   // whom it concerns and what stops working, effect first
  std::string effect;  // on mail
  std::string seen;    // one line for each thing seen
  std::vector<std::string> seen_from{}, not_seen_from{};  // in a fleet, of what pages: vantages
  std::string changed;
  TimePoint since{};
  std::optional<TimePoint> until;  // when mail stops, when the last cache ends, when it was over
  std::string outlook;             // `until` in words
  std::string fix;
  std::string verify;  // one command; empty where none is safe to print
  std::string reference;
  std::string url, runbook_url;               // where to read on: of what it is about, of its first finding
  std::vector<std::string> domains;           // in order, at most kMostDomains
  std::size_t domain_count = 0;               // of all
  std::vector<NoticeFinding> findings;        // most severe first, at most kMostFindings
  std::map<std::string, std::string> labels;  // those on which all the domains agree
  AlertIdentity alert{};
  TimePoint at{};        // when it was decided
  std::string handle{};  // of one that was told: what its receiver calls the message, to update it; or ""
  bool operator==(const Notice&) const = default;

  bool firing() const { return kind != NoticeKind::resolved; }
  /// What all notices of one problem share: an email thread, an alert.
  std::string_view thread() const { return std::string_view(key).substr(0, key.rfind('.')); }
  std::string_view lead_code() const { return findings.empty() ? "" : std::string_view(findings[0].code); }
};

/// The degrees at which it fires now.
std::vector<AlertIdentity::Level> levels_of(const Notice& notice);
/// Those of `before` that are over with `now`.
std::vector<AlertIdentity::Level> ended(const Notice& before, const Notice& now);
/// A notice that follows `before` (null: nothing was told) is of the same alert: it keeps the labels; what
/// gets worse joins what fires, and what gets better ends what was worse.
void continue_alert(const Notice* before, Notice& notice);

inline constexpr std::size_t kMostDomains = 10'000;  // a message beyond 1 MiB is refused by many
inline constexpr std::size_t kMostFindings = 1'000;

std::string_view to_string(NoticeKind kind);
std::optional<NoticeKind> parse_notice_kind(std::string_view word);
std::optional<Severity> parse_severity(std::string_view word);
std::optional<Route> parse_route(std::string_view word);

// A notice that a receiver is owed: stored before anything is sent, gone once it has arrived. At most one for
// each problem and receiver: news that comes meanwhile replaces it. Pure.

struct PendingNotice {
  std::string receiver, problem;
  Notice notice;
  std::set<std::string> codes;
  bool attempted = false;  // it may have arrived: it keeps its key, and what follows builds on it
  bool operator==(const PendingNotice&) const = default;

  std::string id() const { return receiver + ' ' + problem; }
};

/// What came of an attempt.
struct SendResult {
  enum class Kind {
    sent,
    failed,    // the receiver cannot be reached or will not have anything now
    refused,   // the receiver will not have this notice
    doubtful,  // it broke off after the notice was handed over: it may have arrived
  };
  Kind kind = Kind::failed;
  std::string reason;  // closed set: dns, connect, tls, timeout, auth, throttled, rejected, server, config
  std::string detail;  // in words, without secrets
  std::optional<Seconds> retry_after = std::nullopt;
  std::string handle{};  // of what was sent: what the receiver calls it, where it can be updated
};

/// How long a receiver is left alone after failures in a row: 5 s, doubling up to 10 minutes, spread by
/// `spread` (0 to 1), never shorter than it asked for (at most a day).
Seconds back_off(int failures, std::optional<Seconds> retry_after, double spread);

}  // namespace stswatch
