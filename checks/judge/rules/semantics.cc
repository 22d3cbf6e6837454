// Group E: what a well-formed policy says; and the mode the operator expects.

#include <algorithm>
#include <set>

#include "checks/facts/bounds.h"
#include "checks/facts/policy.h"
#include "checks/facts/text.h"
#include "checks/judge/catalogue/finding.h"
#include "checks/judge/classify.h"
#include "checks/judge/rules/rules.h"

namespace stswatch {

// Groups E and O, what only time shows: patterns that nothing uses, a testing phase that is too long or was
// too short.

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
  if (now.mode == Mode::testing && c.now - now.began > kLongTesting) {
    Finding* finding = out.raise("sts-testing-too-long", domain, "mode: testing since " + to_utc(now.began));
    if (readiness_of(c).open.empty()) say_for(Situation::gates_pass, c.facts.domain, c.now, finding);
  }
  if (now.mode != Mode::enforce || c.now - now.began > kFreshEnforce) return;
  // What the first look finds may have been there for years: it is the baseline.
  const auto is_baseline = [&](const Phase& p) { return !past.began || p.began <= *past.began; };
  if (is_baseline(now)) return;
  // Who enforced for long before, and went back for a while, has had the time in testing.
  const auto proved_itself = [&](const Phase& p) {
    return p.mode == Mode::enforce && p.began != now.began && now.began - p.ended < kFreshEnforce &&
           (is_baseline(p) || p.ended - p.began > kFreshEnforce);
  };
  if (std::ranges::any_of(all, proved_itself)) return;
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

namespace {

constexpr std::uint64_t kHourOfAge = 3600, kDayOfAge = 86400, kWeek = 604800, kMonth = 2592000;

// --- max_age

bool mx_changed_within(const Case& c, Seconds span) {
  return c.history.past && std::ranges::any_of(c.history.past->changes, [&](const Change& change) {
           return is_of_mx_set(change.code) && c.now - change.at <= span;
         });
}

/// " at ADDRESS, ADDRESS", where other addresses serve another policy.
std::string where_served(const Case& c, const Policy& policy) {
  if (c.policies.size() < 2) return {};
  std::string out;
  for (const PolicyCopy& copy : c.copies) {
    const Policy* read = copy.reading ? copy.reading->applied() : nullptr;
    if (read && same_policy(*read, policy)) text::add(out, ", ", copy.fetch->address.str());
  }
  return " at " + out;
}

void judge_max_age(const Case& c, const Policy& policy, Findings& out) {
  // RFC 8461 §8.3: an opt-out asks for a small max_age. 0 is a matter of the text (group D).
  if (policy.mode == Mode::none || policy.max_age == 0) return;
  const std::string& domain = c.facts.domain.str();
  const std::string detail = "max_age: " + std::to_string(policy.max_age) + where_served(c, policy);
  // A day is what some providers prescribe, and whoever refreshes daily stays protected: a remark.
  if (policy.max_age < kWeek)
    out.raise_as(policy.max_age < kDayOfAge ? Severity::warning : Severity::info, "sts-max-age-short", domain,
                 detail);
  // What it costs is said above; this tells what one sender makes of it.
  if (policy.max_age < kHourOfAge) out.raise_as(Severity::info, "sts-max-age-under-hour", domain, detail);
  const bool moving = mx_changed_within(c, Seconds(kMonth));
  if (policy.max_age > kMonth && (policy.mode == Mode::testing || moving)) {
    const std::string until = to_utc(c.now + Seconds(policy.max_age));
    out.raise("sts-max-age-long", domain,
              detail + (moving ? " while the MX hosts change" : " in testing") +
                  ": today's policy may bind until " + until,
              {{"until", until}});
  }
}

// --- mx patterns

/// RFC 8461 §10.4: a wildcard admits every host with a certificate under the suffix.
void judge_wildcards(const Case& c, const Policy& policy, Findings& out) {
  std::string detail;
  for (const std::string& pattern : policy.mx) {
    if (!pattern.starts_with("*.")) continue;
    const std::string suffix = pattern.substr(2);
    const bool whole = suffix == c.facts.domain.str();
    if (!whole && !is_public_suffix(suffix)) continue;
    text::add(
        detail, "; ",
        ("mx: " + text::quoted(pattern, 100)) + (whole ? " covers every host directly below the domain"
                                                       : ": anybody can have a name under this suffix"));
  }
  if (!detail.empty())
    out.raise("sts-wildcard-broad", c.facts.domain.str(), printable(detail, bounds::kDetail));
}

/// RULES 3.2 E: "while an enforce policy is still cached anywhere"; one look cannot rule that out.
void judge_none(const Case& c, const Policy& policy, Findings& out) {
  if (policy.mode != Mode::none || !policy.mx.empty()) return;
  if (!c.history.past || enforced_until(c.held).any)
    out.raise("sts-none-without-mx", c.facts.domain.str(), "mode: none, and no mx line");
}

void judge_policy(const Case& c, const Policy& policy, Findings& out) {
  judge_max_age(c, policy, out);
  judge_wildcards(c, policy, out);
  judge_none(c, policy, out);
}

// --- What is published around it

std::set<std::string> owners(const std::vector<CnameLink>& chain) {
  std::set<std::string> out;
  for (const CnameLink& link : chain)
    if (const auto owner = registrable_domain(link.target)) out.insert(*owner);
  return out;
}

/// RFC 8461 §8.2: both names are delegated together. Judged only where both are aliases, and the policy
/// host's leads to others: an address tells nothing of who runs it.
void judge_delegation(const Case& c, Findings& out) {
  auto record = owners(c.facts.sts.cname);
  if (const auto own = registrable_domain(c.facts.domain.str())) record.erase(*own);
  // Cloudflare's Email Routing has a record of its own to point at, and leaves the file to the domain.
  if (record.empty() || c.facts.sts.cname.back().target == "_mta-sts.mx.cloudflare.net") return;
  const HostAddresses& host = c.facts.policy_host;
  if (host.lookup() == Lookup::unknown || host.cname().empty()) return;
  for (const std::string& owner : owners(host.cname()))
    if (record.contains(owner)) return;
  out.raise("sts-delegation-incomplete", c.facts.domain.str(),
            printable(c.facts.domain.sts_record_name() + " is a CNAME to " + c.facts.sts.cname.back().target +
                          ", " + c.facts.domain.policy_host() + " leads elsewhere",
                      bounds::kDetail));
}

bool in_effect(const Case& c, Mode mode) {
  return std::ranges::any_of(c.in_effect, [&](const Policy& p) { return p.mode == mode; });
}

void judge_published(const Case& c, Findings& out) {
  const std::string& domain = c.facts.domain.str();
  if (in_effect(c, Mode::none) && !removal_complete(c)) {
    const auto enforced = enforced_until(c.held);
    Finding* finding =
        out.raise("sts-mode-none-published", domain,
                  enforced.at ? "mode: none; senders may hold an enforce policy until " + enforced.words()
                              : "mode: none");
    if (c.history.past && id_stood_for_enforce(*c.history.past))
      say_for(Situation::same_id, c.facts.domain, c.now, finding, {{"until", enforced.words()}});
  }
  // RFC 8461 §6: without TLSRPT nobody is told what testing would have refused.
  if (in_effect(c, Mode::testing) && c.facts.tlsrpt.lookup != Lookup::unknown && !c.tlsrpt.usable())
    out.raise("sts-testing-without-tlsrpt", domain, "mode: testing, and no valid TLSRPT record");
  // RFC 7505: a null MX says that the domain takes no mail.
  if (c.null_mx) out.raise("sts-tld-or-nonmail-domain", domain, "null MX, and MTA-STS is published");
  judge_delegation(c, out);
}

// --- What the operator expects

/// The weakest mode that some sender without a cache applies now: -1 without any; nullopt: unknown.
std::optional<int> weakest_now(const Case& c) {
  if (c.facts.sts.lookup == Lookup::unknown) return std::nullopt;
  if (!c.record.usable()) return -1;
  if (!c.in_effect.empty()) return static_cast<int>(std::ranges::min(c.in_effect, {}, &Policy::mode).mode);
  if (c.facts.policy_host.lookup() == Lookup::absent) return -1;
  // CONTRACT 2, status: unknown while "no address gave a proven result".
  const bool proven =
      std::ranges::any_of(c.copies, [](const PolicyCopy& copy) { return copy.outcome != Outcome::unknown; });
  return proven ? std::optional(-1) : std::nullopt;
}

std::string mode_name(int mode) {
  return mode < 0 ? "no policy" : "mode " + std::string(to_string(static_cast<Mode>(mode)));
}

void judge_expectation(const Case& c, Findings& out) {
  using enum Limits::Expect;
  const Limits::Expect expect = c.limits.expect;
  const std::string& domain = c.facts.domain.str();
  if (expect == nothing) return;
  if (expect == absent) {
    // RULES J: "TXT or policy appears on a domain configured as not deployed"
    if (c.announced || !c.policies.empty())
      out.raise("sts-policy-unexpected-appearance", domain,
                std::string(c.announced ? "a record" : "a policy") + " is published, expected: absent");
    return;
  }
  const Mode wanted = expect == enforce ? Mode::enforce : expect == testing ? Mode::testing : Mode::none;
  const auto now = weakest_now(c);
  if (!now || *now >= static_cast<int>(wanted)) return;
  // CONTRACT 2: "critical when enforce was expected, else warning"
  out.raise_as(expect == enforce ? Severity::critical : Severity::warning, "sts-mode-unexpected", domain,
               mode_name(*now) + " is in effect, expected: " + std::string(to_string(wanted)));
}

}  // namespace

void judge_semantics(const Case& c, Findings& out) {
  judge_expectation(c, out);
  // RULES 3.2 A: what no record announces is not looked at closely.
  if (!c.announced) return;
  for (const Policy& policy : c.policies)
    judge_policy(c, policy, out);
  judge_published(c, out);
  judge_readiness(c, out);
}

}  // namespace stswatch
