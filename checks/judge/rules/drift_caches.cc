// Group J: the MX hosts of today against what senders still hold from yesterday (RFC 8461 §8.1). What every
// sender gets now is judged by group F, so that one cause has one finding.

#include <algorithm>

#include "checks/facts/bounds.h"
#include "checks/facts/policy.h"
#include "checks/facts/text.h"
#include "checks/judge/rules/rules.h"

namespace stswatch {

// Group J: a policy that vanishes or appears; opting out in order and too early (RFC 8461 §8.3).

namespace {

using namespace std::chrono_literals;

constexpr Seconds kVanished = 1h;  // RULES 3.2 J: "for over 1 h"

/// What a sender needs for a refresh and does not find any more, since when.
struct Missing {
  std::optional<TimePoint> record, policy;
  std::optional<TimePoint> since() const {
    return record && policy ? std::min(record, policy) : record ? record : policy;
  }
  std::string words() const {
    std::string out;
    if (record) out = "the record is gone since " + to_utc(*record);
    if (policy) text::add(out, ", ", "no policy served since " + to_utc(*policy));
    return out;
  }
};

Missing missing(const Case& c) {
  Missing out;
  const Past& past = *c.history.past;
  // A record in the wrong spelling is there: group A says what is wrong with it.
  if (!c.record.announced()) out.record = record_gone_since(past);
  if (c.policies.empty()) out.policy = policy_gone_since(past);
  return out;
}

void judge_vanished(const Case& c, const SeenPolicy& last, Findings& out) {
  const auto enforced = enforced_until(c.held);
  const Missing gone = missing(c);
  if (!enforced.any || !gone.since()) return;
  std::string detail = gone.words();
  if (enforced.at) detail += "; senders enforce the earlier policy until " + enforced.words();
  detail = printable(detail, bounds::kDetail);
  if (last.policy.mode == Mode::none) {
    out.raise("sts-removal-unsafe", c.facts.domain.str(), detail);
  } else if (c.now - *gone.since() > kVanished) {
    out.raise("sts-policy-disappeared", c.facts.domain.str(), detail);
  }
}

/// RFC 8461 §10.3: a long-lived policy of somebody else makes senders refuse the hosts of the domain.
void judge_stranger(const Case& c, const Past& past, Findings& out) {
  for (const SeenPolicy& p : past.policies) {
    const bool appeared = past.began && p.seen.first > *past.began && !p.seen.gone;
    if (!appeared || p.policy.mode == Mode::none || past.mx.empty()) continue;
    const bool known =
        std::ranges::any_of(past.mx, [&](const SeenHost& mx) { return matches_any(mx.host, p.policy.mx); });
    if (known) continue;
    const std::string until = to_utc(c.now + Seconds(static_cast<Seconds::rep>(p.policy.max_age)));
    out.raise("sts-policy-unexpected-appearance", c.facts.domain.str(),
              printable("since " + to_utc(p.seen.first) +
                            " a policy lists only hosts never seen here: " + listed(p.policy.mx),
                        bounds::kDetail),
              {{"until", until}});
  }
}

}  // namespace

std::vector<std::string> former_hosts(const Past& past, const std::vector<std::string>& patterns) {
  std::vector<std::string> out;
  for (const SeenHost& mx : past.mx)
    if (mx.seen.gone && matches_any(mx.host, patterns)) out.push_back(mx.host);
  return out;
}

bool retired(const Case& c) {
  const SeenPolicy* last = c.history.past ? last_served(*c.history.past) : nullptr;
  return last && last->policy.mode == Mode::none &&
         std::ranges::all_of(c.held, [](const Held& h) { return h.policy.mode == Mode::none; });
}

namespace {}  // namespace

bool id_stood_for_enforce(const Past& past) {
  const SeenId* id = shown_id(past);
  return id && std::ranges::any_of(past.policies, [&](const SeenPolicy& p) {
           return p.policy.mode == Mode::enforce && p.seen.gone.value_or(TimePoint::max()) > id->seen.first;
         });
}

bool removal_complete(const Case& c) {
  return retired(c) && !id_stood_for_enforce(*c.history.past) &&
         std::ranges::any_of(c.history.past->policies,
                             [](const SeenPolicy& p) { return p.policy.mode != Mode::none; });
}

void judge_removal(const Case& c, Findings& out) {
  const Past& past = *c.history.past;
  if (const SeenPolicy* last = last_served(past)) judge_vanished(c, *last, out);
  if (!c.in_effect.empty() && removal_complete(c))
    out.raise("sts-removal-complete", c.facts.domain.str(),
              "mode none, and every policy served before has ended everywhere");
  judge_stranger(c, past, out);
}

namespace {

using namespace std::chrono_literals;

constexpr Seconds kRetry = 1h;  // RULES 3.2 J: "closed after one TXT TTL + 1 h"

/// Since when a sender that holds this could meet an MX host it does not list, and learn better.
TimePoint excluded_since(const Past& past, const Held& h) {
  TimePoint since = TimePoint::min();
  if (const SeenId* id = shown_id(past)) since = id->seen.first;
  for (const SeenHost& mx : past.mx) {
    const bool unlisted = std::ranges::find(h.unlisted, mx.host) != h.unlisted.end();
    if (unlisted && !mx.seen.gone) since = std::max(since, mx.seen.first);
  }
  return since;
}

/// RULES 4.4: a refreshable pair costs a delay of "TTL(TXT) + retry interval", then it is gone.
bool settling(const Case& c, const Held& h) {
  const Seconds ttl{std::max(h.id.ttl, c.facts.sts.ttl)};
  return excluded_since(*c.history.past, h) >= c.now - ttl - kRetry;  // long ago may be the beginning of time
}

struct Excluding {
  std::vector<const Held*> all, some, refreshable;
};

Excluding excluding(const Case& c) {
  Excluding out;
  for (const Held& h : c.held) {
    if (h.policy.mode != Mode::enforce || h.unlisted.empty() || c.is_in_effect(h.policy)) continue;
    if (h.refreshable) {
      if (settling(c, h)) out.refreshable.push_back(&h);
    } else {
      (h.unlisted.size() == c.mx.size() ? out.all : out.some).push_back(&h);
    }
  }
  return out;
}

/// The one that lasts longest; the others are as good as it once it has ended.
const Held& longest(const std::vector<const Held*>& held) {
  return **std::ranges::max_element(held, {},
                                    [](const Held* h) { return h->until.value_or(TimePoint::max()); });
}

std::string told(const std::vector<const Held*>& held) {
  const Held& last = longest(held);
  std::string out = listed(last.unlisted) + " not in " + in_words(last);
  if (last.until) out += (last.refreshable ? ", refreshable, until " : ", held until ") + to_utc(*last.until);
  if (held.size() > 1) out += "; " + std::to_string(held.size()) + " such copies in all";
  return printable(out, bounds::kDetail);
}

}  // namespace

void judge_caches(const Case& c, Findings& out) {
  if (c.mx.empty()) return;
  const auto [all, some, refreshable] = excluding(c);
  const auto& held = !all.empty() ? all : !some.empty() ? some : refreshable;
  if (held.empty()) return;
  const std::string &domain = c.facts.domain.str(), until = words_of(latest_end(held));
  const Held& last = longest(held);
  const std::string_view code = all.empty() ? "cached-policy-excludes-mx" : "cached-policy-excludes-all-mx";
  Finding* finding = last.refreshable
                         ? out.raise_as(Severity::info, code, domain, told(held), {{"until", until}})
                         : out.raise(code, domain, told(held), {{"until", until}});
  if (!all.empty()) tell_senders(finding, std::array{oddity_of_id(c)});
  if (last.unlisted.size() != c.mx.size()) return;
  const auto former = former_hosts(*c.history.past, last.policy.mx);
  const auto say = [&](Situation situation) {
    say_for(situation, c.facts.domain, c.now, finding, {{"until", until}, {"value", listed(former)}});
  };
  if (last.refreshable) say(Situation::none_listed);
  if (!former.empty()) say(Situation::former_hosts);
  if (!all.empty() && std::ranges::all_of(all, [](const Held* h) { return h->shown_id && !h->present; }))
    say(Situation::same_id);
}

}  // namespace stswatch
