// A second pair of eyes: before a finding wakes somebody, an agent of the fleet that looks from elsewhere
// looks too. Who holds the domain asks through a row of the database, another one answers there. Pure; times
// of rows come as ages by the database's clock, since those of agents differ.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/remember/memory.h"

namespace stswatch {

struct SavedLook;

// A page waits for the second look until the deadline, and no longer for one that nobody has asked for.
inline constexpr Seconds kSecondLookBy{60}, kAskedBy{15};
/// What was not seen from elsewhere is looked for again, and holds so long.
inline constexpr Seconds kLookedForAgain{300}, kNotSeenHolds{kLookedForAgain + kSecondLookBy};
inline constexpr std::size_t kMostSecondLooks = 1000;  // rows: domains that page
inline constexpr std::size_t kMostAwaited = 16;        // of those that nobody has answered yet, and may still
inline constexpr std::size_t kMostAskedOfADomain = 16;  // findings

struct FindingName {
  std::string code, subject;
  auto operator<=>(const FindingName&) const = default;
};
using FindingNames = std::vector<FindingName>;

/// A row, as it was read; of each domain there is at most one.
struct SecondLook {
  std::int64_t epoch = 0;  // of the shard, when it was asked for
  std::string asked_from;  // vantage
  FindingNames asked;
  Seconds asked_ago{0};
  std::string taken_by{};  // agent; empty: nobody yet
  bool open = true;        // not answered since it was asked for; the answer of before stands until then
  std::optional<Seconds> answered_ago{};
  std::string answered_from{};  // vantage
  FindingNames seen{}, not_seen{};
  bool operator==(const SecondLook&) const = default;
};
using SecondLooks = std::map<std::string, SecondLook>;  // by domain

struct SecondLookAsked {
  std::string domain;
  std::int64_t epoch = 0;
  FindingNames findings;
};

struct SecondLookAnswer {
  SecondLookAsked asked;
  FindingNames seen, not_seen;  // in neither: that look could not tell
};

bool pages(const DomainMemory& record);
/// Those of a record that page, and that were seen since then: in order, at most so many as may be asked for.
FindingNames paging_in(const DomainMemory& record, TimePoint seen_since);

/// Of ours, those for which a look is to be asked for now, as far as there is room.
std::vector<SecondLookAsked> to_be_asked(const std::vector<SecondLookAsked>& ours, const SecondLooks& rows);

/// Those that an agent which looks from `vantage` may take. The same name is the same place: it would prove
/// nothing, and an agent without a name is nowhere.
std::vector<SecondLookAsked> to_be_taken(const SecondLooks& rows, const std::string& vantage);

/// Who looks for other agents, in its own time. Thread-safe; nothing here waits.
class SecondEyes {
 public:
  virtual ~SecondEyes() = default;
  virtual bool has_time_for(const std::string& domain) = 0;
  virtual void look(SecondLookAsked asked) = 0;
  virtual std::vector<SecondLookAnswer> answers() = 0;  // new ones
};

/// What one look by itself, made elsewhere, says of these findings.
SecondLookAnswer answer_of(SecondLookAsked asked, const SavedLook& look, const Limits& limits);

/// From where something is seen that pages.
struct SeenFrom {
  std::vector<std::string> seen_from, not_seen_from;  // vantages
  bool awaited = false;                               // a second look is under way, or about to be
  bool operator==(const SeenFrom&) const = default;

  /// Only its holder sees it: nobody is woken for that.
  bool disputed() const { return !not_seen_from.empty() && seen_from.size() <= 1; }
};

/// Who holds the domain, and whether somebody looks from elsewhere.
struct Holding {
  std::string vantage;
  TimePoint since{};
  bool others = false;
};

/// `row` is null where there is none.
SeenFrom seen_by(const Incident& incident, const Holding& by, const SecondLook* row, TimePoint now);

/// "seen from fra1 and nyc2", "seen from fra1; not from nyc2"; empty where it is seen from nowhere by name.
std::string in_words(const std::vector<std::string>& seen_from,
                     const std::vector<std::string>& not_seen_from);

// As texts of the database; of what is no such text nothing is read.
std::string to_text(const FindingNames& findings);
FindingNames findings_in(std::string_view text);

}  // namespace stswatch
