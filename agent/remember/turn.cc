#include "agent/remember/turn.h"

#include <algorithm>

#include "agent/remember/past.h"

namespace stswatch {
namespace {

/// What one look saw with its own eyes, so that its good news counts.
struct SeenAnew {
  bool record = false, policy = false, mx = false, tlsrpt = false;
  std::set<std::string> hosts{};   // MX hosts all of whose addresses were seen
  std::set<std::string> in_use{};  // the MX hosts the domain has
};

/// What a finding rests on, by its group in the catalogue.
bool rests_on(const Finding& finding, const SeenAnew& seen) {
  if (finding.of_the_agent) return true;
  const CatalogueEntry* entry = find_in_catalogue(finding.code);
  const std::string host = finding.subject.substr(0, finding.subject.find(' '));
  const bool gone = seen.mx && !seen.in_use.contains(host);
  switch (entry ? entry->group : 'R') {
    case 'A':
      return seen.record;
    case 'B':
    case 'C':
    case 'D':
    case 'E':
      return seen.record && seen.policy;
    case 'F':
      if (finding.code == "mx-unreachable" || finding.code.ends_with("-inconsistent") ||
          finding.code == "mx-ipv6-broken" || finding.code == "mx-backup-invalid" ||
          finding.code.starts_with("mx-target"))
        return gone || seen.hosts.contains(host);
      return seen.mx;
    case 'G':
    case 'H':
      return gone || seen.hosts.contains(host);
    case 'K':
      return seen.tlsrpt;
    case 'P':
      return seen.mx;
    case 'R':
      if (finding.code == "sts-policy-http-invalid") return seen.policy;
      return seen.mx || seen.hosts.contains(host);
    default:  // what follows from several facts: any look that saw some of them
      return seen.record || seen.policy || seen.mx || !seen.hosts.empty();
  }
}

bool known(const AnswerFacts& answer) { return answer.lookup != Lookup::unknown; }

std::set<std::string> hosts_of(const DomainObservation& facts) {
  std::set<std::string> out;
  for (const auto& mx : facts.mx.records)
    out.insert(mx.host);
  if (out.empty()) out.insert(facts.domain.str());
  return out;
}

/// The findings of the confirmed facts; of our own view only what the newest look itself could not see.
std::vector<Finding> found_in(const Verdict& confirmed, const Verdict& newest) {
  std::vector<Finding> out;
  for (const auto& f : confirmed.findings)
    if (!f.of_the_agent) out.push_back(f);
  for (const auto& f : newest.findings)
    if (f.of_the_agent) out.push_back(f);
  return out;
}

std::map<Part, LookTimes> times_after(const DomainMemory* before, const DomainObservation& seen, bool fetched,
                                      Outcome policy) {
  std::map<Part, LookTimes> times;
  if (before != nullptr) times = before->times;
  const auto note = [&](Part part, bool success) {
    times[part].last_look = seen.at;
    if (success) times[part].last_success = seen.at;
  };
  note(Part::sts_record, known(seen.sts));
  note(Part::tlsrpt_record, known(seen.tlsrpt));
  note(Part::mx, known(seen.mx));
  if (fetched) note(Part::policy, policy == Outcome::ok);
  return times;
}

/// Judges the record's facts again and steps its incidents.
void conclude(DomainMemory& record, const Verdict& newest, const SeenAnew& seen, const Surroundings& around,
              std::vector<Transition>& transitions) {
  const History history{&record.past, around.pasts};
  auto verdict = judge(*record.known, around.known, around.vantage, around.limits, history);
  const bool same = record.known == record.confirmed && around.known == around.confirmed;
  const auto found =
      same ? found_in(verdict, newest)
           : found_in(judge(*record.confirmed, around.confirmed, around.vantage, around.limits, history),
                      newest);
  auto stepped = step(
      std::move(record.incidents), found, [&](const Finding& f) { return rests_on(f, seen); },
      verdict.checked_at);
  record.incidents = std::move(stepped.incidents);
  for (const auto& t : stepped.transitions) {
    const auto* entry = find_in_catalogue(t.incident.finding.code);
    if (t.kind == Transition::Kind::opened && entry && entry->group == 'J')
      ++record.past.change_counts[t.incident.finding.code];
  }
  transitions = std::move(stepped.transitions);
  verdict.findings = open_findings(record.incidents);
  verdict.status = status_of(verdict.findings, verdict.undecided);
  record.verdict = std::move(verdict);
}

}  // namespace

Turn after_look(const DomainMemory* before, const DomainObservation& seen, bool fetched,
                const Surroundings& around) {
  Turn out;
  auto known_now = lay_over(before ? before->known.get() : nullptr, seen, fetched, around.vantage);
  auto record = std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(std::move(known_now)),
                                               Verdict(seen.domain));
  if (before != nullptr) {
    record->doubts = before->doubts;
    record->past = before->past;
    record->incidents = before->incidents;
    record->policy_fetched = before->policy_fetched;
    record->policy_last_success = before->policy_last_success;
  }
  auto confirmed = confirm(before ? before->confirmed.get() : nullptr, seen, fetched, record->doubts,
                           around.vantage, {around.limits.confirmations});
  if (confirmed != *record->known)
    record->confirmed = std::make_shared<DomainObservation>(std::move(confirmed));

