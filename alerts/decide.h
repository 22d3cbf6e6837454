// Whether a receiver is owed a notice of a problem, and why: a pure function of what is there now, what it
// was told before, the time and the operator's wishes.
#pragma once

#include <optional>
#include <string_view>

#include "alerts/compose.h"
#include "alerts/options.h"

namespace stswatch {

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
