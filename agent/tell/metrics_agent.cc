// What metrics say of the agent itself, its receivers and its looks.
#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <algorithm>

#include "agent/tell/families.h"
#include "agent/tell/metrics.h"
#include "agent/version.h"
#include "checks/judge/catalogue/codes.h"

namespace stswatch {

void tell_agent(Exposition& out, const Snapshot& s) {
  out.gauge("stswatch_build_info", {{"version", kVersion}, {"revision", kRevision}}, 1);
  for (const auto& k : s.kinds) {
    out.gauge("stswatch_interval_seconds", {{"kind", k.kind}}, static_cast<double>(k.interval.count()));
    if (k.kind == "policy") continue;  // a policy fetch is part of a domain's look
    out.gauge("stswatch_schedule_late_seconds", {{"kind", k.kind}}, static_cast<double>(k.late.count()));
    out.gauge("stswatch_subjects", {{"kind", k.kind}}, static_cast<double>(k.subjects));
  }
  out.gauge("stswatch_workers", {{"state", "busy"}}, static_cast<double>(s.workers_busy));
  out.gauge("stswatch_workers", {{"state", "idle"}}, static_cast<double>(s.workers_idle));
  // What was not tried yet is neither.
  if (s.port25_ok) out.gauge("stswatch_vantage_port25_ok", {}, *s.port25_ok ? 1 : 0);
  const auto ails = [&](std::string_view code) {
    return std::ranges::any_of(s.own, [&](const Incident& i) { return i.open() && i.finding.code == code; });
  };
  const auto ok = [&](Metric metric, std::string_view code, bool tried) {
    if (const bool bad = ails(code); bad || tried) out.gauge(metric, {}, bad ? 0 : 1);
  };
  ok("stswatch_vantage_dns_ok", codes::resolver_blind, !s.domains.empty());
  ok("stswatch_vantage_starttls_ok", codes::starttls_stripped, s.port25_ok.has_value());
  out.gauge("stswatch_vantage_resources_ok", {}, ails(codes::resources) ? 0 : 1);
  out.gauge("stswatch_vantage_clock_ok", {}, ails(codes::clock_stepped) || ails(codes::clock_skew) ? 0 : 1);
  out.gauge("stswatch_config_last_reload_successful", {}, s.reload_successful ? 1 : 0);
  out.gauge("stswatch_config_last_reload_success_timestamp_seconds", {}, seconds_of(s.reload_success_at));
  out.counter("stswatch_store_errors_total", {}, static_cast<double>(s.store_errors));
  out.gauge("stswatch_trust_store_info", {{"file", s.trust_store_file}, {"sha256", s.trust_store_sha256}}, 1);
}

void tell_receivers(Exposition& out, const Snapshot& s) {
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

void tell_reports_taken(Exposition& out, const Snapshot& s) {
  if (!s.reports.taking && s.reports.domains.empty()) return;
  for (const auto fate : reports::kFates) {
    const auto it = s.reports.fates.find(fate);
    out.counter("stswatch_tlsrpt_reports_total", {{"outcome", to_string(fate)}},
                it == s.reports.fates.end() ? 0 : static_cast<double>(it->second));
  }
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
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    for (const auto outcome : {LookOutcome::ok, LookOutcome::failed, LookOutcome::unknown})
      looks_[k][static_cast<std::size_t>(outcome)] =
          &looks.Add({{"kind", kinds[k]}, {"outcome", std::string(to_string(outcome))}});
    durations_[k] = &durations.Add({{"kind", kinds[k]}}, prometheus::Histogram::BucketBoundaries{
                                                             0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60});
  }
}

void LookMetrics::looked(LookKind kind, LookOutcome outcome, double seconds) {
  looks_[static_cast<std::size_t>(kind)][static_cast<std::size_t>(outcome)]->Increment();
  durations_[static_cast<std::size_t>(kind)]->Observe(seconds);
}

}  // namespace stswatch
