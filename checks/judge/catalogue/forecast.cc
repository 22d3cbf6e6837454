// Findings of group I and O: what will happen, and whether the domain is ready for enforce.

#include "checks/judge/catalogue/catalogue.h"

namespace stswatch::catalogue_tables {
namespace {

using enum Severity;
constexpr std::nullopt_t kNever = std::nullopt;

constexpr CatalogueEntry kEntries[] = {
    {.code = "enforce-breakage-now",
     .group = 'I',
     .severity = {kNever, kNever, critical},
     .route = Route::page,
     .tlsrpt = "",
     .title = "Enforcing senders cannot deliver to any MX host",
     .effect =
         "{who} defer mail for {domain} now; the first of it comes back after one day, the rest within five. "
         "Other senders still deliver.",
     .fix = "Remove the cause named in the detail. If that takes more than a few hours, keep the mx lines "
            "but set \"mode: testing\" in the policy file, verify it at every address, then publish "
            "\"v=STSv1; id={new_id};\" at {record}: senders that look at the id deliver again within one "
            "TTL of the record.",
     .reference = "RFC 8461 §5"},
    {.code = "enforce-breakage-predicted",
     .group = 'I',
     .severity = {kNever, kNever, critical},
     .route = Route::page,
     .tlsrpt = "",
     .title = "Enforcing senders will soon have no MX host left",
     .effect = "None yet: mail flows until {until}. After that senders that enforce defer it.",
     .fix = "Renew or repair what the detail names before that time, then look again. If it cannot be done "
            "in time, set \"mode: testing\" in the policy file, verify it at every address, then publish "
            "\"v=STSv1; id={new_id};\" at {record}.",
     .reference = "RFC 8461 §4, RFC 8461 §5"},
    {.code = "enforce-degradation-predicted",
     .group = 'I',
     .severity = {kNever, kNever, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "Enforcing senders will soon lose some of the MX hosts",
     .effect = "None yet: all hosts serve until {until}. After that senders that enforce use the remaining "
               "ones, with less in reserve.",
     .fix = "Renew or repair what the detail names before that time, then look again.",
     .reference = "RFC 8461 §4, RFC 8461 §8.4"},
    {.code = "protection-lapse-predicted",
     .group = 'I',
     .severity = {kNever, kNever, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "Protection by MTA-STS is about to run out",
     .effect = "Senders that hold the policy apply it until {until}. After that they deliver without "
               "protection; mail keeps flowing.",
     .fix = "Make the policy on {policy_host} fetchable again: see the findings on the record, the policy "
            "host and its certificate. Then check that every address serves the file.",
     .reference = "RFC 8461 §3.3, RFC 8461 §10.2"},
    {.code = "enforce-ready",
     .group = 'O',
     .severity = {kNever, info, kNever},
     .route = Route::log,
     .tlsrpt = "",
     .title = "All gates for the step from testing to enforce pass",
     .effect = "none: mail is not affected",
     .fix = "Switch when it suits you: set \"mode: enforce\" with \"max_age: 604800\" in the policy file, "
            "verify it at every address, then publish \"v=STSv1; id={new_id};\" at {record}.",
     .reference = "RFC 8461 §5"},
    {.code = "enforce-not-ready",
     .group = 'O',
     .severity = {kNever, info, kNever},
     .route = Route::log,
     .tlsrpt = "",
     .title = "Some gates for the step from testing to enforce are open",
     .effect = "none: in testing senders deliver even where the policy fails",
     .fix = "Work through the gates listed in the detail and stay in testing until all pass. The policy "
            "itself need not change for them.",
     .reference = "RFC 8461 §5"},
    {.code = "enforce-without-testing",
     .group = 'O',
     .severity = {kNever, kNever, info},
     .route = Route::log,
     .tlsrpt = "",
     .title = "The policy enforces without a proper time in testing",
     .effect = "None as long as every MX host is good. Faults that a week in testing would have shown as "
               "reports stop mail instead.",
     .fix = "Read the TLS reports every day for now. The careful way is two weeks of testing first: set "
            "\"mode: testing\" in the policy file, verify it at every address, then publish \"v=STSv1; "
            "id={new_id};\" at {record}.",
     .reference = "RFC 8461 §5"},
};

}  // namespace

std::span<const CatalogueEntry> forecast() { return kEntries; }

}  // namespace stswatch::catalogue_tables
