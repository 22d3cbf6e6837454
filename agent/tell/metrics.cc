#include "agent/tell/metrics.h"

#include <algorithm>
#include <map>
#include <set>

#include "agent/tell/families.h"
#include "agent/tell/json.h"
#include "checks/judge/catalogue/catalogue.h"

namespace stswatch {

std::string_view domain_mode(const Verdict& v) {
  if (v.mode) return to_string(*v.mode);
  if (v.record.outcome == Outcome::unknown ||
      (v.record.outcome == Outcome::ok && v.policy.outcome == Outcome::unknown))
    return "unknown";
  return "absent";
}

namespace {

/// CONTRACT 7: ok if any host has addresses, absent for a null MX or none.
Outcome mx_outcome(const DomainMemory& memory) {
  const auto& v = memory.verdict;
  if (v.mx_lookup == Lookup::unknown) return Outcome::unknown;
  if (v.null_mx || v.mx.empty()) return Outcome::absent;
  const bool reachable =
      std::any_of(v.mx.begin(), v.mx.end(), [](const MxVerdict& m) { return !m.addresses.empty(); });
  return reachable ? Outcome::ok : Outcome::unknown;
}

/// Its metrics: when it ends, and when it begins.
struct CertificateNames {
  Metric not_after, not_before;
};
constexpr CertificateNames kOfPolicyHost{"stswatch_policy_host_certificate_not_after_timestamp_seconds",
                                         "stswatch_policy_host_certificate_not_before_timestamp_seconds"};
constexpr CertificateNames kOfMx{"stswatch_mx_certificate_not_after_timestamp_seconds",
                                 "stswatch_mx_certificate_not_before_timestamp_seconds"};

void certificate(Exposition& out, const CertificateNames& names, std::initializer_list<Label> labels,
                 const PeerCertificates& peer) {
  const auto& ends = peer.first_to_expire();
  out.gauge(names.not_after, labels, seconds_of(ends.not_after));
  out.gauge(names.not_before, labels, seconds_of(ends.not_before));
}

/// Of the policy served, else of the last one seen: how long senders keep it does not end with the fetch.
std::optional<std::uint64_t> last_known_max_age(const DomainMemory& memory) {
  if (memory.verdict.policy.shown) return memory.verdict.policy.shown->max_age;
  if (memory.past.policies.empty()) return std::nullopt;
  return memory.past.policies.back().policy.max_age;
}

void policy(Exposition& out, const DomainMemory& memory) {
  const auto& v = memory.verdict;
  if (v.policy.shown) {
    out.gauge("stswatch_policy_info",
              {{"id", printable(v.record.id, kId)},
               {"mode", to_string(v.policy.shown->mode)},
               {"sha256", v.policy.sha256}},
              1);
  }
  if (const auto max_age = last_known_max_age(memory))
    out.gauge("stswatch_policy_max_age_seconds", {}, static_cast<double>(*max_age));
  if (memory.policy_last_success)
    out.gauge("stswatch_policy_last_success_timestamp_seconds", {}, seconds_of(*memory.policy_last_success));
  for (const auto& a : v.policy.addresses)
    if (a.certificate) certificate(out, kOfPolicyHost, {{"address", a.address.str()}}, *a.certificate);
}

void mx_of_domain(Exposition& out, const Verdict& v) {
  // Unknown is an absent series, never 0.
  if (v.mx_lookup != Lookup::unknown || !v.mx.empty())
    out.gauge("stswatch_mx_hosts", {}, static_cast<double>(v.mx.size()));
  for (const auto& m : v.mx) {
    out.gauge("stswatch_mx_info", {{"mx", m.host}, {"preference", std::to_string(m.preference)}}, 1);
    if (m.allowed) out.gauge("stswatch_mx_allowed", {{"mx", m.host}}, *m.allowed ? 1 : 0);
  }
}

void usable(Exposition& out, const std::optional<UsableMx>& u, LabelValue level) {
  if (!u) return;
  out.gauge("stswatch_enforce_usable_mx", {{"bound", "min"}, {"level", level}}, u->min);
  out.gauge("stswatch_enforce_usable_mx", {{"bound", "max"}, {"level", level}}, u->max);
}

void forecast(Exposition& out, const Verdict& v) {
  const auto& f = v.forecast;
  constexpr Metric kBreakage{"stswatch_breakage_timestamp_seconds"},
      kDegradation{"stswatch_degradation_timestamp_seconds"};
  const auto at = [&](Metric metric, LabelValue level, const std::optional<ForecastPoint>& p) {
    out.gauge(metric, {{"level", level}}, p ? seconds_of(p->at) : kNever);
  };
  const auto cause = [&](LabelValue kind, const std::optional<ForecastPoint>& p) {
    if (p)
      out.gauge("stswatch_forecast_info",
                {{"kind", kind}, {"reason", to_string(p->reason)}, {"subject", p->subject.str()}}, 1);
  };
  usable(out, v.enforce_usable_mx, "rfc");
  usable(out, v.field_usable_mx, "field");
  at(kBreakage, "rfc", f.breakage);
  at(kBreakage, "field", v.field_breakage);
  at(kDegradation, "rfc", f.degradation);
  at(kDegradation, "field", v.field_degradation);
  for (const auto& [level, outlook] :
       {std::pair{LabelValue("dane"), &v.dane}, std::pair{LabelValue("both"), &v.dane_and_sts}}) {
    if (!*outlook) continue;
    at(kBreakage, level, (*outlook)->breakage);
    at(kDegradation, level, (*outlook)->degradation);
  }
  cause("breakage", f.breakage);
  cause("degradation", f.degradation);
  out.gauge("stswatch_breakage_overdue", {}, f.overdue ? 1 : 0);
  out.gauge("stswatch_protection_lapse_timestamp_seconds", {}, f.lapse ? seconds_of(*f.lapse) : kNever);
  out.gauge("stswatch_caches_consistent_timestamp_seconds", {},
            v.safe_after ? seconds_of(*v.safe_after) : kNever);
}

/// As memory has it, and as a label.
struct DriftKind {
  std::string code;
  LabelValue label;
};

const std::vector<DriftKind>& drift_kinds() {
  static const auto kinds = [] {
    std::vector<DriftKind> out;
    for (const auto& entry : catalogue())
      if (entry.theme == Theme::drift) out.push_back({std::string(entry.code), std::string_view(entry.code)});
    return out;
  }();
  return kinds;
}

void drift(Exposition& out, const DomainMemory& memory) {
  const auto& counts = memory.past.change_counts;
  std::map<std::string_view, TimePoint> last;
  for (const auto& change : memory.past.changes)
    last[change.code] = std::max(last[change.code], change.at);
  std::vector<Sample> newest, events;
  events.reserve(drift_kinds().size());
  for (const auto& [code, label] : drift_kinds()) {
    if (const auto at = last.find(code); at != last.end()) newest.push_back({label, seconds_of(at->second)});
    if (const auto count = counts.find(code); count != counts.end())
      events.push_back({label, static_cast<double>(count->second)});
    else if (out.states() == StateSets::all)
      events.push_back({label, 0});
  }
  out.each("stswatch_drift_last_timestamp_seconds", {}, "kind", newest);
  out.each("stswatch_drift_events_total", {}, "kind", events);
}

void readiness(Exposition& out, const Verdict& v) {
  const bool ready = std::any_of(v.findings.begin(), v.findings.end(),
                                 [](const auto& f) { return f.code == codes::enforce_ready; });
  out.gauge("stswatch_enforce_ready", {}, ready ? 1 : 0);
  out.gauge("stswatch_testing_clean_seconds", {},
            v.testing_clean_since ? static_cast<double>((v.checked_at - *v.testing_clean_since).count()) : 0);
}

void findings(Exposition& out, const Verdict& v) {
  for (const auto& f : v.findings)
    out.gauge("stswatch_finding",
              {{"code", f.code},
               {"severity", to_string(f.severity)},
               {"route", to_string(f.route)},
               {"subject", f.subject}},
              1);
}

void times(Exposition& out, const DomainMemory& memory) {
  for (const auto& [part, t] : memory.times) {
    const LabelValue what = to_string(part);
    if (t.last_look)
      out.gauge("stswatch_last_look_timestamp_seconds", {{"what", what}}, seconds_of(*t.last_look));
    if (t.last_success)
      out.gauge("stswatch_last_success_timestamp_seconds", {{"what", what}}, seconds_of(*t.last_success));
  }
}

/// `status`: the one that may be told now; all else keeps its last known value (CONTRACT 7).
void domain(const Exposition& all, const DomainMemory& memory, Status status) {
  const auto& v = memory.verdict;
  auto out = all.of({{"domain", v.domain.str()}});
  out.one_hot("stswatch_domain_status", {}, "status", to_string(status),
              {"ok", "warning", "critical", "unknown"});
  out.one_hot("stswatch_domain_mode", {}, "mode", domain_mode(v),
              {"none", "testing", "enforce", "absent", "unknown"});
  out.one_hot("stswatch_live_mode", {}, "mode", to_string(v.live_mode), {"none", "testing", "enforce"});
  const auto outcome = [&](Part part, Outcome o) {
    out.one_hot("stswatch_outcome", {{"what", to_string(part)}}, "outcome", to_string(o),
                {"ok", "invalid", "absent", "unreachable", "unknown"});
  };
  outcome(Part::sts_record, v.record.outcome);
  outcome(Part::policy, v.policy.outcome);
  outcome(Part::mx, mx_outcome(memory));
  outcome(Part::tlsrpt_record, v.tlsrpt.outcome);
  policy(out, memory);
  mx_of_domain(out, v);
  forecast(out, v);
  drift(out, memory);
  readiness(out, v);
  findings(out, v);
  times(out, memory);
}

/// An MX host's addresses, once however many domains use it. Refers to the verdicts told of.
class MxHosts {
 public:
  void tell(const Exposition& out, const Verdict& v) {
    for (const auto& m : v.mx) {
      for (const auto& a : m.addresses) {
        if (!told_.insert({m.host, a.address}).second) continue;
        auto one = out.of({{"mx", m.host}, {"address", a.address.str()}});
        one.one_hot("stswatch_mx_outcome", {}, "outcome", to_string(a.outcome),
                    {"ok", "failed", "unreachable", "unknown"});
        if (!a.tls_version.empty())
          one.gauge("stswatch_mx_tls_info", {{"version", a.tls_version}, {"group", a.group}}, 1);
        if (a.certificate) certificate(one, kOfMx, {}, *a.certificate);
      }
    }
  }