  const auto newest = judge(seen, around.known, around.vantage, around.limits);
  out.policy = newest.policy.outcome;
  record->times = times_after(before, seen, fetched, out.policy);
  if (fetched) record->policy_fetched = seen.at;
  if (fetched && out.policy == Outcome::ok) record->policy_last_success = seen.at;
  record->past = remember_look(std::move(record->past), *record->confirmed, around.confirmed, around.vantage,
                               around.limits, fetched ? &seen : nullptr);

  SeenAnew anew{.record = known(seen.sts),
                .policy = fetched && out.policy != Outcome::unknown,
                .mx = known(seen.mx),
                .tlsrpt = known(seen.tlsrpt),
                .in_use = hosts_of(*record->confirmed)};
  conclude(*record, newest, anew, around, out.transitions);
  out.record = std::move(record);
  return out;
}

Turn after_mx_look(const DomainMemory& before, const std::string& host, bool host_seen, TimePoint now,
                   const Surroundings& around) {
  Turn out;
  auto record = std::make_shared<DomainMemory>(before);
  const auto at_now = [&](const std::shared_ptr<const DomainObservation>& facts) {
    auto copy = std::make_shared<DomainObservation>(*facts);
    copy->at = now;
    return copy;
  };
  const bool same = record->known == record->confirmed;
  record->known = at_now(record->known);
  record->confirmed = same ? record->known : at_now(record->confirmed);
  SeenAnew anew{.in_use = hosts_of(*record->confirmed)};
  if (host_seen) anew.hosts.insert(host);
  const auto newest = judge(*record->known, around.known, around.vantage, around.limits);
  conclude(*record, newest, anew, around, out.transitions);
  out.record = std::move(record);
  return out;
}

std::shared_ptr<const DomainMemory> judged_again(const DomainMemory& stored, TimePoint now,
                                                 const Surroundings& around) {
  auto record = std::make_shared<DomainMemory>(stored);
  auto facts = *stored.known;
  facts.at = now;
  record->verdict = judge(facts, around.known, around.vantage, around.limits, {&record->past, around.pasts});
  record->verdict.findings = open_findings(record->incidents);
  record->verdict.status = status_of(record->verdict.findings, record->verdict.undecided);
  return record;
}

bool wants_confirmation(const DomainMemory& record) {
  const auto closing = [](const Incident& i) {
    return i.open() && i.good_looks > 0 && !flapping(i, i.last_bad);
  };
  return !record.doubts.empty() || std::ranges::any_of(record.incidents, closing);
}

}  // namespace stswatch
