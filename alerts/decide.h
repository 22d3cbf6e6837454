// What stands open, whether a receiver is owed a notice of it and why, and how both are kept.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "agent/remember/second_look.h"
#include "alerts/notice.h"
#include "alerts/options.h"

namespace stswatch {

// One open finding of one domain as the decider sees it: what it is about, and whether it is a cause, a
// symptom of one, or a change that is told once. RULES 5.5, 5.6.

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
  SeenFrom seen{};  // in a fleet, of one that pages

  /// A ticket while others, who look from elsewhere, do not see what would page.
  Route route() const { return seen.disputed() ? std::min(finding().route, Route::ticket) : finding().route; }
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

// Topics, notices owed and silences as rows of the key-value store. What cannot be read is an error, never a
// crash.

inline constexpr const char* kTopicTable = "alert_topic";
inline constexpr const char* kOwedTable = "alert_owed";
inline constexpr const char* kSilenceTable = "alert_silence";

std::string to_row(const Problem& problem);
std::string to_row(const PendingNotice& pending);
std::string to_row(const Silence& silence);
tl::expected<Problem, std::string> topic_from_row(std::string_view text);
tl::expected<PendingNotice, std::string> owed_from_row(std::string_view text);
tl::expected<Silence, std::string> silence_from_row(std::string_view text);

/// A name for a silence that begins now, and of no other, whoever else makes one at this moment: the service
/// and commands beside it do not see what the others are about to write.
std::string new_silence_id(TimePoint now);

// Whether a receiver is owed a notice of a problem, and why: a pure function of what is there now, what it
// was told before, the time and the operator's wishes.

// One notice for one cause, however many domains it hits (RULES 5.5, 5.6): findings on the same host are one
// problem; symptoms go with their cause; what comes up together in one domain is told together; and the same
// fault of many domains at once is one message with the list of them. Pure.

struct AlertGroup {
  Problem problem;
  bool is_new = false;
  std::vector<const OpenFinding*> items;  // none: it is over
};

/// `topics`: those told of, by id. All of them are in the result, then the new ones, without an id.
std::vector<AlertGroup> gather(const std::vector<const OpenFinding*>& items,
                               const std::map<std::string, Problem>& problems);

/// For a new one that is told at `now`: no two are alike, since each begins with a key of its own.
std::string problem_id(const Problem& problem, TimePoint now);

inline constexpr std::size_t kSharedBy = 3;  // RULES 5.6: so many domains with the same fault on one platform
inline constexpr std::size_t kSameFault = 10;  // so many tickets that read the same, whatever they share

/// How one receiver wants to be told.
struct TellingRules {
  Severity min_severity = Severity::warning;
  Wanted wanted{};
  bool send_resolved = true;
  bool reminders = true;
  Seconds group_wait{30};
  Seconds repeat_page{7200};
  Seconds repeat_ticket{3 * 86400};

  /// News of this route are for this receiver. What becomes of what it was told it hears in any case.
  bool takes(Route route) const;
};

/// What is there now of one problem, for one receiver.
struct GroupState {
  std::vector<const OpenFinding*> items;  // all that the receiver is to know: what a notice lists
  bool any = false;                       // something is open, silenced or not
  bool state = false;                     // something other than changes is
  Severity severity = Severity::info;
  Route route = Route::log;
  // Of those that a notice may be sent for: neither silenced nor perhaps over.
  Severity sure_severity = Severity::info;
  Route sure_route = Route::log;
  std::optional<TimePoint> news;   // when the first of those opened whose code has not been told
  bool at_once = false;            // it has been confirmed and stands alone: nothing is waited for
  bool own_news = false;           // the agent's own trouble: of no route that a receiver may leave out
  bool new_cause = false;          // one of them is a cause, not a mere symptom
  bool awaited = false;            // only of what another agent still looks at it is a page
  std::optional<TimePoint> eased;  // when the last of what has been told closed
};

/// `told`: codes that are no news to the receiver.
GroupState stand(const AlertGroup& group, const std::set<std::string>& told, const TellingRules& rules);

bool is_change(const std::string& code);

struct Decision {
  NoticeKind kind = NoticeKind::fresh;
  std::string_view reason;
};

/// nullopt: nothing is owed now. `said` null: it was told nothing, or that it is over.
std::optional<Decision> decide(const GroupState& now_there, const LastNotified* last_notified,
                               bool acknowledged, TimePoint now, const TellingRules& rules);

/// The receiver was told only of changes, or wants no resolve, and nothing is left: it can be forgotten.
bool ends_silently(const GroupState& now_there, const LastNotified& last_notified, const TellingRules& rules);

/// RULES 5.6: "repeat: page 2h, ticket 3d", doubling up to 7 days.
Seconds reminder_after(Route route, int reminders, const TellingRules& rules);

}  // namespace stswatch
