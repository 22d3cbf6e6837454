#include "checks/judge/verdict.h"

#include <algorithm>
#include <array>

#include "checks/facts/bounds.h"
#include "checks/facts/policy.h"
#include "checks/facts/text.h"
#include "checks/judge/case.h"
#include "checks/judge/catalogue/catalogue.h"
#include "checks/judge/catalogue/finding.h"
#include "checks/judge/rules/rules.h"
#include "checks/judge/senders/by_pattern.h"
#include "checks/judge/senders/forecast.h"

namespace stswatch {

std::string_view to_string(Why why) {
  switch (why) {
    case Why::already:
      return "already";
    case Why::mx_none_in_policy:
      return "mx-none-in-policy";
    case Why::certificate_expired:
      return "certificate-expired";
    case Why::policy_host_certificate_expired:
      return "sts-webpki-cert-expired";
    case Why::signatures_ended:
      return "dnssec-rrsig-expired";
  }
  return "already";
}

namespace {

// --- Outcomes (CONTRACT 2)

RecordVerdict record_verdict(const Case& c) {
  using enum StsRecordReading::Verdict;
  RecordVerdict out;
  for (const TxtRecord& record : c.facts.sts.records)
    out.texts.push_back(printable(record.joined(), bounds::kTxtOctets));
  for (const CnameLink& link : c.facts.sts.cname)
    out.cname.push_back(link.target);
  out.id = c.record.id;
  if (!c.record.usable()) out.taken_by = taken_by(c.record);
  if (c.facts.sts.lookup == Lookup::unknown) return out;
  if (c.facts.sts.lookup == Lookup::absent) {
    out.outcome = Outcome::absent;  // also behind a CNAME that leads nowhere
  } else if (c.record.verdict == valid) {
    out.outcome = Outcome::ok;
  } else {
    // A wrong version is a record that every sender discards: invalid here; only foreign ones: absent.
    out.outcome = c.record.verdict == invalid || c.record.announced() ? Outcome::invalid : Outcome::absent;
  }
  return out;
}

TlsrptVerdict tlsrpt_verdict(const Case& c) {
  using enum TlsrptReading::Verdict;
  TlsrptVerdict out;
  out.rua = c.tlsrpt.rua;
  if (c.facts.tlsrpt.lookup == Lookup::unknown) return out;
  out.outcome = c.tlsrpt.verdict == valid     ? Outcome::ok
                : c.tlsrpt.verdict == invalid ? Outcome::invalid
                                              : Outcome::absent;
  return out;
}

bool serves(const PolicyCopy& copy, const Policy& shown) {
  const Policy* policy = copy.reading ? copy.reading->applied() : nullptr;
  return policy && same_policy(*policy, shown);
}

/// A copy that serves what is shown, one that reads strictly rather than not.
const PolicyCopy* shown_copy(const std::vector<PolicyCopy>& copies, const std::vector<Policy>& policies) {
  const PolicyCopy* lenient = nullptr;
  for (const PolicyCopy& copy : copies) {
    if (policies.empty() || !serves(copy, policies.front())) continue;
    if (copy.outcome == Outcome::ok) return &copy;
    if (!lenient) lenient = &copy;
  }
  return lenient;
}

/// Where no copy can be shown: what most of them proved; unknown only if none proved anything.
Outcome without_policy(const std::vector<PolicyCopy>& copies, const HostAddresses& policy_host) {
  if (policy_host.lookup() == Lookup::absent) return Outcome::absent;
  Outcome best = Outcome::unknown;
  std::ptrdiff_t most = 0;
  for (const Outcome outcome : {Outcome::invalid, Outcome::absent, Outcome::unreachable}) {
    const auto count = std::ranges::count(copies, outcome, &PolicyCopy::outcome);
    if (count <= most) continue;
    most = count;
    best = outcome;
  }
  return best;
}

PolicyVerdict policy_verdict(const Case& c) {
  PolicyVerdict out;
  if (const PolicyCopy* shown = shown_copy(c.copies, c.policies)) {
    out.shown = *c.shown();
    out.outcome = shown->outcome;
    out.sha256 = shown->fetch->sha256;
  } else {
    out.outcome = without_policy(c.copies, c.facts.policy_host);
  }
  for (const PolicyCopy& copy : c.copies) {
    PolicyAddressVerdict at;
    at.address = copy.fetch->address;
    at.outcome = copy.outcome;
    if (copy.fetch->status != 0) at.http_status = copy.fetch->status;
    at.result_type = copy.result_type;
    at.detail = copy.detail;
    at.certificate = copy.fetch->tls.peer;
    at.held_from = copy.fetch->held_from;
    out.addresses.push_back(std::move(at));
  }
  return out;
}

MxAddressVerdict address_verdict(const MxAddressCase& at, TimePoint looked) {
  MxAddressVerdict out;
  out.address = at.address;
  out.outcome = at.outcome;
  out.result_type = at.result_type;
  out.detail = at.detail;
  out.dane = at.dane;
  if (!at.probe) return out;
  out.seen_at = at.probe->held_from.value_or(looked);
  if (at.outcome != HostOutcome::ok) {
    out.stage = at.probe->failure ? at.probe->failure->stage : Stage::certificate;
  }
  out.tls_version = at.probe->tls.version;
  out.cipher = at.probe->tls.cipher;
  out.group = at.probe->tls.group;
  out.certificate = at.probe->tls.peer;
  return out;
}

std::vector<MxVerdict> mx_verdicts(const Case& c) {
  std::vector<MxVerdict> out;
  for (const MxCase& mx : c.mx) {
    MxVerdict host;
    host.host = mx.host;
    host.preference = mx.preference;
    const auto lists = [&](const Policy& policy) { return matches_any(mx.host, policy.mx); };
    if (c.shown()) host.allowed = lists(*c.shown());
    const auto spares = [&](const Policy& policy) { return policy.mode != Mode::enforce || lists(policy); };
    host.copies_differ = std::ranges::any_of(c.policies, spares) && !std::ranges::all_of(c.policies, spares);
    host.usable = mx.usable;
    std::vector<MxAddressVerdict> addresses;
    for (const MxAddressCase& at : mx.addresses)
      addresses.push_back(address_verdict(at, mx.look ? mx.look->at : c.now));
    host.addresses = std::move(addresses);
    out.push_back(std::move(host));
  }
  return out;
}

// --- Status

bool mail_hosts_unknown(const Case& c) {
  if (c.mx.empty()) {
    // RFC 5321 §5.1: without MX the domain's own address decides, and that could not be asked.
    return c.facts.mx.lookup == Lookup::absent && !c.facts.mx.nxdomain &&
           c.facts.apex.lookup() == Lookup::unknown;
  }
  return std::ranges::none_of(c.mx, [](const MxCase& mx) {
    return std::ranges::any_of(mx.addresses, [](const MxAddressCase& a) {
      return a.outcome == HostOutcome::ok || a.outcome == HostOutcome::failed;
    });
  });
}

/// CONTRACT 2: "unknown if one of these could not be judged". A domain without MTA-STS has nothing that
/// anybody enforces on its hosts.
bool undecided(const Case& c, const Verdict& verdict) {
  const bool not_deployed =
      std::ranges::any_of(verdict.findings, [](const Finding& f) { return f.code == codes::not_deployed; });
  if (not_deployed && c.facts.mx.lookup != Lookup::unknown) return false;
  const bool policy_unknown = c.record.usable() && verdict.policy.outcome == Outcome::unknown;
  return c.facts.sts.lookup == Lookup::unknown || c.facts.mx.lookup == Lookup::unknown || policy_unknown ||
         mail_hosts_unknown(c);
}

// --- Findings

/// The addresses that serve this policy, where others serve another one; empty where all agree, or none does.
std::string served_by_some(const Case& c, const std::string& name) {
  const auto policy = std::ranges::find(c.world.policies, name, &WorldPolicy::name);
  if (policy == c.world.policies.end() || !c.is_in_effect(*policy)) return {};
  const Policy asked{policy->mode, policy->mx, policy->max_age, {}};
  std::string out;
  std::size_t count = 0;
  for (const PolicyCopy& copy : c.copies) {
    const Policy* read = copy.reading ? copy.reading->applied() : nullptr;
    if (!read || !same_policy(*read, asked)) continue;
    text::add(out, ", ", copy.fetch->address.str());
    ++count;
  }
  return count < c.copies.size() ? out : std::string();
}

std::ptrdiff_t hosts_of_use(const Case& c, const Policy& policy) {
  return std::ranges::count_if(
      c.mx, [&](const MxCase& mx) { return mx.usable != false && matches_any(mx.host, policy.mx); });
}

/// What to do with the copies where mail stops under one of them: another may be put in its place only where
/// it lists more hosts. Null: the copies are not the matter.
std::optional<Situation> situation_of_copies(const Case& c, const std::string& served_by) {
  if (served_by.empty()) return std::nullopt;
  const auto [fewest, most] =
      std::ranges::minmax(c.policies, {}, [&](const Policy& policy) { return hosts_of_use(c, policy); });
  if (hosts_of_use(c, most) > hosts_of_use(c, fewest)) return Situation::some_copies;
  const auto lists_none = [&](const Policy& policy) { return hosts_listed(c, policy) == 0; };
  if (std::ranges::all_of(c.policies, lists_none)) return Situation::no_other_copy;
  return std::nullopt;
}

/// The cause, or that of each address where these differ.
std::string why_it_fails(const MxCase& mx) {
  std::string each, first;
  bool differ = false;
  for (const MxAddressCase& at : mx.addresses) {
    if (at.detail.empty()) continue;
    if (first.empty()) first = at.detail;
    differ = differ || at.detail != first;
    text::add(each, ", ", at.address.str() + ' ' + at.detail);
  }
  if (first.empty()) return "fails";
  return differ ? each : first;
}

/// Of each MX host why a sender that enforces this policy skips it.
std::string why_skipped(const Case& c, const std::string& name) {
  const auto policy = std::ranges::find(c.world.policies, name, &WorldPolicy::name);
  std::string out;
  for (const MxCase& mx : c.mx) {
    if (mx.host == "." && c.mx.size() > 1) continue;  // RFC 7505 §3: no host
    std::string why = why_it_fails(mx);
    if (mx.literal || (mx.look && mx.look->addresses.lookup() == Lookup::absent)) why = "no address";
    if (mx.look && !unresolvable(mx.look->addresses).empty()) why = "cannot be looked up";
    // Listed alone it would not do either.
    if (policy != c.world.policies.end() && !matches_any(mx.host, policy->mx))
      why = mx.usable == false ? "not listed, and " + why : "not listed";
    text::add(out, "; ", mx.host + ": " + why);
  }
  return out;
}

/// Who delivers all the same: by the policy that leaves no host, which may be held and no longer served. A
/// sender that asks what a host is called finds none where none is listed.
void tell_whom_it_breaks(const Case& c, Finding* finding) {
  const auto& breakage = c.foreseen.rfc.breakage;
  const auto policy = breakage ? std::ranges::find(c.world.policies, breakage->policy, &WorldPolicy::name)
                               : c.world.policies.end();
  if (finding == nullptr || policy == c.world.policies.end()) return;
  const Policy under{policy->mode, policy->mx, policy->max_age, {}};
  tell_senders_as(finding, hosts_listed(c, under) == 0 ? codes::none_listed : codes::breakage_now,
                  std::array{oddity_of_all(c, under)});
  if (c.is_in_effect(*policy)) let_off_refusing(c, finding);
}

/// Nobody gets a file there, whatever stands in it.
bool cannot_be_fetched(const Case& c) {
  const Outcome outcome = outcome_of(c.copies, c.facts.policy_host);
  const HostAddresses& host = c.facts.policy_host;
  const bool proven = !host.a.proven_error().empty() || !host.aaaa.proven_error().empty();
  return outcome == Outcome::absent || outcome == Outcome::unreachable || (c.copies.empty() && proven);
}

/// A fault of a host that is not under the operator's own domain is as a rule for somebody else to mend.
void address_fixes(const Case& c, std::vector<Finding>& findings) {
  for (Finding& finding : findings) {
    const Nature& nature = nature_of(finding);
    if (!nature.of_host || nature.change() || finding.severity == Severity::info) continue;
    const std::string host = finding.subject.substr(0, finding.subject.find(' '));
    const std::string theirs = foreign_domain(c.facts.domain, host);
    if (theirs.empty() || is_left_over(host)) continue;
    // What stands in the owner's zone no provider can correct.
    if (finding.subject == host && texts_in(finding.code, Situation::foreign) != nullptr)
      say_for(Situation::foreign, c.facts.domain, c.now, &finding, {{"value", theirs}});
    else
      finding.fix = "If " + theirs + " is your provider's, ask the provider for this: " + finding.fix;
  }
}

/// RFC 7505 §3: nobody delivers, so what stands in record and policy costs nobody's mail.
void lower_where_no_mail_comes(const Case& c, Findings& out) {
  if (!c.null_mx) return;
  for (Finding& finding : out.all()) {
    if (nature_of(finding).family != Family::publication) continue;
    finding.severity = Severity::info;
    finding.route = Route::log;
  }
}

void judge_all(const Case& c, Findings& out) {
  judge_record(c, out);
  judge_fetch(c, out);
  judge_policy_tls(c, out);
  judge_policy_texts(c, out);
  judge_semantics(c, out);
  judge_mx(c, out);
  judge_smtp(c, out);
  judge_certificates(c, out);
  judge_dane(c, out);
  judge_dane_over_time(c, out);
  judge_dnssec(c, out);
  judge_tlsrpt(c, out);
  judge_provider(c, out);
  judge_aside(c, out);
  judge_vantage(c, out);
  judge_drift(c, out);
  judge_changes(c, out);
  judge_with_time(c, out);
  BreakageFacts facts;
  if (const auto& breakage = c.foreseen.rfc.breakage)
    facts = {served_by_some(c, breakage->policy), why_skipped(c, breakage->policy)};
  judge_forecast(c.world, c.foreseen, c.limits, facts, out);
  if (const auto situation = situation_of_copies(c, facts.served_by))
    say_for(*situation, c.facts.domain, c.now, out.find(codes::breakage_now), {{"value", facts.served_by}});
  tell_whom_it_breaks(c, out.find(codes::breakage_now));
  if (cannot_be_fetched(c))
    for (const std::string_view code : {codes::breakage_now, codes::breakage_predicted})
      say_for(Situation::no_fetch, c.facts.domain, c.now, out.find(code));
  if (c.history.past) {
    const auto& field = c.foreseen.field.breakage;
    judge_field_breakage(c, why_skipped(c, field ? field->policy : ""), out);
  }
  judge_lapse(c, out);
  lower_where_no_mail_comes(c, out);
}

/// CONTRACT 2: where copies of the policy differ, min over and max over the copies; the forecast keeps the
/// worst.
std::optional<UsableMx> usable_over_copies(const Case& c) {
  auto usable = c.foreseen.rfc.usable;
  // Postfix defers under such a line whatever the others list (RULES 0.4).
  if (usable && stops_postfix(c)) usable->min = 0;
  if (!usable || c.in_effect.size() < 2) return usable;
  // Who fetched a copy that enforces nothing reaches them all.
  if (std::ranges::any_of(c.in_effect, [](const Policy& p) { return p.mode != Mode::enforce; }))
    usable->max = usable->of;
  const senders::Hosts hosts(c.world);
  const auto now = hosts.at(c.now);
  for (std::size_t i = 0; i < c.world.policies.size(); ++i) {
    const WorldPolicy& policy = c.world.policies[i];
    if (policy.mode == Mode::enforce && c.is_in_effect(policy))
      usable->max = std::max(usable->max, hosts.count(i, now).possible);
  }
  return usable;
}

void remembered(const Case& c, Verdict& out) {
  set_field_level(c.world, c.foreseen, out);
  if (stops_postfix(c) && out.field_usable_mx) out.field_usable_mx->min = 0;
  out.safe_after = c.foreseen.safe_after;
  Readiness readiness = readiness_of(c);
  for (const ClosedGate& gate : readiness.open)
    out.readiness_open.push_back(gate.str());
  out.testing_clean_since = readiness.clean_since;
}

}  // namespace

std::string in_words(const UsableMx& u) {
  return (u.min == u.max ? "" : std::to_string(u.min) + " to ") + std::to_string(u.max) + " of " +
         std::to_string(u.of);
}

std::string_view to_string(Outcome outcome) {
  constexpr std::array<std::string_view, 5> kNames = {"ok", "invalid", "absent", "unreachable", "unknown"};
  return kNames[static_cast<std::size_t>(outcome)];
}

std::string_view to_string(HostOutcome outcome) {
  constexpr std::array<std::string_view, 4> kNames = {"ok", "failed", "unreachable", "unknown"};
  return kNames[static_cast<std::size_t>(outcome)];
}

std::string_view to_string(Status status) {
  constexpr std::array<std::string_view, 4> kNames = {"ok", "warning", "critical", "unknown"};
  return kNames[static_cast<std::size_t>(status)];
}

std::string_view to_string(Dane dane) {
  constexpr std::array<std::string_view, 4> kNames = {"unknown", "none", "matched", "mismatched"};
  return kNames[static_cast<std::size_t>(dane)];
}

Status status_of(const std::vector<Finding>& findings, bool undecided) {
  Severity worst = Severity::info;
  for (const Finding& finding : findings) {
    if (!finding.of_the_agent) worst = std::max(worst, finding.severity);
  }
  if (worst == Severity::critical) return Status::critical;
  if (worst == Severity::warning) return Status::warning;
  return undecided ? Status::unknown : Status::ok;
}

void take_figures(Verdict& at_face_value, const Verdict& confirmed) {
  at_face_value.mode = confirmed.mode;
  at_face_value.live_mode = confirmed.live_mode;
  at_face_value.enforce_usable_mx = confirmed.enforce_usable_mx;
  at_face_value.forecast = confirmed.forecast;
  at_face_value.dane = confirmed.dane;
  at_face_value.dane_and_sts = confirmed.dane_and_sts;
  at_face_value.earlier_policy_works = confirmed.earlier_policy_works;
  at_face_value.undecided = confirmed.undecided;
  at_face_value.field_usable_mx = confirmed.field_usable_mx;
  at_face_value.field_breakage = confirmed.field_breakage;
  at_face_value.field_degradation = confirmed.field_degradation;
  at_face_value.safe_after = confirmed.safe_after;
  at_face_value.readiness_open = confirmed.readiness_open;
  at_face_value.testing_clean_since = confirmed.testing_clean_since;
  at_face_value.foresight = confirmed.foresight;
}

Outcome outcome_of(const std::vector<PolicyCopy>& copies, const HostAddresses& policy_host) {
  const PolicyCopy* shown = shown_copy(copies, distinct_policies(copies));
  return shown ? shown->outcome : without_policy(copies, policy_host);
}

Verdict judge(const DomainObservation& domain, const MxLooks& mx, const Vantage& vantage,
              const Limits& limits, const History& history) {
  return judge(make_case(domain, mx, vantage, limits, history));
}

Verdict judge(Case c) {
  Verdict out(c.facts.domain);
  out.checked_at = c.now;
  out.live_mode = c.live;
  out.earlier_policy_works = std::ranges::any_of(c.held, [](const Held& h) {
    return h.policy.mode == Mode::enforce && !h.present && !h.refreshable && h.usable_mx > 0;
  });
  out.record = record_verdict(c);
  out.policy = policy_verdict(c);
  out.mx_lookup = c.facts.mx.lookup;
  out.null_mx = c.null_mx;
  out.mx = mx_verdicts(c);
  out.tlsrpt = tlsrpt_verdict(c);
  // "that of the policy in effect (a valid record and a valid policy, now)"
  if (c.record.usable() && out.policy.outcome == Outcome::ok) out.mode = out.policy.shown->mode;
  out.enforce_usable_mx = usable_over_copies(c);
  out.forecast = forecast_of(c.world, c.foreseen, c.limits);
  set_dane_outlook(c, out);
  if (c.history.past) remembered(c, out);

  Findings findings(c.facts.domain, c.live, c.now, enforced_until(c.held).words(), c.asked);
  judge_all(c, findings);
  inhibit(c, findings);
  address_fixes(c, findings.all());
  out.findings = sorted(std::move(findings.all()));
  out.undecided = undecided(c, out);
  out.status = status_of(out.findings, out.undecided);
  out.foresight = std::make_shared<const Foresight>(std::move(c.world), c.foreseen.rfc.usable);
  return out;
}

}  // namespace stswatch
