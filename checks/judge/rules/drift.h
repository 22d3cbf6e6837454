// What the rules of group J share: how a held policy reads in a detail, and the state of a removal. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "checks/judge/case.h"

namespace stswatch {

/// "id A with mx mx1.example.com, mx2.example.com".
std::string in_words(const Held& held);
std::string listed(const std::vector<std::string>& words);
/// The latest end; null when one is open or there is none.
std::optional<TimePoint> latest_end(const std::vector<const Held*>& held);
std::string words_of(const std::optional<TimePoint>& at);

/// RFC 8461 §8.3: mode none was the last thing served, and whatever was served before has ended everywhere.
bool retired(const Case& c);
/// The same, while something else was served in the time that is remembered.
bool removal_complete(const Case& c);

inline constexpr Seconds kTold{7 * 24 * 3600};  // RULES 5.3: changes "stay visible 7 days"

void judge_ids(const Case& c, Findings& out);      // drift.cc
void judge_caches(const Case& c, Findings& out);   // drift_caches.cc
void judge_removal(const Case& c, Findings& out);  // drift_removal.cc

}  // namespace stswatch
