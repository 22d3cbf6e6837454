// Points in time as facts: whole seconds of UTC. Safe to share; no clock is read here.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace stswatch {

using TimePoint = std::chrono::sys_seconds;
using Seconds = std::chrono::seconds;
using Millis = std::chrono::milliseconds;

/// "2026-12-01T00:00:00Z": no fraction, no offset.
std::string to_utc(TimePoint t);

/// Reads what to_utc writes, nothing else; nullopt for anything that is no such instant.
std::optional<TimePoint> parse_utc(std::string_view text);

/// "19 d 6 h", "3 h 5 min", "45 s": two units at most, for people. Negative spans print without a sign.
std::string to_words(Seconds span);

}  // namespace stswatch
