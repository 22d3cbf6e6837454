// The counters of TLS reports, as they are exported: CONTRACT 7. A plain value.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "checks/facts/text.h"

namespace stswatch::reports {

/// What became of something that was handed in.
enum class Fate {
  stored,
  duplicate,        // of this organization and report-id there is one already
  foreign,          // about no domain that is watched
  outdated,         // ended longer ago than reports are kept, or is said to end in the future
  unreadable,       // kept aside
  unauthenticated,  // a mail that the operator's own MTA did not find signed by its sender: not counted
  no_report,        // a mail that carries none
};
inline constexpr std::array kFates{Fate::stored,     Fate::duplicate,       Fate::foreign,  Fate::outdated,
                                   Fate::unreadable, Fate::unauthenticated, Fate::no_report};
constexpr std::string_view to_string(Fate fate) {
  constexpr std::array<std::string_view, kFates.size()> kWords{
      "stored", "duplicate", "foreign", "outdated", "unreadable", "unauthenticated", "no-report"};
  return kWords[static_cast<std::size_t>(fate)];
}

struct Sessions {
  std::uint64_t successful = 0, failed = 0;
};

struct DomainFigures {
  std::map<std::string, Sessions> sessions;  // by policy type
  /// By policy type, result type, organization: words from closed sets.
  std::map<std::tuple<std::string, std::string, std::string>, std::uint64_t> failures;
  std::optional<TimePoint> last_report;  // received
};

struct Figures {
  bool taking = false;  // there is a Maildir or a door for reports
  std::map<std::string, DomainFigures> domains;
  std::map<Fate, std::uint64_t> fates;  // since the start
};

}  // namespace stswatch::reports
