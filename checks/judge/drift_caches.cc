// Group J: the MX hosts of today against what senders still hold from yesterday (RFC 8461 §8.1). What every
// sender gets now is judged by group F, so that one cause has one finding.
#include <algorithm>

#include "checks/facts/bounds.h"
#include "checks/judge/drift.h"

namespace stswatch {
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

std::string told(const std::vector<const Held*>& held, bool refreshable) {
  // The one that lasts longest; the others are as good as it once it has ended.
  const Held& longest =
      **std::ranges::max_element(held, {}, [](const Held* h) { return h->until.value_or(TimePoint::max()); });
  std::string out = listed(longest.unlisted) + " not in " + in_words(longest);
  if (longest.until)
    out += (refreshable ? ", refreshable, until " : ", held until ") + to_utc(*longest.until);
  if (held.size() > 1) out += "; " + std::to_string(held.size()) + " such copies in all";
  return printable(out, bounds::kDetail);
}

}  // namespace

void judge_caches(const Case& c, Findings& out) {
  if (c.mx.empty()) return;
  const std::string& domain = c.facts.domain.str();
  const auto [all, some, refreshable] = excluding(c);
  if (!all.empty()) {
    out.raise("cached-policy-excludes-all-mx", domain, told(all, false),
              {{"until", words_of(latest_end(all))}});
  } else if (!some.empty()) {
    out.raise("cached-policy-excludes-mx", domain, told(some, false),
              {{"until", words_of(latest_end(some))}});
  } else if (!refreshable.empty()) {
    out.raise_as(Severity::info, "cached-policy-excludes-mx", domain, told(refreshable, true),
                 {{"until", words_of(latest_end(refreshable))}});
  }
}

}  // namespace stswatch
