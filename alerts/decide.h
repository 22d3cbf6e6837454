// Whether a receiver is owed a notice of a problem, and why: a pure function of what is there now, what it
// was told before, the time and the operator's wishes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/open_finding.h"
#include "alerts/options.h"

namespace stswatch {

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
