// What the operator does not want to be told for a while. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "checks/judge/catalogue/finding.h"

namespace stswatch {

struct Silence {
  std::string domain = "*", code = "*", subject = "*";  // globs
  std::optional<TimePoint> until;
  std::string comment;
  bool operator==(const Silence&) const = default;
};

/// "*" stands for any run of characters, "?" for one; case does not matter.
bool glob_matches(std::string_view glob, std::string_view text);
bool covers(const Silence& silence, std::string_view domain, const Finding& finding, TimePoint now);

}  // namespace stswatch
