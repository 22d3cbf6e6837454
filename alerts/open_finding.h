// One open finding of one domain as the decider sees it: what it is about, and whether it is a cause, a
// symptom of one, or a change that is told once. RULES 5.5, 5.6.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/remember/memory.h"
#include "alerts/notice.h"
#include "alerts/options.h"

namespace stswatch {

// The agent itself among those that people are told of: a record like a domain's, under a name that no domain
// has (RFC 6761 §6.4), so that its troubles are confirmed, kept, repeated and resolved as everything else is.
// What concerns it is told by itself and names no domain.

/// "stswatch.invalid"
const Domain& agent_itself();
bool is_agent_itself(std::string_view domain);

std::shared_ptr<const DomainMemory> record_of_agent(std::vector<Incident> incidents, TimePoint now);

/// Findings of domains that say what the agent itself says once for all of them.
bool told_of_agent(const Finding& finding);

// One problem, and what each receiver has been told of it. It begins with the first notice and ends when it
// is over and everybody who was told knows. Pure values; the dispatcher keeps them.

/// What one receiver was told last.
struct LastNotified {
  Notice notice;
  std::set<std::string> codes;  // of all findings, listed or not
  int reminders = 0;            // since the last news
  bool operator==(const LastNotified&) const = default;
};

struct Problem {
  std::string id;
  std::set<std::string> keys;  // of the items that belong to it: see OpenFinding::key()
  TimePoint since{};
  std::optional<TimePoint> acknowledged;              // somebody is at it: no reminders until it gets worse
  std::map<std::string, LastNotified> last_notified;  // by receiver; those that know it as firing
  /// By receiver: codes of changes that it was told of with a problem that is over. They stay visible for
  /// days, and are no news.
  std::map<std::string, std::set<std::string>> changes;
  std::map<std::string, int> notices;  // by receiver: how many it was owed so far
  bool operator==(const Problem&) const = default;
};

struct OpenFinding {
  std::shared_ptr<const DomainMemory> record;
  const Incident* incident = nullptr;  // of `record`
  Nature nature;
  bool silenced = false;

  const Finding& finding() const { return incident->finding; }
  /// The agent's own trouble, not one that a domain has with it.
  bool own() const { return is_agent_itself(domain()); }
  const std::string& domain() const { return record->known->domain.str(); }
  std::string host() const;  // the subject without its address
  /// What the item continues: the same for the next finding of this aspect. A change has one of its own.
  std::string key() const;
  /// Nothing has been seen of it in the newest look: it may be over.
  bool in_doubt() const { return incident->good_looks > 0; }
};

/// The agent's own faults are tickets though their severity is info (RULES 3.2 Q).
Severity severity_of(const Finding& finding);
/// RULES 3.1: what is for the log is sent only to receivers that ask for info.
bool wanted(const Finding& finding, Severity min_severity);

/// The open incidents that anyone could be told of.
std::vector<OpenFinding> items_of(std::shared_ptr<const DomainMemory> record,
                                  const std::vector<Silence>& silences, TimePoint now);

}  // namespace stswatch