 private:
  std::set<std::pair<std::string_view, Address>> told_;
};

/// Those that have series of their own.
using Shown = std::vector<const DomainMemory*>;

void silences(Exposition& out, const Snapshot& s, const Shown& shown) {
  std::vector<const Silence*> standing;
  for (const auto& silence : s.configured_silences)
    if (stands(silence, s.now)) standing.push_back(&silence);
  for (const auto& [id, silence] : s.silences)
    if (stands(silence, s.now)) standing.push_back(&silence);
  for (const auto* memory : shown) {
    const auto& name = memory->verdict.domain.str();
    const auto n =
        std::ranges::count_if(standing, [&](const auto* each) { return glob_matches(each->domain, name); });
    out.gauge("stswatch_silences", {{"domain", name}}, static_cast<double>(n));
  }
}

/// Labels are words from closed sets: a reporter cannot make up any.
void tls_reports(Exposition& out, const Snapshot& s, const Shown& shown) {
  if (!s.reports.taking && s.reports.domains.empty()) return;
  const auto sessions = [&](const std::string& domain, const std::string& type, reports::Sessions n) {
    const auto tell = [&](LabelValue result, std::uint64_t count) {
      out.counter("stswatch_tlsrpt_sessions_total",
                  {{"domain", domain}, {"policy_type", type}, {"result", result}},
                  static_cast<double>(count));
    };
    tell("successful", n.successful);
    tell("failed", n.failed);
  };
  for (const auto* memory : shown) {
    const auto& name = memory->verdict.domain.str();
    const auto it = s.reports.domains.find(name);
    const bool any = it != s.reports.domains.end();
    // Born at 0, so that the first report is an increase.
    if (s.reports.taking && (!any || !it->second.sessions.contains("sts"))) sessions(name, "sts", {});
    if (!any) continue;
    for (const auto& [type, n] : it->second.sessions)
      sessions(name, type, n);
    for (const auto& [key, n] : it->second.failures) {
      const auto& [type, result_type, organization] = key;
      out.counter("stswatch_tlsrpt_failures_total",
                  {{"domain", name},
                   {"policy_type", type},
                   {"result_type", result_type},
                   {"organization", organization}},
                  static_cast<double>(n));
    }
    if (it->second.last_report)
      out.gauge("stswatch_tlsrpt_last_report_timestamp_seconds", {{"domain", name}},
                seconds_of(*it->second.last_report));
  }
}

bool is_shown(PerDomain wanted, Status status) {
  return wanted == PerDomain::all || (wanted == PerDomain::failing && status != Status::ok);
}

/// Over all domains, whichever have series of their own.
class Sums {
 public:
  void add(const Verdict& v, Status status) {
    ++domains_[status];
    std::set<std::tuple<std::string_view, Severity, Route>> open;
    for (const auto& f : v.findings)
      open.emplace(f.code, f.severity, f.route);
    for (const auto& [code, severity, route] : open)
      ++findings_[{std::string(code), severity, route}];
    earliest(breakage_, v.forecast.breakage);
    earliest(degradation_, v.forecast.degradation);
  }

