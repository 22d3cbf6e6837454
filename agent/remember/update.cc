#include "agent/remember/update.h"

#include <algorithm>

#include "agent/remember/past.h"
#include "checks/facts/bounds.h"
#include "checks/facts/text.h"
#include "checks/judge/case.h"
#include "checks/judge/senders/plan.h"
#include "checks/judge/verdict.h"

namespace stswatch {
namespace {

/// What one look saw with its own eyes, so that its good news counts.
struct SeenAnew {
  bool record = false, policy = false, mx = false, tlsrpt = false, reports = false;
  std::set<std::string> hosts{};   // MX hosts all of whose addresses were seen
  std::set<std::string> in_use{};  // the MX hosts the domain has
};

std::string host_of(const Finding& finding) { return finding.subject.substr(0, finding.subject.find(' ')); }

/// Only a look at an MX host shows it, or that the domain no longer uses the host.
bool shown_at_host(const Finding& finding) {
  const CatalogueEntry* entry = find_in_catalogue(finding.code);
  return entry && entry->rests_on.is_shown_at_host();
}

/// Whether the look saw what the finding rests on. A code that the catalogue no longer has goes with any
/// look.
bool rests_on(const Finding& finding, const SeenAnew& seen) {
  const CatalogueEntry* entry = find_in_catalogue(finding.code);
  return !entry || entry->rests_on.is_seen([&](Ground ground) {
    switch (ground) {
      case Ground::sts_record:
        return seen.record;
      case Ground::policy:
        return seen.policy;
      case Ground::mx_set:
        return seen.mx;
      case Ground::subject_host: {
        const std::string host = host_of(finding);
        return seen.hosts.contains(host) || (seen.mx && !seen.in_use.contains(host));
      }
      case Ground::any_host:
        return !seen.hosts.empty();
      case Ground::tlsrpt_record:
        return seen.tlsrpt;
      case Ground::reports:
        return seen.reports;
      case Ground::agent:
        return true;
    }
    return false;
  });
}

bool is_known(const AnswerFacts& answer) { return answer.lookup != Lookup::unknown; }

std::set<std::string> hosts_of(const DomainObservation& facts) {
  std::set<std::string> out;
  for (const auto& mx : facts.mx.records)
    out.insert(mx.host);
  if (out.empty()) out.insert(facts.domain.str());
  return out;
}

/// The findings of the confirmed facts; of our own view only what the newest look itself could not see.
std::vector<Finding> found_in(const std::vector<Finding>& confirmed, const Verdict& newest) {
  std::vector<Finding> out;
  for (const auto& f : confirmed)
    if (!f.of_the_agent) out.push_back(f);
  for (const auto& f : newest.findings)
    if (f.of_the_agent) out.push_back(f);
  return out;
}

/// It has had its first good look.
bool closing(const Incident& i) { return i.open() && i.good_looks > 0 && !flapping(i, i.last_bad); }

bool closes_soon(const DomainMemory& record) {
  return std::ranges::any_of(record.incidents,
                             [](const Incident& i) { return closing(i) && !shown_at_host(i.finding); });
}

std::map<Part, LookTimes> times_after(const DomainMemory* before, const DomainObservation& seen, bool fetched,
                                      bool policy_seen) {
  std::map<Part, LookTimes> times;
  if (before != nullptr) times = before->times;
  const auto note = [&](Part part, bool success) { note_look(times[part], seen.at, success); };
  const auto conclusive = [](const AnswerFacts& answer) {
    return is_known(answer) || !answer.proven_error().empty();
  };
  note(Part::sts_record, conclusive(seen.sts));
  note(Part::tlsrpt_record, is_known(seen.tlsrpt));
  note(Part::mx, conclusive(seen.mx));
  if (fetched) note(Part::policy, policy_seen);
  return times;
}

std::optional<TimePoint> last_fetch(const DomainMemory* before) {
  if (before == nullptr) return std::nullopt;
  const auto times = before->times.find(Part::policy);
  return times == before->times.end() ? std::nullopt : times->second.last_look;
}

bool stale(const LookTimes& times, Seconds after, TimePoint now) {
  return after > Seconds{0} && times.last_success && now - *times.last_success > after;
}

/// What no look has seen yet is said after one interval: `after` is three of them.
bool never_seen(const LookTimes& times, Seconds after, TimePoint now) {
  return after > Seconds{0} && !times.last_success && times.first_look && now - *times.first_look > after / 3;
}

/// "not seen since …", "never seen, looked for since …"; empty for what is fresh.
std::string age_in_words(const LookTimes& times, Seconds after, TimePoint now) {
  if (stale(times, after, now)) return "not seen since " + to_utc(*times.last_success);
  if (never_seen(times, after, now)) return "never seen, looked for since " + to_utc(*times.first_look);
  return {};
}

/// Our own view of the domain over time (group Q).
std::vector<Finding> of_our_view(const DomainMemory& record, const JudgeInputs& around, TimePoint now) {
  const Domain& domain = record.known->domain;
  Findings out(domain, record.verdict.live_mode, now);
  std::string old, unsteady;
  for (const auto& [part, times] : record.times) {
    const auto after = around.stale_after.find(part);
    const auto words =
        after == around.stale_after.end() ? std::string() : age_in_words(times, after->second, now);
    if (!words.empty()) text::add(old, "; ", std::string(to_string(part)) + ' ' + words);
  }
  if (!old.empty()) out.raise("check-stale", domain.str(), old);
  for (const auto& host : hosts_of(*record.known)) {
    const auto times = around.host_times.find(host);
    if (times == around.host_times.end()) continue;
    const auto words = age_in_words(times->second, around.host_stale_after, now);
    if (!words.empty()) out.raise("check-stale", host, words);
  }
  for (const auto& i : record.incidents)
    if (!i.finding.of_the_agent && flapping(i, now))
      text::add(unsteady, ", ", i.finding.code + ' ' + i.finding.subject);
  if (!unsteady.empty()) out.raise("check-flapping", domain.str(), printable(unsteady, bounds::kDetail));
  return out.all();
}

std::optional<TimePoint> newest(const std::vector<Change>& changes, const Finding& f) {
  for (auto it = changes.rbegin(); it != changes.rend(); ++it)
    if (it->code == f.code && it->subject == f.subject) return it->at;
  return std::nullopt;
}

/// When the change happened that a finding tells of; null for what is a state.
std::optional<TimePoint> happened_at(const Finding& f, const DomainMemory& record,
                                     const JudgeInputs& around) {
  if (const auto at = newest(record.past.changes, f)) return at;
  const auto host = around.pasts.find(f.subject);
  return host == around.pasts.end() ? std::nullopt : newest(host->second->changes, f);
}

/// CONTRACT 7, drift events: changes are counted as they happen, states of theme drift as they open.
void count_drift(const std::vector<Transition>& transitions, Past& past) {
  for (const auto& t : transitions) {
    const auto& f = t.incident.finding;
    const auto* entry = find_in_catalogue(f.code);
    if (t.kind == Transition::Kind::opened && entry && entry->theme == Theme::drift &&
        !newest(past.changes, f))
      ++past.change_counts[f.code];
  }
}

Case read_confirmed(const DomainMemory& record, const JudgeInputs& around) {
  return read_case(*record.confirmed, around.confirmed, around.vantage, around.limits);
}

/// What belongs to a plan that is followed is a planned change; null where it does not.
std::optional<JudgeInputs> while_planned(const DomainObservation& seen, const JudgeInputs& around) {
  if (!around.plan || around.limits.change_planned) return std::nullopt;
  const Case c = read_case(seen, around.known, around.vantage, around.limits);
  if (!belongs(*around.plan, sight_of_plan(c))) return std::nullopt;
  auto out = around;
  out.limits.change_planned = true;
  return out;
}

struct Judged {
  Verdict shown;
  std::vector<Finding> found;  // what is told of
};

/// What is known is shown, with the figures of what is confirmed, of which is told: mostly the two are one,
/// and judged once. Of our own view the newest look speaks; without one, what is known does.
Judged judge_both(const DomainObservation& known, Case confirmed, const DomainObservation* newest,
                  const History& history, const JudgeInputs& around) {
  const bool same =
      (&known == &confirmed.facts || known == confirmed.facts) && around.known == around.confirmed;
  std::optional<Case> apart;
  if (!same) apart.emplace(read_case(known, around.known, around.vantage, around.limits));
  Case& shown = same ? confirmed : *apart;
  shown.newest = newest;
  if (newest != nullptr) shown.newest_copies = copies_of(*newest, around.vantage);
  foresee(shown, history);
  auto verdict = judge(std::move(shown));
  if (same) {
    auto found = verdict.findings;
    return {std::move(verdict), std::move(found)};
  }
  foresee(confirmed, history);
  auto proved = judge(std::move(confirmed));
  auto found = found_in(proved.findings, verdict);
  take_figures(verdict, proved);
  return {std::move(verdict), std::move(found)};
}

/// Judges the record's facts again and steps its incidents.
void conclude(DomainMemory& record, Case confirmed, const DomainObservation* newest, const SeenAnew& seen,
              const JudgeInputs& around, DomainUpdate& out) {
  if (around.plan)
    out.plan = std::make_shared<const FollowedPlan>(follow(*around.plan, sight_of_plan(confirmed)));
  const History history{&record.past, around.pasts, around.reports.get()};
  auto [verdict, found] = judge_both(*record.known, std::move(confirmed), newest, history, around);
  std::ranges::move(of_our_view(record, around, verdict.checked_at), std::back_inserter(found));
  if (around.reports)
    std::ranges::move(judge_reports(verdict, record.past, *around.reports), std::back_inserter(found));
  if (out.plan) std::ranges::move(judge_plan(verdict, *out.plan), std::back_inserter(found));
  const auto when = [&](const Finding& f) {
    const auto planned = out.plan ? happened_at(f, *out.plan) : std::nullopt;
    return planned ? planned : happened_at(f, record, around);
  };
  const auto in_pool = [&](const Finding& f) {
    const auto past = around.pasts.find(host_of(f));
    return past != around.pasts.end() && past->second && named_by_pool(*past->second, f.code);
  };
  auto stepped = step(
      std::move(record.incidents), found, [&](const Finding& f) { return rests_on(f, seen); },
      verdict.checked_at, {}, when, in_pool);
  record.incidents = std::move(stepped.incidents);
  count_drift(stepped.transitions, record.past);
  out.transitions = std::move(stepped.transitions);
  verdict.findings = open_findings(record.incidents);
  verdict.status = status_of(verdict.findings, verdict.undecided);
  share_parts(verdict);
  record.verdict = std::move(verdict);
}

}  // namespace

DomainUpdate after_look(const DomainMemory* before, const DomainObservation& seen, bool fetched,
                        const JudgeInputs& given) {
  const auto planned = while_planned(seen, given);
  const JudgeInputs& around = planned ? *planned : given;
  DomainUpdate out;
  auto debounces = before ? before->debounces : Debounces{};
  const auto fetched_before = last_fetch(before);
  auto confirmed = confirm(before ? before->confirmed.get() : nullptr, seen, fetched, debounces,
                           around.vantage, {around.limits.confirmations, fetched_before});
  auto known_now = merge_seen(before ? before->known.get() : nullptr, seen, fetched, around.vantage,
                              &confirmed, fetched_before);
  share_parts(known_now);
  auto record = std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(std::move(known_now)),
                                               Verdict(seen.domain));
  record->debounces = std::move(debounces);
  if (before != nullptr) {
    record->past = before->past;
    record->incidents = before->incidents;
    record->policy_fetched = before->policy_fetched;
    record->policy_last_success = before->policy_last_success;
  }
  if (confirmed != *record->known)
    record->confirmed = std::make_shared<DomainObservation>(std::move(confirmed));

