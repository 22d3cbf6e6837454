// Every metric of a snapshot: name and help, in exposition order. Counters where the name ends in _total,
// else gauges.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace stswatch {

struct MetricInfo {
  std::string_view name;
  std::string_view help;
};

inline constexpr std::array kMetrics = {
    MetricInfo{"stswatch_build_info", "Always 1; the version that runs, and its commit."},
    MetricInfo{"stswatch_domains", "Domains that are watched, by the status that each has."},
    MetricInfo{"stswatch_domains_with_finding",
               "Domains that have a finding of this code open; absent where none has."},
    MetricInfo{"stswatch_earliest_breakage_timestamp_seconds",
               "The earliest breakage that is foreseen for any domain (level rfc); +Inf when none is."},
    MetricInfo{"stswatch_earliest_degradation_timestamp_seconds",
               "The earliest degradation that is foreseen for any domain (level rfc); +Inf when none is."},
    MetricInfo{"stswatch_domain_status",
               "1 for the status the domain has: ok, warning, critical or unknown."},
    MetricInfo{"stswatch_domain_mode",
               "1 for the mode a sender without a cached policy applies now: none, testing, enforce, absent "
               "or unknown."},
    MetricInfo{"stswatch_live_mode",
               "1 for the strongest mode that any sender may still apply (severities follow it)."},
    MetricInfo{"stswatch_outcome",
               "1 for what the newest conclusive look at a part of the domain found: ok, invalid, absent, "
               "unreachable or unknown."},
    MetricInfo{"stswatch_policy_info", "Always 1; id of the record, mode and SHA-256 of the policy served."},
    MetricInfo{"stswatch_policy_max_age_seconds",
               "max_age of the policy served, or of the last one seen (RFC 8461 section 3.2)."},
    MetricInfo{"stswatch_policy_last_success_timestamp_seconds", "When a valid policy was last fetched."},
    MetricInfo{"stswatch_policy_host_certificate_not_after_timestamp_seconds",
               "Earliest end of the chain that an address of the policy host shows, valid or not."},
    MetricInfo{"stswatch_policy_host_certificate_not_before_timestamp_seconds",
               "Begin of the certificate whose end is shown as not_after."},
    MetricInfo{"stswatch_mx_certificate_not_after_timestamp_seconds",
               "Earliest end of the chain that an address of the MX host shows, valid or not."},
    MetricInfo{"stswatch_mx_certificate_not_before_timestamp_seconds",
               "Begin of the certificate whose end is shown as not_after."},
    MetricInfo{"stswatch_mx_info", "Always 1; which domain uses which MX host."},
    MetricInfo{"stswatch_mx_allowed", "1 when the policy in effect lists the MX host, 0 when it does not."},
    MetricInfo{"stswatch_mx_outcome",
               "1 for what an address of the MX host proved: ok, failed, unreachable or unknown."},
    MetricInfo{"stswatch_mx_tls_info",
               "Always 1; TLS version and key exchange group of the last handshake with an address."},
    MetricInfo{"stswatch_mx_hosts", "MX hosts of the domain. Absent while their lookup has never succeeded."},
    MetricInfo{
        "stswatch_enforce_usable_mx",
        "MX hosts that enforcing senders can use: certainly (bound min) and possibly (bound max); level "
        "rfc, and field with the habits of deployed senders. Absent where no enforce policy is in "
        "effect."},
    MetricInfo{"stswatch_breakage_timestamp_seconds",
               "Earliest moment when enforcing senders reach no MX host; +Inf when none is foreseen. Levels "
               "dane and both only where TLSA records can be used."},
    MetricInfo{
        "stswatch_degradation_timestamp_seconds",
        "Earliest moment when enforcing senders lose a part of the MX hosts; +Inf when none is foreseen."},
    MetricInfo{"stswatch_breakage_overdue",
               "1 when the foreseen breakage comes from a certificate past its renewal point."},
    MetricInfo{"stswatch_protection_lapse_timestamp_seconds",
               "When the last cached enforce policy ends if nothing is repaired; +Inf when that is open."},
    MetricInfo{
        "stswatch_caches_consistent_timestamp_seconds",
        "When no sender can hold an earlier policy any more (safe after); +Inf when no end is foreseen."},
    MetricInfo{"stswatch_forecast_info", "Always 1; the cause of the foreseen breakage or degradation."},
    MetricInfo{"stswatch_drift_events_total",
               "Changes of record, policy and MX set, and faults in their order, since memory began."},
    MetricInfo{"stswatch_drift_last_timestamp_seconds",
               "When the newest of such changes happened; absent where memory holds none."},
    MetricInfo{"stswatch_enforce_ready",
               "1 when a policy in testing has passed every gate for the step to enforce, 0 otherwise."},
    MetricInfo{"stswatch_testing_clean_seconds",
               "For how long all that can be seen of these gates has held without a break; 0 when something "
               "fails now."},
    MetricInfo{"stswatch_finding",
               "1 for each open finding of the domain; its page is stswatch explain CODE."},
    MetricInfo{"stswatch_domain_labels",
               "Always 1; the labels of the domain in the configuration, to join other series with."},
    MetricInfo{"stswatch_silences",
               "Silences that stand and touch the domain, those of the configuration included."},
    MetricInfo{"stswatch_tlsrpt_sessions_total",
               "Sessions that senders report of the domain, by kind of policy and result: successful or "
               "failed (RFC 8460 section 4.4)."},
    MetricInfo{"stswatch_tlsrpt_failures_total",
               "Failures that senders report, by result type; one session may count under several "
               "(RFC 8460 section 4)."},
    MetricInfo{"stswatch_tlsrpt_last_report_timestamp_seconds",
               "When the newest report of the domain came in."},
    MetricInfo{"stswatch_tlsrpt_reports_total",
               "What was handed in as a report, by what became of it: stored, duplicate, foreign (about no "
               "domain that is watched), outdated, unreadable, unauthenticated or no-report."},
    MetricInfo{"stswatch_last_look_timestamp_seconds", "When a part of the domain was last looked at."},
    MetricInfo{"stswatch_last_success_timestamp_seconds",
               "When a look at a part of the domain was last conclusive."},
    MetricInfo{"stswatch_interval_seconds", "Configured time between looks of a kind."},
    MetricInfo{"stswatch_schedule_late_seconds",
               "How long the most overdue subject of a kind has been waiting."},
    MetricInfo{"stswatch_subjects", "Domains and MX hosts in the schedule."},
    MetricInfo{"stswatch_workers", "Threads that look, by what they do now."},
    MetricInfo{"stswatch_vantage_port25_ok",
               "0 when no MX host answers on port 25 from here: MX looks are unknown. Absent until one was "
               "asked."},
    MetricInfo{"stswatch_vantage_dns_ok",
               "0 when the resolver of this agent does not resolve: lookups are unknown."},
    MetricInfo{
        "stswatch_vantage_starttls_ok",
        "0 when something between this agent and all mail hosts removes STARTTLS: MX looks are unknown."},
    MetricInfo{"stswatch_vantage_resources_ok",
               "0 while descriptors, buffers or threads of this agent do not suffice for its looks."},
    MetricInfo{
        "stswatch_vantage_clock_ok",
        "0 while the wall clock of this machine disagrees with the time that has passed, or with others."},
    MetricInfo{"stswatch_config_last_reload_successful",
               "1 when the newest reload of the configuration was valid."},
    MetricInfo{"stswatch_config_last_reload_success_timestamp_seconds",
               "When a valid configuration was last loaded."},
    MetricInfo{"stswatch_store_errors_total",
               "Attempts to write or read the store that failed; memory goes on in RAM meanwhile."},
    MetricInfo{"stswatch_trust_store_info", "Always 1; the trust store certificates are verified against."},
    MetricInfo{"stswatch_notifications_total", "Notices that a receiver took, by kind."},
    MetricInfo{"stswatch_notifications_failed_total", "Attempts to send a notice that failed, by reason."},
    MetricInfo{"stswatch_outbox_pending", "Notices that a receiver is owed."},
    MetricInfo{"stswatch_outbox_oldest_seconds", "How long the oldest notice has been owed to a receiver."},
};

constexpr bool is_counter(const MetricInfo& info) { return info.name.ends_with("_total"); }

/// The name of a metric in the table, as its place there; any other name does not compile.
class Metric {
 public:
  consteval Metric(const char* name)  // NOLINT: it stands for the name wherever one is written
      : place_(static_cast<std::size_t>(
            std::ranges::find(kMetrics, std::string_view(name), &MetricInfo::name) - kMetrics.begin())) {
    if (place_ == kMetrics.size()) throw "no metric of this name is in the table";
  }
  constexpr std::size_t place() const { return place_; }

 private:
  std::size_t place_;
};

}  // namespace stswatch
