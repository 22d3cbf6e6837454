// A notice that a receiver is owed: stored before anything is sent, gone once it has arrived. At most one for
// each problem and receiver: news that comes meanwhile replaces it. Pure.
#pragma once

#include <set>
#include <string>

#include "alerts/notice.h"
#include "checks/facts/time.h"

namespace stswatch {

struct Owed {
  std::string receiver, topic;
  Notice notice;
  std::set<std::string> codes;
  bool attempted = false;  // it may have arrived: it keeps its key, and what follows builds on it
  bool operator==(const Owed&) const = default;

  std::string id() const { return receiver + ' ' + topic; }
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
};

/// How long a receiver is left alone after failures in a row: 5 s, doubling up to 10 minutes, spread by
/// `spread` (0 to 1), never shorter than it asked for (at most a day).
Seconds back_off(int failures, std::optional<Seconds> retry_after, double spread);

}  // namespace stswatch