  void tell(Exposition& out) const {
    for (const Status status : {Status::ok, Status::warning, Status::critical, Status::unknown}) {
      const auto count = domains_.find(status);
      out.gauge("stswatch_domains", {{"status", to_string(status)}},
                count == domains_.end() ? 0 : static_cast<double>(count->second));
    }
    for (const auto& [key, count] : findings_) {
      const auto& [code, severity, route] = key;
      out.gauge("stswatch_domains_with_finding",
                {{"code", code}, {"severity", to_string(severity)}, {"route", to_string(route)}},
                static_cast<double>(count));
    }
    out.gauge("stswatch_earliest_breakage_timestamp_seconds", {},
              breakage_ ? seconds_of(*breakage_) : kNever);
    out.gauge("stswatch_earliest_degradation_timestamp_seconds", {},
              degradation_ ? seconds_of(*degradation_) : kNever);
  }

 private:
  static void earliest(std::optional<TimePoint>& out, const std::optional<ForecastPoint>& one) {
    if (one && (!out || one->at < *out)) out = one->at;
  }

  std::map<Status, std::size_t> domains_;
  std::map<std::tuple<std::string, Severity, Route>, std::size_t> findings_;
  std::optional<TimePoint> breakage_, degradation_;
};

}  // namespace

void tell(Exposition& out, const Snapshot& snapshot) {
  Sums sums;
  Shown shown;
  MxHosts hosts;
  for (const auto& memory : snapshot.domains) {
    const Status status = told_status(snapshot, *memory);
    sums.add(memory->verdict, status);
    if (!is_shown(snapshot.metrics.per_domain, status)) continue;
    shown.push_back(memory.get());
    domain(out, *memory, status);
    hosts.tell(out, memory->verdict);
  }
  sums.tell(out);
  silences(out, snapshot, shown);
  tell_labels(out, snapshot, shown);
  tell_agent(out, snapshot);
  tell_receivers(out, snapshot);
  tls_reports(out, snapshot, shown);
  tell_reports_taken(out, snapshot);
}

void tell(Exposition& out, const DomainMemory& memory) {
  domain(out, memory, memory.verdict.status);
  MxHosts().tell(out, memory.verdict);
}

}  // namespace stswatch
