#include "alerts/decide.h"

#include <algorithm>

namespace stswatch {
namespace {

constexpr Seconds kLongestRepeat{7 * 86400};
/// RULES 5.4, MtaStsVantageBlind: what the agent cannot see is worth a ticket only when it lasts.
constexpr Seconds kOwnFault{2 * 3600};

bool only_changes(const LastNotified& last_notified) {
  return std::ranges::all_of(last_notified.codes, is_change);
}

bool wants(const TellingRules& rules, const OpenFinding& item) {
  if (item.own()) return rules.wanted.own;
  const auto& domains = rules.wanted.domains;
  const auto covers = [&](const std::string& glob) { return glob_matches(glob, item.domain()); };
  if (!domains.empty() && std::ranges::none_of(domains, covers)) return false;
  const Finding& finding = item.finding();
  // Who asks for the log by name hears of it without asking for what is mere information.
  if (finding.route == Route::log && !rules.wanted.routes.empty() && rules.takes(Route::log))
    return severity_of(finding) >= rules.min_severity;
  return wanted(finding, rules.min_severity);
}

bool tells(const OpenFinding& item) { return !item.silenced && !item.in_doubt(); }

}  // namespace

bool TellingRules::takes(Route route) const {
  return wanted.routes.empty() || std::ranges::find(wanted.routes, route) != wanted.routes.end();
}

bool is_change(const std::string& code) {
  Finding finding;
  finding.code = code;
  return nature_of(finding).change();
}

GroupState stand(const AlertGroup& group, const std::set<std::string>& told, const TellingRules& rules) {
  GroupState out;
  for (const OpenFinding* item : group.items) {
    const Finding& finding = item->finding();
    if (!wants(rules, *item)) continue;
    out.any = true;
    out.state |= !item->nature.change();
    for (const Incident& i : item->record->incidents)
      if (!i.open() && told.contains(i.finding.code))
        out.eased = std::max(out.eased.value_or(*i.closed), *i.closed);
    if (item->silenced) continue;
    out.items.push_back(item);
    out.severity = std::max(out.severity, severity_of(finding));
    out.route = std::max(out.route, finding.route);
    if (!tells(*item)) continue;
    out.sure_severity = std::max(out.sure_severity, severity_of(finding));
    out.sure_route = std::max(out.sure_route, finding.route);
    if (told.contains(finding.code) || (!item->own() && !rules.takes(finding.route))) continue;
    out.own_news |= item->own();
    const TimePoint from =
        item->incident->opened + (finding.of_the_agent && !item->own() ? kOwnFault : Seconds{0});
    out.news = std::min(out.news.value_or(from), from);
    out.at_once |= item->own();
    out.new_cause |= !item->nature.symptom();
  }
  return out;
}

Seconds reminder_after(Route route, int reminders, const TellingRules& rules) {
  Seconds after = route == Route::page ? rules.repeat_page : rules.repeat_ticket;
  for (int i = 0; i < reminders && after < kLongestRepeat; ++i)
    after *= 2;
  return std::min(after, std::max(kLongestRepeat, rules.repeat_ticket));
}

std::optional<Decision> decide(const GroupState& now_there, const LastNotified* last_notified,
                               bool acknowledged, TimePoint now, const TellingRules& rules) {
  const bool waited = now_there.news && (now_there.at_once || now - *now_there.news >= rules.group_wait);
  const bool for_me = rules.takes(now_there.sure_route) || now_there.own_news;
  if (last_notified == nullptr) {
    if (!waited || !for_me) return std::nullopt;
    return Decision{NoticeKind::fresh, "nothing was told of it yet"};
  }
  if (!now_there.state && !only_changes(*last_notified)) {
    if (!rules.send_resolved) return std::nullopt;
    return Decision{NoticeKind::resolved, "it is over"};
  }
  const Notice& last = last_notified->notice;
  if (for_me && now_there.sure_route > last.route)
    return Decision{NoticeKind::worse, "it needs somebody sooner"};
  if (for_me && now_there.sure_severity > last.severity)
    return Decision{NoticeKind::worse, "it is more severe"};
  if (for_me && now_there.new_cause && waited) {
    // What was told before has gone meanwhile, if all that is there is less.
    if (now_there.severity < last.severity && now_there.route <= last.route)
      return Decision{NoticeKind::better, "a lesser fault has taken its place"};
    return Decision{NoticeKind::worse, "another fault has joined it"};
  }
  if (now_there.items.empty()) return std::nullopt;  // silenced
  // What is left may be on its way out as well: then one word at the end is enough.
  const bool settled =
      (!now_there.eased || now - *now_there.eased >= rules.group_wait) &&
      std::ranges::none_of(now_there.items, [](const OpenFinding* item) { return item->in_doubt(); });
  if (last.route == Route::page && now_there.route < last.route && settled)
    return Decision{NoticeKind::better, "mail flows again, a part of it is left"};
  if (!rules.reminders || acknowledged || last.route == Route::log || only_changes(*last_notified))
    return std::nullopt;
  const bool sure =
      std::ranges::any_of(now_there.items, [](const OpenFinding* item) { return tells(*item); });
  const bool mine = rules.takes(now_there.route) || now_there.items.front()->own();
  if (sure && mine && now - last.at >= reminder_after(last.route, last_notified->reminders, rules))
    return Decision{NoticeKind::reminder, "it has lasted"};
  return std::nullopt;
}

bool ends_silently(const GroupState& now_there, const LastNotified& last_notified,
                   const TellingRules& rules) {
  if (now_there.state) return false;
  return only_changes(last_notified) ? !now_there.any : !rules.send_resolved;
}

}  // namespace stswatch
