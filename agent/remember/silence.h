// What the operator does not want to be told for a while. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "checks/judge/catalogue/finding.h"

namespace stswatch {

struct Silence {
  std::string domain = "*", code = "*", subject = "*";  // globs
  std::optional<TimePoint> until;
  std::string comment;
  std::string by = {};  // who made it and from where; empty: the configuration
  bool operator==(const Silence&) const = default;
};

/// How many there may be of one domain: each is kept, shown and compared with each finding.
inline constexpr std::size_t kSilencesOfDomain = 100;
/// Where to keep one among those that stand: under the id of the one for the same domain, code and subject,
/// whose end and comment it takes over, or a new one ("" then). nullopt: the domain has as many as it may.
std::optional<std::string> place_of(const Silence& silence, const std::map<std::string, Silence>& standing,
                                    TimePoint now);

/// "of example.com, certificate-expired at mx1.example.com, until 2026-12-01T00:00:00Z, by alice from
/// 192.0.2.1".
std::string in_words(const Silence& silence);

bool stands(const Silence& silence, TimePoint now);  // its end is still to come

/// "*" stands for any run of characters, "?" for one; case does not matter.
bool glob_matches(std::string_view glob, std::string_view text);
bool covers(const Silence& silence, std::string_view domain, const Finding& finding, TimePoint now);

}  // namespace stswatch
