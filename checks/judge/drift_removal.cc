// Group J: a policy that vanishes or appears; opting out in order and too early (RFC 8461 §8.3).
#include <algorithm>

#include "checks/facts/bounds.h"
#include "checks/facts/mx_pattern.h"
#include "checks/judge/drift.h"

namespace stswatch {
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
    if (policy) out += (out.empty() ? "" : ", ") + ("no policy served since " + to_utc(*policy));
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

bool retired(const Case& c) {
  const SeenPolicy* last = c.history.past ? last_served(*c.history.past) : nullptr;
  return last && last->policy.mode == Mode::none &&
         std::ranges::all_of(c.held, [](const Held& h) { return h.policy.mode == Mode::none; });
}

bool removal_complete(const Case& c) {
  return retired(c) && std::ranges::any_of(c.history.past->policies,
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

}  // namespace stswatch
