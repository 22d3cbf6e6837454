#include "agent/tell/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "agent/tell/metric_table.h"
#include "agent/tell/sight.h"
#include "agent/version.h"
#include "checks/facts/result.h"
#include "checks/judge/catalogue/codes.h"

namespace stswatch {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

constexpr std::size_t kLabel = 1100;  // octets: a name of 253 octets, all of them escaped, and an address
constexpr std::size_t kId = 64;       // octets: a valid one has at most 32; others are shown in part
constexpr double kNever = std::numeric_limits<double>::infinity();

double seconds_of(TimePoint t) { return static_cast<double>(t.time_since_epoch().count()); }

/// What the network named may hold any octets, and one that is no UTF-8 would cost Prometheus the whole
/// scrape.
void make_fit(std::string& value) {
  const auto plain = [](char c) { return c >= ' ' && c < '\x7f'; };
  if (value.size() <= kLabel && std::ranges::all_of(value, plain)) return;
  value = printable(value, kLabel);
}

/// The families under construction, by name.
class Exposition {
 public:
  Exposition() {
    for (const auto& info : snapshot_metrics()) {
      index_.emplace(info.name, families_.size());
      const auto type = info.name.ends_with("_total") ? MetricType::Counter : MetricType::Gauge;
      families_.push_back({std::string(info.name), std::string(info.help), type, {}});
    }
  }

  void gauge(std::string_view name, Labels labels, double value) {
    ClientMetric metric;
    metric.label = std::move(labels);
    for (auto& label : metric.label)
      make_fit(label.value);
    metric.gauge.value = value;
    families_[index_.at(name)].metric.push_back(std::move(metric));
  }

  void counter(std::string_view name, Labels labels, double value) {
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.counter.value = value;
    families_[index_.at(name)].metric.push_back(std::move(metric));
  }

  void one_hot(std::string_view name, const Labels& labels, const std::string& label, std::string_view is,
               std::initializer_list<std::string_view> states) {
    for (const auto state : states) {
      Labels all = labels;
      all.push_back({label, std::string(state)});
      gauge(name, std::move(all), state == is ? 1 : 0);
    }
  }

  std::vector<MetricFamily> take() {
    std::erase_if(families_, [](const MetricFamily& f) { return f.metric.empty(); });
    return std::move(families_);
  }

