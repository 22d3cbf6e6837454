// One problem, and what each receiver has been told of it. It begins with the first notice and ends when it
// is over and everybody who was told knows. Pure values; the desk keeps them.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "alerts/notice.h"

namespace stswatch {

/// What one receiver was told last.
struct Said {
  Notice notice;
  std::set<std::string> codes;  // of all findings, listed or not
  int reminders = 0;            // since the last news
  bool operator==(const Said&) const = default;
};

struct Topic {
  std::string id;
  std::set<std::string> keys;  // of the items that belong to it: see Item::key()
  TimePoint since{};
  std::optional<TimePoint> acknowledged;  // somebody is at it: no reminders until it gets worse
  std::map<std::string, Said> said;       // by receiver; those that know it as firing
  /// By receiver: codes of changes that it was told of with a problem that is over. They stay visible for
  /// days, and are no news.
  std::map<std::string, std::set<std::string>> changes;
  std::map<std::string, int> notices;  // by receiver: how many it was owed so far
  bool operator==(const Topic&) const = default;
};

}  // namespace stswatch
