// Groups E and O, what only time shows: patterns that nothing uses, a testing phase that is too long or was
// too short.
#include <algorithm>

#include "checks/facts/bounds.h"
#include "checks/facts/mx_pattern.h"
#include "checks/facts/text.h"
#include "checks/judge/semantics_readiness.h"

namespace stswatch {
namespace {

using namespace std::chrono_literals;

constexpr Seconds kUnused = 30 * 24h, kLongTesting = 90 * 24h, kShortTesting = 7 * 24h;
constexpr Seconds kFreshEnforce = 30 * 24h;  // for so long the advice is of use

/// The phase that a mode has been in force without another between, gaps in the service included.
struct Phase {
  Mode mode = Mode::none;
  TimePoint began{}, ended{};
};

/// Oldest first. Copies that differ at one time are told by the time they appeared.
std::vector<Phase> phases(const Past& past, TimePoint now) {
  std::vector<const SeenPolicy*> all;
  for (const SeenPolicy& p : past.policies)
    all.push_back(&p);
  std::ranges::stable_sort(all, {}, [](const SeenPolicy* p) { return p->seen.first; });
  std::vector<Phase> out;
  for (const SeenPolicy* p : all) {
    if (out.empty() || out.back().mode != p->policy.mode) {
      if (!out.empty()) out.back().ended = std::min(out.back().ended, p->seen.first);
      out.push_back({p->policy.mode, p->seen.first, now});
    }
    out.back().ended = p->seen.gone.value_or(now);
  }
  return out;
}

bool lists(const Policy& policy, const std::string& pattern) {
  return std::ranges::find(policy.mx, pattern) != policy.mx.end();
}

/// It was in every policy of the last 30 days, and no host of that time needed it.
bool unused(const Past& past, const std::string& pattern, TimePoint now) {
  const auto recent = [&](const Span& seen) { return !seen.gone || now - *seen.gone < kUnused; };
  bool long_listed = false;
  for (const SeenPolicy& p : past.policies) {
    if (!recent(p.seen)) continue;
    if (!lists(p.policy, pattern)) return false;
    long_listed = long_listed || now - p.seen.first > kUnused;
  }
  const auto needs = [&](const SeenHost& mx) { return recent(mx.seen) && matches(mx.host, pattern); };
  return long_listed && std::ranges::none_of(past.mx, needs);
}

void judge_patterns(const Case& c, const Past& past, Findings& out) {
  if (!c.shown() || c.mx.empty() || c.shown()->mode == Mode::none) return;
  std::string detail;
  for (const std::string& pattern : c.shown()->mx)
    if (unused(past, pattern, c.now)) detail += (detail.empty() ? "mx: " : ", ") + text::quoted(pattern, 100);
  if (detail.empty()) return;
  out.raise("sts-mx-pattern-unused", c.facts.domain.str(),
            printable(detail + " matched no MX host for 30 days", bounds::kDetail));
}

void judge_phases(const Case& c, const Past& past, Findings& out) {
  const auto all = phases(past, c.now);
  if (all.empty() || c.in_effect.empty()) return;
  const Phase& now = all.back();
  const std::string& domain = c.facts.domain.str();
  if (now.mode == Mode::testing && c.now - now.began > kLongTesting && readiness_of(c).open.empty())
    out.raise("sts-testing-too-long", domain, "mode: testing since " + to_utc(now.began));
  if (now.mode != Mode::enforce || c.now - now.began > kFreshEnforce) return;
  // What the first look finds may have been there for years: it is the baseline.
  const auto is_baseline = [&](const Phase& p) { return !past.began || p.began <= *past.began; };
  if (is_baseline(now)) return;
  if (all.size() == 1 || (all.end() - 2)->mode != Mode::testing) {
    out.raise("enforce-without-testing", domain, "mode: enforce since " + to_utc(now.began) + ", no testing");
    return;
  }
  const Phase& testing = *(all.end() - 2);
  if (!is_baseline(testing) && now.began - testing.began < kShortTesting)
    out.raise("enforce-without-testing", domain,
              "mode: testing lasted from " + to_utc(testing.began) + " to " + to_utc(now.began));
}

}  // namespace

void judge_with_time(const Case& c, Findings& out) {
  if (!c.history.past || !c.announced) return;
  judge_patterns(c, *c.history.past, out);
  judge_phases(c, *c.history.past, out);
}

}  // namespace stswatch