 private:
  std::vector<MetricFamily> families_;
  std::map<std::string_view, std::size_t> index_;
};

/// What a sender without cache applies: CONTRACT 7.
std::string_view domain_mode(const Verdict& v) {
  if (v.mode) return to_string(*v.mode);
  if (v.record.outcome == Outcome::unknown ||
      (v.record.outcome == Outcome::ok && v.policy.outcome == Outcome::unknown))
    return "unknown";
  return "absent";
}

/// CONTRACT 7: ok if any host has addresses, absent for a null MX or none.
Outcome mx_outcome(const DomainMemory& memory) {
  const auto& v = memory.verdict;
  if (v.mx_lookup == Lookup::unknown) return Outcome::unknown;
  if (v.null_mx || v.mx.empty()) return Outcome::absent;
  const bool reachable =
      std::any_of(v.mx.begin(), v.mx.end(), [](const MxVerdict& m) { return !m.addresses.empty(); });
  return reachable ? Outcome::ok : Outcome::unknown;
}

void certificate(Exposition& out, const std::string& prefix, const Labels& labels,
                 const PeerCertificates& peer) {
  const auto& ends = peer.first_to_expire();
  out.gauge(prefix + "_not_after_timestamp_seconds", labels, seconds_of(ends.not_after));
  out.gauge(prefix + "_not_before_timestamp_seconds", labels, seconds_of(ends.not_before));
}

/// Of the policy served, else of the last one seen: how long senders keep it does not end with the fetch.
std::optional<std::uint64_t> last_known_max_age(const DomainMemory& memory) {
  if (memory.verdict.policy.shown) return memory.verdict.policy.shown->max_age;
  if (memory.past.policies.empty()) return std::nullopt;
  return memory.past.policies.back().policy.max_age;
}

void policy(Exposition& out, const DomainMemory& memory, const std::string& domain) {
  const auto& v = memory.verdict;
  if (v.policy.shown) {
    out.gauge("stswatch_policy_info",
              {{"domain", domain},
               {"id", printable(v.record.id, kId)},
               {"mode", std::string(to_string(v.policy.shown->mode))},
               {"sha256", v.policy.sha256}},
              1);
  }
  if (const auto max_age = last_known_max_age(memory))
    out.gauge("stswatch_policy_max_age_seconds", {{"domain", domain}}, static_cast<double>(*max_age));
  if (memory.policy_last_success)
    out.gauge("stswatch_policy_last_success_timestamp_seconds", {{"domain", domain}},
              seconds_of(*memory.policy_last_success));
  for (const auto& a : v.policy.addresses)
    if (a.certificate)
      certificate(out, "stswatch_policy_host_certificate", {{"domain", domain}, {"address", a.address.str()}},
                  *a.certificate);
}

void mx_of_domain(Exposition& out, const Verdict& v, const std::string& domain) {
  // Unknown is an absent series, never 0.
  if (v.mx_lookup != Lookup::unknown || !v.mx.empty())
    out.gauge("stswatch_mx_hosts", {{"domain", domain}}, static_cast<double>(v.mx.size()));
  for (const auto& m : v.mx) {
    out.gauge("stswatch_mx_info",
              {{"domain", domain}, {"mx", m.host}, {"preference", std::to_string(m.preference)}}, 1);
    if (m.allowed) out.gauge("stswatch_mx_allowed", {{"domain", domain}, {"mx", m.host}}, *m.allowed ? 1 : 0);
  }
}

void usable(Exposition& out, const std::optional<UsableMx>& u, const std::string& domain,
            const std::string& level) {
  if (!u) return;
  out.gauge("stswatch_enforce_usable_mx", {{"domain", domain}, {"bound", "min"}, {"level", level}}, u->min);
  out.gauge("stswatch_enforce_usable_mx", {{"domain", domain}, {"bound", "max"}, {"level", level}}, u->max);
}

void forecast(Exposition& out, const Verdict& v, const std::string& domain) {
  const auto& f = v.forecast;
  const auto at = [&](const std::string& kind, const std::string& level,
                      const std::optional<ForecastPoint>& p) {
    out.gauge("stswatch_" + kind + "_timestamp_seconds", {{"domain", domain}, {"level", level}},
              p ? seconds_of(p->at) : kNever);
  };
  const auto cause = [&](const std::string& kind, const std::optional<ForecastPoint>& p) {
    if (p)
      out.gauge("stswatch_forecast_info",
                {{"domain", domain},
                 {"kind", kind},
                 {"reason", std::string(to_string(p->reason))},
                 {"subject", p->subject.str()}},
                1);
  };
  usable(out, v.enforce_usable_mx, domain, "rfc");
  usable(out, v.field_usable_mx, domain, "field");
  at("breakage", "rfc", f.breakage);
  at("breakage", "field", v.field_breakage);
  at("degradation", "rfc", f.degradation);
  at("degradation", "field", v.field_degradation);
  for (const auto& [level, outlook] : {std::pair{"dane", &v.dane}, std::pair{"both", &v.dane_and_sts}}) {
    if (!*outlook) continue;
    at("breakage", level, (*outlook)->breakage);
    at("degradation", level, (*outlook)->degradation);
  }
  cause("breakage", f.breakage);
  cause("degradation", f.degradation);
  out.gauge("stswatch_breakage_overdue", {{"domain", domain}}, f.overdue ? 1 : 0);
  out.gauge("stswatch_protection_lapse_timestamp_seconds", {{"domain", domain}},
            f.lapse ? seconds_of(*f.lapse) : kNever);
  out.gauge("stswatch_caches_consistent_timestamp_seconds", {{"domain", domain}},
            v.safe_after ? seconds_of(*v.safe_after) : kNever);
}

void drift(Exposition& out, const DomainMemory& memory, const std::string& domain) {
  const auto& counts = memory.past.change_counts;
  for (const auto& entry : catalogue()) {
    if (entry.theme != Theme::drift) continue;
    const std::string kind(entry.code);
    const auto count = counts.find(kind);
    out.counter("stswatch_drift_events_total", {{"domain", domain}, {"kind", kind}},
                count == counts.end() ? 0 : static_cast<double>(count->second));
  }
}

void readiness(Exposition& out, const Verdict& v, const std::string& domain) {
  const bool ready = std::any_of(v.findings.begin(), v.findings.end(),
                                 [](const auto& f) { return f.code == codes::enforce_ready; });
  out.gauge("stswatch_enforce_ready", {{"domain", domain}}, ready ? 1 : 0);
  out.gauge("stswatch_testing_clean_seconds", {{"domain", domain}},
            v.testing_clean_since ? static_cast<double>((v.checked_at - *v.testing_clean_since).count()) : 0);
}

void findings(Exposition& out, const Verdict& v, const std::string& domain) {
  for (const auto& f : v.findings)
    out.gauge("stswatch_finding",
              {{"domain", domain},
               {"code", f.code},
               {"severity", std::string(to_string(f.severity))},
               {"route", std::string(to_string(f.route))},
               {"subject", f.subject}},
              1);
}

void times(Exposition& out, const DomainMemory& memory, const std::string& domain) {
  for (const auto& [part, t] : memory.times) {
    const Labels labels{{"domain", domain}, {"what", std::string(to_string(part))}};
    if (t.last_look) out.gauge("stswatch_last_look_timestamp_seconds", labels, seconds_of(*t.last_look));
    if (t.last_success)
      out.gauge("stswatch_last_success_timestamp_seconds", labels, seconds_of(*t.last_success));
  }
}

/// `status`: the one that may be told now; all else keeps its last known value (CONTRACT 7).
void domain(Exposition& out, const DomainMemory& memory, Status status) {
  const auto& v = memory.verdict;
  const auto& name = v.domain.str();
  const Labels labels{{"domain", name}};
  out.one_hot("stswatch_domain_status", labels, "status", to_string(status),
              {"ok", "warning", "critical", "unknown"});
  out.one_hot("stswatch_domain_mode", labels, "mode", domain_mode(v),
              {"none", "testing", "enforce", "absent", "unknown"});
  out.one_hot("stswatch_live_mode", labels, "mode", to_string(v.live_mode), {"none", "testing", "enforce"});
  const auto outcome = [&](Part part, Outcome o) {
    out.one_hot("stswatch_outcome", {{"domain", name}, {"what", std::string(to_string(part))}}, "outcome",
                to_string(o), {"ok", "invalid", "absent", "unreachable", "unknown"});
  };
  outcome(Part::sts_record, v.record.outcome);
  outcome(Part::policy, v.policy.outcome);
  outcome(Part::mx, mx_outcome(memory));
  outcome(Part::tlsrpt_record, v.tlsrpt.outcome);
  policy(out, memory, name);
  mx_of_domain(out, v, name);
  forecast(out, v, name);
  drift(out, memory, name);
  readiness(out, v, name);
  findings(out, v, name);
  times(out, memory, name);
}

/// An MX host's addresses, once however many domains use it.
class MxHosts {
 public:
  void tell(Exposition& out, const Verdict& v) {
    for (const auto& m : v.mx) {
      for (const auto& a : m.addresses) {
        if (!told_.emplace(m.host, a.address.str()).second) continue;
        const Labels labels{{"mx", m.host}, {"address", a.address.str()}};
        out.one_hot("stswatch_mx_outcome", labels, "outcome", to_string(a.outcome),
                    {"ok", "failed", "unreachable", "unknown"});
        if (!a.tls_version.empty()) {
          Labels how = labels;
          how.push_back({"version", a.tls_version});
          how.push_back({"group", a.group});
          out.gauge("stswatch_mx_tls_info", how, 1);
        }
        if (a.certificate) certificate(out, "stswatch_mx_certificate", labels, *a.certificate);
      }
    }
  }

