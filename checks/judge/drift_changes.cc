// Group J, and C and H of certificates: what became something else in the last days. The first look is the
// baseline; each change is told once and stays visible for a week (RULES 5.3).
#include <algorithm>

#include "checks/facts/bounds.h"
#include "checks/facts/mx_pattern.h"
#include "checks/judge/drift.h"

namespace stswatch {
namespace {

std::vector<std::string> split(const std::string& joined) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < joined.size();) {
    const auto comma = std::min(joined.find(", ", at), joined.size());
    out.push_back(joined.substr(at, comma - at));
    at = comma + 2;
  }
  return out;
}

/// "detail says for each live policy whether it matches" (RULES 3.2 J), each content once.
std::string who_lists(const Case& c, const std::vector<std::string>& hosts) {
  std::vector<const Held*> told;
  std::string out;
  for (const Held& h : c.held) {
    if (h.policy.mode == Mode::none) continue;
    if (std::ranges::any_of(told, [&](const Held* t) { return same_policy(t->policy, h.policy); })) continue;
    told.push_back(&h);
    const bool all =
        std::ranges::all_of(hosts, [&](const auto& host) { return matches_any(host, h.policy.mx); });
    const bool now = c.is_in_effect(h.policy);
    out += std::string("; ") + (all ? "listed by " : "not listed by ") +
           (now ? "the policy of now" : h.policy.name + " of id " + h.id.id);
    if (!now && h.until) out += " until " + to_utc(*h.until);
  }
  return out;
}

std::string became(const Change& change) {
  if (change.code == "mx-added") return change.to;
  if (change.code == "mx-removed") return change.from;
  return (change.from.empty() ? "nothing" : change.from) + " -> " +
         (change.to.empty() ? "nothing" : change.to);
}

/// The end of what senders hold and the change speaks of.
std::string until_of(const Case& c, const Change& change) {
  std::vector<const Held*> held;
  const bool of_hosts = change.code.starts_with("mx-");
  for (const Held& h : c.held) {
    if (h.policy.mode == Mode::none || c.is_in_effect(h.policy)) continue;
    if (!of_hosts || !h.unlisted.empty()) held.push_back(&h);
  }
  return words_of(latest_end(held));
}

void tell(const Case& c, const Change& change, std::size_t earlier, Findings& out) {
  std::string detail = to_utc(change.at) + ": " + became(change);
  if (change.code == "mx-added" || change.code == "mx-provider-changed")
    detail += who_lists(c, split(change.to));
  if (earlier > 0) detail += "; " + std::to_string(earlier) + " more in the last 7 days";
  detail = printable(detail, bounds::kDetail);
  const std::string until = until_of(c, change);
  // RULES 5.5: within a planned-change window change findings become info.
  if (change.planned || c.limits.change_planned) {
    out.raise_as(Severity::info, change.code, change.subject, detail, {{"until", until}});
  } else {
    out.raise(change.code, change.subject, detail, {{"until", until}});
  }
}

/// The newest of each code and subject. Plain facts of the time-line are no findings.
void tell_newest(const Case& c, const std::vector<Change>& changes, Findings& out) {
  for (auto change = changes.rbegin(); change != changes.rend() && c.now - change->at <= kTold; ++change) {
    if (!find_in_catalogue(change->code) || out.has(change->code, change->subject)) continue;
    const auto earlier = std::count_if(change + 1, changes.rend(), [&](const Change& other) {
      return other.code == change->code && other.subject == change->subject && c.now - other.at <= kTold;
    });
    tell(c, *change, static_cast<std::size_t>(earlier), out);
  }
}

}  // namespace

void judge_changes(const Case& c, Findings& out) {
  if (c.history.past) tell_newest(c, c.history.past->changes, out);
  for (const MxCase& mx : c.mx) {
    const auto host = c.history.hosts.find(mx.host);
    if (host != c.history.hosts.end() && host->second) tell_newest(c, host->second->changes, out);
  }
}

}  // namespace stswatch
