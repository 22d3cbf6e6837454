// What is remembered when the clock was wrong: nothing can have been seen later than now. A record that says
// so was made by a clock that was ahead, and would not be looked at, confirmed or let go of until that day
// comes. Pure.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/remember/memory.h"
#include "checks/judge/catalogue/finding.h"

namespace stswatch {

template <class Record>
struct Dated {
  std::shared_ptr<const Record> record;  // the one given where nothing in it lies ahead
  Seconds ahead{0};                      // how far its latest date did
};

/// Each time at which something was seen, opened or asked for is now at the latest. Dates that others have
/// set, as those of certificates, stay; so does the history of changes, which is only ever added to.
Dated<DomainMemory> dated_by(std::shared_ptr<const DomainMemory> record, TimePoint now);
Dated<MxMemory> dated_by(std::shared_ptr<const MxMemory> record, TimePoint now);

// What the operator does not want to be told for a while. Pure.

struct Silence {
  std::string domain = "*", code = "*", subject = "*";  // globs
  std::optional<TimePoint> until;
  std::string comment;
  std::string by = {};  // who made it and from where; empty: the configuration
  bool operator==(const Silence&) const = default;
};

/// How many there may be of one domain: each is kept, shown and compared with each finding.
inline constexpr std::size_t kSilencesOfDomain = 100;
/// Where to keep one among those that are there: under the id of the one that stands for the same domain,
/// code and subject, whose end and comment it takes over, or a new one ("" then; rows that are over may be
/// erased by others at any time). nullopt: the domain has as many as it may.
std::optional<std::string> place_of(const Silence& silence, const std::map<std::string, Silence>& there,
                                    TimePoint now);

/// "of example.com, certificate-expired at mx1.example.com, until 2026-12-01T00:00:00Z, by alice from
/// 192.0.2.1".
std::string in_words(const Silence& silence);

bool stands(const Silence& silence, TimePoint now);  // its end is still to come

/// "*" stands for any run of characters, "?" for one; case does not matter.
bool glob_matches(std::string_view glob, std::string_view text);
bool covers(const Silence& silence, std::string_view domain, const Finding& finding, TimePoint now);

}  // namespace stswatch
