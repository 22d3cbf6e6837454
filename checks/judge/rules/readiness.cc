#include <algorithm>
#include <set>

#include "checks/facts/bounds.h"
#include "checks/facts/policy.h"
#include "checks/facts/text.h"
#include "checks/judge/case.h"
#include "checks/judge/classify.h"
#include "checks/judge/rules/readings.h"
#include "checks/judge/rules/rules.h"
#include "checks/judge/senders/plan.h"

namespace stswatch {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kRetreat = 3600;  // gate 8: "so that a retreat works within the hour"
constexpr Seconds kReported = 7 * 24h;
constexpr Seconds kIdAge = 48h;            // gate 1
constexpr Seconds kLongLife = 30 * 24h;    // gate 4: "or has over 30 days left"
constexpr std::size_t kGatesListed = 600;  // characters: "the detail lists each gate with its date"

bool past_renewal(const Case& c, const TlsFacts& tls) {
  if (!tls.peer) return false;
  const Certificate& first = tls.peer->first_to_expire();
  const ExpiryLimits limits{.warn = c.limits.warn_before, .crit = c.limits.crit_before};
  return judge_life(first.not_before, first.not_after, c.now, limits) != Life::healthy;
}

bool departs(const PolicyDeparture& d) {
  return d.fault != PolicyFault::unknown_field;
}  // that one is allowed

// Gate 2: "Policy fetched successfully ..., from every address, p95 under 2 s, strict parser clean."
void policy_gates(const Case& c, std::vector<ClosedGate>& out) {
  if (c.facts.policy_host.lookup() == Lookup::absent) out.push_back({2, "the policy host has no address"});
  for (const PolicyCopy& copy : c.copies) {
    const std::string at = copy.fetch->address.str();
    if (copy.outcome == Outcome::unknown) continue;
    if (copy.outcome != Outcome::ok) {
      out.push_back({2, "no valid policy from " + at});
    } else if (std::ranges::any_of(copy.reading->departures, departs)) {
      out.push_back({2, "the policy text departs from the strict form"});
    }
    if (past_renewal(c, copy.fetch->tls))
      out.push_back({4, "the certificate at " + at + " is due for renewal"});
  }
}

/// Without a memory one fetch has to stand for the p95 of all.
void slow_gates(const Case& c, std::vector<ClosedGate>& out) {
  for (const PolicyCopy& copy : c.copies)
    if (copy.outcome == Outcome::ok && copy.fetch->duration > kSlowFetch)
      out.push_back({2, copy.fetch->address.str() + " is slow"});
}

// Gates 3 and 4: "Every MX host (not only the best preference) matches the policy, and every reachable
// address of each passes".
void mx_gates(const Case& c, std::vector<ClosedGate>& out) {
  for (const MxCase& mx : c.mx) {
    if (mx.host == "." && c.mx.size() > 1) continue;  // RFC 7505 §3: no host
    if (c.shown() && !matches_any(mx.host, c.shown()->mx))
      out.push_back({3, mx.host + " is not in the policy"});
    const auto failed = [](const MxAddressCase& a) { return a.outcome == HostOutcome::failed; };
    if (std::ranges::any_of(mx.addresses, failed) || mx.usable == false)
      out.push_back({3, mx.host + " fails"});
    // RFC 8461 §2: whoever does DANE goes by it, whatever a policy says.
    if (std::ranges::find(mx.addresses, Dane::mismatched, &MxAddressCase::dane) != mx.addresses.end())
      out.push_back({6, mx.host + " fails DANE"});
    const auto due = [&](const MxAddressCase& a) { return a.probe && past_renewal(c, a.probe->tls); };
    if (std::ranges::any_of(mx.addresses, due))
      out.push_back({4, "the certificate of " + mx.host + " is due for renewal"});
  }
}

// --- What only a memory knows

bool renewed(const std::vector<SeenCertificate>& seen) { return seen.size() > 1; }

bool lasts(const Case& c, const TlsFacts& tls) {
  return !tls.peer || tls.peer->chain_not_after() - c.now > kLongLife;
}

/// Gate 4: "each has been seen to renew at least once, or has over 30 days left".
void renewal_gates(const Case& c, std::vector<ClosedGate>& out) {
  const auto fetch_lasts = [&](const PolicyCopy& copy) { return lasts(c, copy.fetch->tls); };
  if (!renewed(c.history.past->policy_host_certificates) && !std::ranges::all_of(c.copies, fetch_lasts))
    out.push_back({4, "the certificate of " + c.facts.domain.policy_host() + " was not yet seen to renew"});
  for (const MxCase& mx : c.mx) {
    const auto past = c.history.hosts.find(mx.host);
    const bool seen = past != c.history.hosts.end() && past->second && renewed(past->second->certificates);
    const auto probe_lasts = [&](const MxAddressCase& a) { return !a.probe || lasts(c, a.probe->tls); };
    if (!seen && !std::ranges::all_of(mx.addresses, probe_lasts))
      out.push_back({4, "the certificate of " + mx.host + " was not yet seen to renew"});
  }
}

/// Gate 2: "in at least 99 % of runs, ..., p95 under 2 s".
void fetch_gates(const Past& past, std::vector<ClosedGate>& out) {
  std::uint64_t runs = 0, good = 0;
  for (const FetchDay& day : past.fetch_days) {
    runs += day.runs;
    good += day.good;
  }
  if (good * 100 < runs * 99)
    out.push_back({2, std::to_string(good) + " of " + std::to_string(runs) +
                          " fetches in 14 days were good, 99 % are wanted"});
  if (const auto usual = usual_fetch(past); usual && usual->time > kSlowFetch)
    out.push_back({2, usual->in_words()});
}

std::optional<TimePoint> mx_unchanged_since(const Past& past) {
  std::optional<TimePoint> since = past.began;
  for (const SeenHost& mx : past.mx)
    since = std::max(since, std::optional(mx.seen.gone.value_or(mx.seen.first)));
  return since;
}

/// Gate 5: "reports from at least two reporters in the last 7 days covering at least 100 sessions, `sts`
/// sessions failing under 0.1 %".
void report_gates(const Case& c, std::vector<ClosedGate>& out) {
  constexpr std::size_t kReporters = 2;
  // "A small domain may waive the session count by configuration; say so in the detail".
  if (c.limits.readiness_sessions <= 0) return;
  const std::string wanted = std::to_string(c.limits.readiness_sessions) +
                             " sessions are wanted (readiness_sessions = 0 waives this)";
  if (c.history.reports == nullptr || c.history.reports->empty())
    return out.push_back({5, "no TLS reports seen here, " + wanted});
  std::set<std::string> reporters;
  double sessions = 0, failed = 0;  // counts are what strangers say: they may be as large as they like
  for (const ReportedSessions& r : c.history.reports->sessions) {
    if (r.start + kReported < c.now || r.start > c.now || r.policy_type != "sts") continue;
    reporters.insert(r.organization);
    sessions += static_cast<double>(r.successful) + static_cast<double>(r.failed);
    failed += static_cast<double>(r.failed);
  }
  const auto count = [](double n) { return std::to_string(static_cast<std::uint64_t>(std::min(n, 1e18))); };
  if (sessions < c.limits.readiness_sessions)
    out.push_back({5, count(sessions) + " sessions were reported in 7 days, " + wanted});
  else if (reporters.size() < kReporters)
    out.push_back({5, "one reporter alone, two are wanted"});
  if (failed * 1000 >= sessions && failed > 0)
    out.push_back(
        {5, count(failed) + " of " + count(sessions) + " reported sessions failed, under 0.1 % is wanted"});
}

void time_gates(const Case& c, std::vector<ClosedGate>& out) {
  const Past& past = *c.history.past;
  const SeenId* id = shown_id(past);
  if (id && c.now - id->seen.first < kIdAge)
    out.push_back({1, "the id is new since " + to_utc(id->seen.first) + ", 48 h are wanted"});
  fetch_gates(past, out);
  renewal_gates(c, out);
  const auto since = mx_unchanged_since(past);
  if (since && c.now - *since < kReadinessHeld)
    out.push_back({7, "the MX set is as it is since " + to_utc(*since) + ", 14 days are wanted"});
  report_gates(c, out);
}

}  // namespace

