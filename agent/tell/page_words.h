// Words that the pages share.
#pragma once

#include <string>

#include "agent/remember/memory.h"
#include "agent/tell/html.h"

namespace stswatch {

/// "enforce", "no MTA-STS", "unknown", and what older caches may still hold where that differs.
std::string mode_in_words(const Verdict& verdict);

/// What comes for the domain's mail, in the words of someone who has to act on it.
struct ForecastWords {
  std::string_view kind = "dim";  // a class of the style sheet: how it looks
  std::string what;               // "Mail of enforcing senders stops in 5 d 23 h"
  std::optional<TimePoint> at;    // its date, unless it is now
  std::string why;                // "the certificate of mx1.example.com expires"
};
ForecastWords forecast_in_words(const Verdict& verdict, const Claims& claims, TimePoint now);
/// "not seen since 2026-12-01 00:00 UTC"; empty while all is fresh.
std::string age_in_words(const Claims& claims);

/// The newest look at any part of it.
std::optional<TimePoint> last_look(const DomainMemory& memory);

/// "3 min ago", "just now".
std::string ago(TimePoint at, TimePoint now);
/// "2026-12-01 00:00 UTC"
std::string in_minutes(TimePoint at);
/// The same, for machines too.
void write_time(Html& page, TimePoint at);
/// "in 3 d 4 h (2026-12-01 00:00 UTC)"; "3 min ago (…)" for what is past.
void write_when(Html& page, TimePoint at, TimePoint now);

/// On top of every page: what the agent cannot see or do at present, and what to do about it.
void write_own_trouble(Html& page, const std::vector<Incident>& own);
/// What ails the agent itself, a line each, for those who ask by HTTP; empty: nothing.
std::string own_trouble_in_words(const std::vector<Incident>& own);

/// What a change, or a finding, is called: the catalogue's title, or words for plain facts.
std::string title_of(std::string_view code);

}  // namespace stswatch
