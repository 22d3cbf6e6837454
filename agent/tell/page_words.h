// Words that the pages share.
#pragma once

#include <string>

#include "agent/remember/memory.h"

namespace stswatch {

/// "enforce", "none published", "unknown", and what older caches still hold where that differs.
std::string mode_in_words(const Verdict& verdict);
/// "now", "in 3 d 4 h (2026-12-01T00:00:00Z)"; "3 min ago (…)" for what is past.
std::string when_in_words(TimePoint at, TimePoint now);
/// "breakage now: certificate-expired mx1.example.com"; empty where nothing is foreseen.
std::string outlook_in_words(const Verdict& verdict, TimePoint now);
/// The newest look at any part of it.
std::optional<TimePoint> last_look(const DomainMemory& memory);

}  // namespace stswatch