std::vector<ClosedGate> closed_gates(const Case& c) {
  std::vector<ClosedGate> out;
  if (c.facts.sts.lookup != Lookup::unknown && !c.record.usable()) out.push_back({1, "no valid TXT record"});
  policy_gates(c, out);
  mx_gates(c, out);
  if (c.facts.tlsrpt.lookup != Lookup::unknown && c.tlsrpt.deliverable.empty())
    out.push_back({5, "no TLSRPT record that reports can go to"});
  if (c.facts.sts.lookup == Lookup::found && c.facts.sts.ttl > kRetreat)
    out.push_back({8, "TTL " + std::to_string(c.facts.sts.ttl) + " s"});
  // Addresses and hosts may share a sentence.
  std::vector<ClosedGate> distinct;
  for (ClosedGate& gate : out)
    if (std::ranges::find(distinct, gate) == distinct.end()) distinct.push_back(std::move(gate));
  return distinct;
}

std::optional<bool> gate_holds(const Case& c, int gate, const std::vector<ClosedGate>& closed) {
  if (std::ranges::find(closed, gate, &ClosedGate::number) != closed.end()) return false;
  const auto known = [](Lookup lookup) { return lookup != Lookup::unknown; };
  const bool copies = !c.copies.empty() && std::ranges::none_of(c.copies, [](const PolicyCopy& copy) {
    return copy.outcome == Outcome::unknown;
  });
  const bool hosts =
      !c.mx.empty() && std::ranges::all_of(c.mx, [](const MxCase& mx) { return mx.usable.has_value(); });
  const auto held_against = [](const MxCase& mx) {
    return !mx.dane ||
           std::ranges::find(mx.addresses, Dane::unknown, &MxAddressCase::dane) == mx.addresses.end();
  };
  bool seen = true;
  if (gate == 6) seen = std::ranges::all_of(c.mx, held_against);
  if (gate == 1) seen = known(c.facts.sts.lookup);
  if (gate == 2) seen = copies;
  if (gate == 3 || gate == 7) seen = known(c.facts.mx.lookup) && hosts;
  if (gate == 4) seen = copies && hosts;
  if (gate == 5) seen = known(c.facts.tlsrpt.lookup);
  if (gate == 8) seen = c.facts.sts.lookup == Lookup::found;
  return seen ? std::optional(true) : std::nullopt;
}