 private:
  std::set<std::pair<std::string, std::string>> told_;
};

void silences(Exposition& out, const Snapshot& s) {
  std::vector<const Silence*> standing;
  for (const auto& silence : s.configured_silences)
    if (stands(silence, s.now)) standing.push_back(&silence);
  for (const auto& [id, silence] : s.silences)
    if (stands(silence, s.now)) standing.push_back(&silence);
  for (const auto& memory : s.domains) {
    const auto& name = memory->verdict.domain.str();
    const auto n =
        std::ranges::count_if(standing, [&](const auto* each) { return glob_matches(each->domain, name); });
    out.gauge("stswatch_silences", {{"domain", name}}, static_cast<double>(n));
  }
}

void agent(Exposition& out, const Snapshot& s) {
  out.gauge("stswatch_build_info", {{"version", kVersion}, {"revision", kRevision}}, 1);
  for (const auto& k : s.kinds) {
    out.gauge("stswatch_interval_seconds", {{"kind", k.kind}}, static_cast<double>(k.interval.count()));
    if (k.kind == "policy") continue;  // a policy fetch is part of a domain's look
    out.gauge("stswatch_schedule_late_seconds", {{"kind", k.kind}}, static_cast<double>(k.late.count()));
    out.gauge("stswatch_subjects", {{"kind", k.kind}}, static_cast<double>(k.subjects));
  }
  out.gauge("stswatch_workers", {{"state", "busy"}}, static_cast<double>(s.workers_busy));
  out.gauge("stswatch_workers", {{"state", "idle"}}, static_cast<double>(s.workers_idle));
  out.gauge("stswatch_vantage_port25_ok", {}, s.port25_ok ? 1 : 0);
  const auto ails = [&](std::string_view code) {
    return std::ranges::any_of(s.own, [&](const Incident& i) { return i.open() && i.finding.code == code; });
  };
  out.gauge("stswatch_vantage_dns_ok", {}, ails(codes::resolver_blind) ? 0 : 1);
  out.gauge("stswatch_vantage_starttls_ok", {}, ails(codes::starttls_stripped) ? 0 : 1);
  out.gauge("stswatch_vantage_resources_ok", {}, ails(codes::resources) ? 0 : 1);
  out.gauge("stswatch_vantage_clock_ok", {}, ails(codes::clock_stepped) ? 0 : 1);
  out.gauge("stswatch_config_last_reload_successful", {}, s.reload_successful ? 1 : 0);
  out.gauge("stswatch_config_last_reload_success_timestamp_seconds", {}, seconds_of(s.reload_success_at));
  out.counter("stswatch_store_errors_total", {}, static_cast<double>(s.store_errors));
  out.gauge("stswatch_trust_store_info", {{"file", s.trust_store_file}, {"sha256", s.trust_store_sha256}}, 1);
}

/// Labels are words from closed sets: a reporter cannot make up any.
void tls_reports(Exposition& out, const Snapshot& s) {
  if (!s.reports.taking && s.reports.domains.empty()) return;
  const auto sessions = [&](const std::string& domain, const std::string& type, reports::Sessions n) {
    const auto tell = [&](const char* result, std::uint64_t count) {
      out.counter("stswatch_tlsrpt_sessions_total",
                  {{"domain", domain}, {"policy_type", type}, {"result", result}},
                  static_cast<double>(count));
    };
    tell("successful", n.successful);
    tell("failed", n.failed);
  };
  for (const auto& memory : s.domains) {
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
  for (const auto fate : reports::kFates) {
    const auto it = s.reports.fates.find(fate);
    out.counter("stswatch_tlsrpt_reports_total", {{"outcome", std::string(to_string(fate))}},
                it == s.reports.fates.end() ? 0 : static_cast<double>(it->second));
  }
}

void receivers(Exposition& out, const Snapshot& s) {
  for (const auto& r : s.receivers) {
    for (const auto& [kind, n] : r.sent)
      out.counter("stswatch_notifications_total", {{"receiver", r.name}, {"kind", kind}},
                  static_cast<double>(n));
    for (const auto& [reason, n] : r.failed)
      out.counter("stswatch_notifications_failed_total", {{"receiver", r.name}, {"reason", reason}},
                  static_cast<double>(n));
    out.gauge("stswatch_outbox_pending", {{"receiver", r.name}}, static_cast<double>(r.pending));
    const auto age = r.oldest ? std::max(s.now - *r.oldest, Seconds{0}) : Seconds{0};
    out.gauge("stswatch_outbox_oldest_seconds", {{"receiver", r.name}}, static_cast<double>(age.count()));
  }
}

}  // namespace

std::vector<MetricFamily> families_of(const Snapshot& snapshot) {
  Exposition out;
  for (const auto& memory : snapshot.domains)
    domain(out, *memory, told_status(snapshot, *memory));
  MxHosts hosts;
  for (const auto& memory : snapshot.domains)
    hosts.tell(out, memory->verdict);
  silences(out, snapshot);
  agent(out, snapshot);
  receivers(out, snapshot);
  tls_reports(out, snapshot);
  return out.take();
}

std::vector<MetricFamily> families_of(const DomainMemory& memory) {
  Exposition out;
  domain(out, memory, memory.verdict.status);
  MxHosts().tell(out, memory.verdict);
  return out.take();
}

LookMetrics::LookMetrics() : registry_(std::make_shared<prometheus::Registry>()) {
  auto& looks = prometheus::BuildCounter()
                    .Name(std::string(kLooksTotal))
                    .Help("Looks by kind and how they ended.")
                    .Register(*registry_);
  auto& durations = prometheus::BuildHistogram()
                        .Name(std::string(kLookDuration))
                        .Help("How long looks took.")
                        .Register(*registry_);
  constexpr std::array<const char*, 3> kinds{"domain", "policy", "mx"};
  constexpr std::array<const char*, 3> outcomes{"ok", "failed", "unknown"};
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    for (std::size_t o = 0; o < outcomes.size(); ++o)
      looks_[k][o] = &looks.Add({{"kind", kinds[k]}, {"outcome", outcomes[o]}});
    durations_[k] = &durations.Add({{"kind", kinds[k]}}, prometheus::Histogram::BucketBoundaries{
                                                             0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60});
  }
}

void LookMetrics::looked(LookKind kind, LookOutcome outcome, double seconds) {
  looks_[static_cast<std::size_t>(kind)][static_cast<std::size_t>(outcome)]->Increment();
  durations_[static_cast<std::size_t>(kind)]->Observe(seconds);
}

}  // namespace stswatch
