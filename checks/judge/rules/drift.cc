// Group J: an id that stands for two policies (RFC 8461 §3.1: it "uniquely identifies a given instance of a
// policy"), and an id that announces nothing.
#include "checks/facts/text.h"
#include "checks/judge/rules/rules.h"

#include <algorithm>
#include <array>

#include "checks/facts/bounds.h"
#include "checks/facts/policy.h"

namespace stswatch {

// Group J, and C and H of certificates: what became something else in the last days. The first look is the
// baseline; each change is told once and stays visible for a week (RULES 5.3).

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
           (now ? "the policy of now" : "an earlier policy, " + in_words(h));
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

/// The id of now has been there for its TTL: whoever delivers sees it, and refreshes what it holds first.
bool id_is_known(const Case& c) {
  const SeenId* id = shown_id(*c.history.past);
  return id && c.now - id->seen.first >= Seconds{std::max(id->ttl, c.facts.sts.ttl)};
}

/// Some policy that senders may hold does not list a host that has come: only then does anybody skip it.
bool excluded_somewhere(const Case& c, const Change& change) {
  const auto hosts = split(change.to);
  const bool refreshed = c.history.past && id_is_known(c);
  return std::ranges::any_of(c.held, [&](const Held& h) {
    return h.policy.mode != Mode::none && !(h.refreshable && refreshed) &&
           !std::ranges::all_of(hosts, [&](const auto& host) { return matches_any(host, h.policy.mx); });
  });
}

void tell(const Case& c, const Change& change, std::size_t earlier, Findings& out) {
  std::string detail = to_utc(change.at) + ": " + became(change);
  const bool hosts_came = change.code == "mx-added" || change.code == "mx-provider-changed";
  if (hosts_came) detail += who_lists(c, split(change.to));
  if (earlier > 0) detail += "; " + std::to_string(earlier) + " more in the last 7 days";
  detail = printable(detail, bounds::kDetail);
  const std::string until = until_of(c, change);
  // RULES 5.5: within a planned-change window change findings become info.
  if (change.planned || c.limits.change_planned || (hosts_came && !excluded_somewhere(c, change))) {
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

namespace {

using namespace std::chrono_literals;

constexpr Seconds kRace = 24h;  // an update that takes longer was no update of this id
constexpr Seconds kSettle =
    1h;  // RULES 3.2 J: "new id, same policy hash for over 1 h", and the other way round

enum class Fault { none, reused, race, order_unknown, unchanged };

/// When the id was first seen, and until when the policy was: the ends of their windows are bounds, not
/// sights.
TimePoint sighted(const Held& h) { return h.id.sighted.value_or(h.id.first); }
TimePoint last_seen(const Held& h) { return h.policy.last_seen.value_or(h.policy.last_ub); }

/// RULES 3.2 J: "holds as long as a binding pair with that id and another policy is live, also when the file
/// was put back: only a new id ends it".
Fault fault_of(const Held& h, TimePoint now) {
  const bool still_served = h.policy.last_ub >= now;  // sts-policy-address-inconsistent says so
  if (!h.shown_id || h.present || still_served) return Fault::none;
  if (h.id.last_ub < now) return Fault::reused;
  // Nobody saw the two together, and the looks lie too far apart to say that they never met (RULES 4.1).
  if (last_seen(h) < sighted(h)) return Fault::order_unknown;
  // "first sight of the new id until the last sight of the old body"
  if (h.id.first > h.policy.first && h.policy.last_ub - h.id.first <= kRace) return Fault::race;
  return Fault::unchanged;
}

/// RULES 5.4: "only when the pair is binding, enforce, and leaves U below the number of MX hosts".
bool costs_hosts(const Case& c, const Held& h) {
  return h.policy.mode == Mode::enforce && h.usable_mx < static_cast<int>(c.mx.size());
}

/// The hosts that it leaves out were there when it came, which was told then, and nothing was served before
/// it under its id: what replaced it mends that.
bool is_being_mended(const Case& c, const Held& h) {
  const Past* past = c.history.past;
  if (!past) return false;
  const auto was_there = [&](const std::string& host) {
    return std::ranges::any_of(past->mx, [&](const SeenHost& seen) {
      return seen.host == host && seen.seen.first <= h.policy.first;
    });
  };
  return std::ranges::all_of(h.unlisted, was_there) &&
         std::ranges::none_of(past->policies, [&](const SeenPolicy& p) {
           return p.seen.first < h.policy.first &&
                  p.last_seen.value_or(p.seen.gone.value_or(c.now)) >= h.id.first;
         });
}

/// "seen last at X, gone at Y": between the two nobody looked.
std::string end_in_words(const Held& h) {
  const std::string gone = "seen to be gone " + to_utc(h.policy.last_ub);
  return h.policy.last_seen ? "last seen " + to_utc(*h.policy.last_seen) + " and " + gone : gone;
}

std::string first_words(const Held& h, Fault fault) {
  if (fault == Fault::race)
    return "id " + h.id.id + " was first seen " + to_utc(sighted(h)) + ", the old policy " + end_in_words(h);
  if (fault == Fault::order_unknown)
    return "id " + h.id.id + " came between " + to_utc(h.id.first) + " and " + to_utc(sighted(h)) +
           ", and the old policy was " + end_in_words(h) + ": which of them changed first was not seen";
  if (fault == Fault::reused) return "id " + h.id.id + " stood for another policy, " + end_in_words(h);
  return "the policy of before was " + end_in_words(h) + ", the id is still " + h.id.id;
}

/// RULES 4.1: a ticket where sight was lost, a warning where the old policy excludes a host in use.
void raise_order_lost(const Case& c, bool costs, const std::string& detail, const std::string& until,
                      Findings& out) {
  const Severity severity = costs ? Severity::warning : Severity::info;
  out.raise_as(severity, "sts-update-order-unknown", c.facts.domain.str(), detail, {{"until", until}});
  if (out.has("sts-update-order-unknown")) out.all().back().route = Route::ticket;
}

void raise_all(const Case& c, Fault fault, std::string_view code, Findings& out) {
  std::vector<const Held*> all;
  for (const Held& h : c.held)
    if (fault_of(h, c.now) == fault) all.push_back(&h);
  if (all.empty()) return;
  const Held& newest = **std::ranges::max_element(all, {}, [](const Held* h) { return h->policy.last_ub; });
  const std::string until = words_of(latest_end(all));
  std::string detail = first_words(newest, fault);
  if (!until.empty()) detail += "; by RFC 8461 senders hold it until " + until;
  detail += "; it lists " + listed(newest.policy.mx);
  detail = printable(detail, bounds::kDetail);
  const bool costs = std::ranges::any_of(all, [&](const Held* h) { return costs_hosts(c, *h); });
  if (fault == Fault::order_unknown) return raise_order_lost(c, costs, detail, until, out);
  const bool page = fault != Fault::reused && costs;
  // RFC 8461 §8.1: the file goes first. Its id has an hour to follow, also where the file mends what was
  // wrong.
  const bool mends = costs && std::ranges::all_of(all, [&](const Held* h) {
                       return !costs_hosts(c, *h) || is_being_mended(c, *h);
                     });
  const bool may_wait = mends ? fault != Fault::reused : fault == Fault::unchanged && !costs;
  if (may_wait && c.now - newest.policy.last_ub <= kSettle)
    return void(out.raise_as(Severity::info, code, c.facts.domain.str(), detail, {{"until", until}}));
  out.raise_routed(page ? Route::page : Route::ticket, code, c.facts.domain.str(), detail,
                   {{"until", until}});
}

/// The same within what the schedule explains: the figures do not count it, and one more id is cheap.
void judge_order(const Case& c, const Past& past, Findings& out) {
  const SeenId* id = shown_id(past);
  if (!id || !id->absent || c.policies.empty()) return;
  for (const SeenPolicy& p : past.policies) {
    if (!p.seen.gone || p.policy.mode == Mode::none || same_policy(p.policy, c.policies.front())) continue;
    const bool apart = *p.seen.gone < id->seen.first;
    const bool may_have_met = *p.seen.gone > *id->absent && c.now - *p.seen.gone <= kTold;
    const bool over = *p.seen.gone + Seconds(static_cast<Seconds::rep>(p.policy.max_age)) <= c.now;
    if (!apart || !may_have_met || over) continue;
    const TimePoint from = std::max(*id->absent, p.last_seen.value_or(*id->absent));
    const TimePoint to = std::max(id->sighted.value_or(id->seen.first), *p.seen.gone);
    out.raise("sts-update-order-unknown", c.facts.domain.str(),
              printable("between " + to_utc(from) + " and " + to_utc(to) + " id " + id->id +
                            " and a new policy came, and no look tells which was first",
                        bounds::kDetail),
              {{"until", to_utc(*p.seen.gone + Seconds(static_cast<Seconds::rep>(p.policy.max_age)))}});
    return;
  }
}

/// Nothing but the policy of now was served since the id before this one came.
void judge_needless_id(const Case& c, const Past& past, Findings& out) {
  const SeenId* id = shown_id(past);
  if (!id || id == &past.ids.front() || c.policies.empty() || c.now - id->seen.first <= kSettle) return;
  if (c.now - id->seen.first > kTold) return;
  const SeenId& before = *(id - 1);
  if (before.id == id->id) return;
  for (const SeenPolicy& p : past.policies) {
    const bool served_since = p.seen.gone.value_or(c.now) >= before.seen.first;
    if (served_since && !same_policy(p.policy, c.policies.front())) return;
  }
  out.raise("sts-id-changed-policy-unchanged", c.facts.domain.str(),
            printable("id " + id->id + " since " + to_utc(id->seen.first) + ", before it " + before.id,
                      bounds::kDetail));
}

/// RFC 8461 §3.3: an update is announced that nobody can read.
void judge_unread_id(const Case& c, const Past& past, Findings& out) {
  const SeenId* id = shown_id(past);
  if (!id || !policy_gone_since(past) || !c.policies.empty()) return;
  if (past.policy_ok_last && *past.policy_ok_last >= id->seen.first) return;
  std::string detail = "id " + id->id + " since " + to_utc(id->seen.first);
  if (past.policy_ok_last) detail += "; the last good fetch was " + to_utc(*past.policy_ok_last);
  out.raise("sts-id-changed-fetch-failing", c.facts.domain.str(), printable(detail, bounds::kDetail));
}

}  // namespace

std::string listed(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words)
    text::add(out, ", ", word);
  return out.empty() ? "no host" : out;
}

std::string in_words(const Held& held) { return "id " + held.id.id + " with mx " + listed(held.policy.mx); }

std::optional<TimePoint> latest_end(const std::vector<const Held*>& held) {
  std::optional<TimePoint> out;
  for (const Held* h : held) {
    if (!h->until) return std::nullopt;
    out = std::max(out.value_or(*h->until), *h->until);
  }
  return out;
}

std::string words_of(const std::optional<TimePoint>& at) { return at ? to_utc(*at) : std::string(); }

void judge_ids(const Case& c, Findings& out) {
  raise_all(c, Fault::unchanged, "sts-policy-changed-id-unchanged", out);
  raise_all(c, Fault::race, "sts-update-order-race", out);
  raise_all(c, Fault::order_unknown, "sts-update-order-unknown", out);
  judge_order(c, *c.history.past, out);
  raise_all(c, Fault::reused, "sts-id-reused", out);
  judge_needless_id(c, *c.history.past, out);
  judge_unread_id(c, *c.history.past, out);
}

/// One cause, one critical finding: senders hold what they do because the id did not follow, or went first.
/// Whom that costs every host is told below it, with the same fix.
void tell_as_part(const Case& c, Findings& out) {
  constexpr std::array<std::string_view, 2> kCauses = {"sts-policy-changed-id-unchanged",
                                                       "sts-update-order-race"};
  Finding* cached = out.find("cached-policy-excludes-all-mx");
  const auto pages = [&](std::string_view code) {
    const Finding* cause = out.find(code);
    return cause && cause->route == Route::page && cause->subject == c.facts.domain.str();
  };
  if (cached != nullptr) cached->part = std::ranges::any_of(kCauses, pages);
}

void judge_drift(const Case& c, Findings& out) {
  if (!c.history.past) return;
  judge_ids(c, out);
  judge_caches(c, out);
  tell_as_part(c, out);
  judge_removal(c, out);
}

}  // namespace stswatch