Readiness readiness_of(const Case& c) {
  Readiness out;
  const Past& past = *c.history.past;
  auto closed = closed_gates(c);
  const bool clean = closed.empty();
  time_gates(c, closed);
  std::size_t streaks = 0;
  for (int gate = 1; gate <= kReadinessGates; ++gate) {
    const auto before = out.open.size();
    std::ranges::copy_if(closed, std::back_inserter(out.open),
                         [gate](const ClosedGate& one) { return one.number == gate; });
    const auto since = past.gates.find(std::to_string(gate));
    if (since != past.gates.end()) {
      ++streaks;
      out.clean_since = std::max(out.clean_since.value_or(since->second), since->second);
    }
    if (out.open.size() > before) continue;
    if (since == past.gates.end()) {
      out.open.push_back({gate, "not yet seen to hold"});
    } else if (c.now - since->second < kReadinessHeld) {
      out.open.push_back({gate, "holds since " + to_utc(since->second) + ", 14 days on " +
                                    to_date(since->second + kReadinessHeld)});
    } else {
      out.held.push_back(std::to_string(gate) + " since " + to_date(since->second));
    }
  }
  if (!clean || streaks < kReadinessGates) out.clean_since.reset();
  return out;
}

namespace {

std::string told(const Case& c, const Readiness& readiness) {
  std::string out;
  for (const ClosedGate& gate : readiness.open)
    out += (out.empty() ? "gate " : "; gate ") + gate.str();
  if (!readiness.held.empty())
    out += (out.empty() ? "gates held: " : "; held: ") + text::joined(readiness.held);
  if (c.limits.readiness_sessions == 0) out += "; the reports of 5 are waived";
  return printable(out, kGatesListed);
}

}  // namespace

void judge_readiness(const Case& c, Findings& out) {
  const Policy* policy = c.shown();
  if (!policy || policy->mode != Mode::testing || c.null_mx) return;
  const std::string& domain = c.facts.domain.str();
  if (c.history.past) {
    const Readiness readiness = readiness_of(c);
    out.raise(readiness.open.empty() ? "enforce-ready" : "enforce-not-ready", domain, told(c, readiness));
    return;
  }
  // RULES 3.3: "when all of these have held for 14 days", which one look never shows.
  std::string detail = "not yet observed for 14 days";
  auto closed = closed_gates(c);
  slow_gates(c, closed);
  for (const ClosedGate& gate : closed)
    detail += "; gate " + gate.str();
  out.raise("enforce-not-ready", domain, printable(detail, bounds::kDetail));
}