  const auto copies = copies_of(seen, around.vantage);
  out.policy = outcome_of(copies, seen.policy_host);
  const bool silence_proved = std::ranges::any_of(
      record->known->fetches, [](const PolicyFetch& f) { return f.repeated && !f.held_from; });
  record->times = times_after(before, seen, fetched, out.policy != Outcome::unknown || silence_proved);
  if (fetched && !seen.fetches.empty()) record->policy_fetched = seen.at;
  if (fetched && out.policy == Outcome::ok) record->policy_last_success = seen.at;
  auto facts = read_confirmed(*record, around);
  record->past = remember_look(std::move(record->past), facts, seen, fetched ? &copies : nullptr);

  SeenAnew anew{.record = is_known(seen.sts),
                .policy = fetched && out.policy != Outcome::unknown,
                .mx = is_known(seen.mx),
                .tlsrpt = is_known(seen.tlsrpt),
                .reports = around.reports != nullptr,
                .in_use = hosts_of(*record->confirmed)};
  conclude(*record, std::move(facts), &seen, anew, around, out);
  out.record = std::move(record);
  return out;
}

DomainUpdate after_mx_look(const DomainMemory& before, const std::string& host, bool host_seen, TimePoint now,
                           const JudgeInputs& around) {
  DomainUpdate out;
  auto record = std::make_shared<DomainMemory>(before);
  const auto at_now = [&](const std::shared_ptr<const DomainObservation>& facts) {
    auto copy = std::make_shared<DomainObservation>(*facts);
    copy->at = now;
    return copy;
  };
  const bool same = record->known == record->confirmed;
  record->known = at_now(record->known);
  record->confirmed = same ? record->known : at_now(record->confirmed);
  SeenAnew anew{.reports = around.reports != nullptr, .in_use = hosts_of(*record->confirmed)};
  if (host_seen) anew.hosts.insert(host);
  conclude(*record, read_confirmed(*record, around), nullptr, anew, around, out);
  out.record = std::move(record);
  return out;
}