// A plan that is followed: what may be done now, and what was done before its time.

namespace {

constexpr Seconds kOverdue{86400};
constexpr std::size_t kOpenListed = 600;  // characters, with what speaks against the step
constexpr Seconds kToldDone{7 * 86400};
constexpr std::string_view kDue = "plan-step-due";

std::string name_of(const FollowedPlan& f, const PlanStep& step) {
  return "step " + std::to_string(step.n) + " of " + std::to_string(f.plan.steps.size());
}

void judge_next(const Verdict& verdict, const FollowedPlan& f, Findings& out) {
  const auto next = next_step(f);
  if (!next || !next->safe_from || verdict.checked_at < *next->safe_from) return;
  TimePoint since = *next->safe_from;
  std::string open;  // whoever enforces before the gates hold takes a risk, and is not urged to
  if (turns_on_enforce(f, *next->step)) {
    for (const std::string& gate : verdict.readiness_open)
      open += (open.empty() ? "; not ready for enforce yet: gate " : "; gate ") + gate;
    if (verdict.testing_clean_since) since = std::max(since, *verdict.testing_clean_since + kReadinessHeld);
  }
  const bool overdue = open.empty() && verdict.checked_at - since >= kOverdue;
  const auto detail = printable(name_of(f, *next->step) + ", its waits are over since " +
                                    to_utc(*next->safe_from) + ": " + next->step->text + open,
                                open.empty() ? bounds::kDetail : kOpenListed);
  out.raise(overdue ? "plan-step-overdue" : kDue, verdict.domain.str(), detail);
}

void judge_early(const Domain& domain, const FollowedPlan& f, TimePoint now, Findings& out) {
  for (const auto& early : early_steps(f, now)) {
    std::string detail = name_of(f, *early.step) + " was seen done at " + to_utc(early.seen);
    if (early.missing)
      detail += ", and step " + std::to_string(early.missing->n) +
                ", of which it waits, has not been seen done: " + early.missing->text;
    else
      detail += ": it would have been safe from " + to_utc(*early.safe_from) + " on";
    out.raise(early.missing ? "plan-step-out-of-order" : "plan-step-early", domain.str(),
              printable(detail, bounds::kDetail),
              {{"until", early.safe_from ? to_utc(*early.safe_from) : std::string()}});
    if (!early.missing) return;  // the first is the one to act on; the rest follows from it
  }
}

void judge_done(const Domain& domain, const FollowedPlan& f, TimePoint now, Findings& out) {
  if (!f.complete()) return;
  TimePoint last = f.since;
  for (const auto& done : f.done)
    last = std::max(last, done->seen);
  if (now - last > kToldDone) return;
  out.raise("plan-complete", domain.str(), "the last step was seen done at " + to_utc(last));
}

}  // namespace

std::vector<Finding> judge_plan(const Verdict& verdict, const FollowedPlan& plan) {
  const TimePoint now = verdict.checked_at;
  Findings out(verdict.domain, verdict.live_mode, now);
  judge_next(verdict, plan, out);
  judge_early(verdict.domain, plan, now, out);
  judge_done(verdict.domain, plan, now, out);
  return out.all();
}

std::optional<TimePoint> happened_at(const Finding& finding, const FollowedPlan& plan) {
  if (finding.code != kDue) return std::nullopt;
  const auto next = next_step(plan);
  return next ? next->safe_from : std::nullopt;
}

PlanSight sight_of_plan(const Case& c) {
  PlanSight out;
  out.at = c.now;
  if (c.record.usable()) out.id = c.record.id;
  out.record_absent = c.facts.sts.lookup == Lookup::absent;
  out.policies = c.policies;
  out.every_copy = !c.copies.empty() && std::ranges::all_of(c.copies, [](const PolicyCopy& p) {
    return p.outcome == Outcome::ok;
  });
  const bool none_there = !c.copies.empty() && std::ranges::all_of(c.copies, [](const PolicyCopy& p) {
    return p.outcome == Outcome::absent;
  });
  out.policy_absent = none_there || c.facts.policy_host.lookup() == Lookup::absent;
  if (c.facts.mx.lookup != Lookup::unknown) {
    out.mx.emplace();
    for (const MxCase& mx : c.mx)
      out.mx->insert(mx.host);
  }
  for (const MxCase& mx : c.mx)
    if (mx.usable) out.usable[mx.host] = *mx.usable;
  return out;
}

}  // namespace stswatch