std::shared_ptr<const DomainMemory> judged_again(const DomainMemory& stored, TimePoint now,
                                                 const JudgeInputs& around) {
  auto record = std::make_shared<DomainMemory>(stored);
  auto known = *stored.known;
  known.at = now;
  std::optional<DomainObservation> apart;
  if (stored.confirmed != stored.known) (apart = *stored.confirmed)->at = now;
  const auto& confirmed = apart ? *apart : known;
  auto facts = read_case(confirmed, around.confirmed, around.vantage, around.limits);
  record->verdict = judge_both(known, std::move(facts), nullptr,
                               {&record->past, around.pasts, around.reports.get()}, around)
                        .shown;
  share_parts(record->verdict);
  record->verdict.findings = open_findings(record->incidents);
  record->verdict.status = status_of(record->verdict.findings, record->verdict.undecided);
  return record;
}

bool wants_confirmation(const DomainMemory& record) {
  return !record.debounces.empty() || closes_soon(record);
}

Seconds next_look_in(const DomainMemory& record, TimePoint now, Seconds soon, Seconds routine) {
  if (closes_soon(record)) return std::min(soon, routine);
  return settle_in(record.debounces, now, soon, routine);
}

bool wants_confirmation(const DomainMemory& record, const std::string& host) {
  return std::ranges::any_of(record.incidents, [&](const Incident& i) {
    return closing(i) && shown_at_host(i.finding) && host_of(i.finding) == host;
  });
}

}  // namespace stswatch
