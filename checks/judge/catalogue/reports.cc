// What senders report: RFC 8460 §4. Each needs the evidence of RULES 5.3 or of its own row there.
#include "checks/judge/catalogue/catalogue.h"

namespace stswatch::catalogue_tables {
std::span<const CatalogueEntry> reports();

namespace {

using enum Severity;
constexpr std::nullopt_t kNever = std::nullopt;

constexpr Basis kReports = Basis::all_of({Ground::reports});
constexpr Telling kToldAsReports{Nature{.family = Family::reports,
                                        .aspect = Aspect::reports,
                                        .claim = Claim::cause,
                                        .of_host = false,
                                        .headline = Headline::title}};

constexpr CatalogueEntry kReportRows[] = {
    {.code = "tlsrpt-reports-absent",
     .theme = Theme::reports,
     .severity = {kNever, info, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "TLS reports no longer come",
     .effect = "none: mail is not affected, but what senders meet is not seen any more",
     .fix = "Send a message with a gzip attachment to the address in the record at _smtp._tls.{domain}, and "
            "look where it goes: filters take reports for spam, and mailboxes fill up. For an https address "
            "look whether it answers a POST with 200 or 201.",
     .reference = "RFC 8460 §4.1, RFC 8460 §5",
     .rests_on = kReports,
     .told = kToldAsReports,
     .beside = Beside::anything().needs_mx(),
     .on_text = OnText::neither,
     .advice = Theme::tlsrpt},
    {.code = "tlsrpt-failure-rate",
     .theme = Theme::reports,
     .severity = {kNever, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "Senders report sessions that fail",
     .effect = "In mode enforce that mail waits and may come back; in testing it was delivered without the "
               "protection that the policy asks for.",
     .fix =
         "Mend what the result type names at the hosts that are named. Where the looks of this agent agree, "
         "the fault is real for everybody; where they do not, look for one address, region or node that "
         "only senders meet.",
     .reference = "RFC 8460 §4.3",
     .rests_on = kReports,
     .told = kToldAsReports,
     .beside = Beside::anything().needs_mx(),
     .on_text = OnText::neither,
     .advice = Theme::tlsrpt},
    {.code = "tlsrpt-new-failure-type",
     .theme = Theme::reports,
     .severity = {kNever, info, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "A sender reports a failure that it did not report before",
     .effect = "As the result type says: in mode enforce that mail waits, in testing it went unprotected.",
     .fix = "Look what changed at {subject} on the first day of the report: certificate, firewall, DNS. "
            "Compare the address in the report with those that this agent looks at.",
     .reference = "RFC 8460 §4.3",
     .rests_on = kReports,
     .told = kToldAsReports,
     .beside = Beside::anything().needs_mx(),
     .on_text = OnText::neither,
     .advice = Theme::tlsrpt},
    {.code = "tlsrpt-policy-stale",
     .theme = Theme::reports,
     .severity = {kNever, info, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "A sender still applies an earlier policy",
     .effect = "That sender decides by the earlier policy: where it does not list today's MX hosts and asks "
               "for enforce, its mail waits.",
     .fix = "Publish a new id at {record}, and see that the policy can be fetched from everywhere. Until the "
            "cache of that sender ends, keep the hosts of the earlier policy working.",
     .reference = "RFC 8460 §4.4, RFC 8461 §8.1",
     .rests_on = kReports,
     .told = kToldAsReports,
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::fetch},
    {.code = "tlsrpt-policy-unknown",
     .theme = Theme::reports,
     .severity = {kNever, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "A sender was given a policy that was never seen here",
     .effect = "That sender decides by a policy that is not the one published: it may accept other hosts, or "
               "none of yours.",
     .fix = "Look for a node, a provider or an earlier host that serves another file at "
            "https://{policy_host}/. Where there is none take it for an attack on DNS or hosting, keep the "
            "report, and publish a new id at {record}.",
     .reference = "RFC 8461 §10.3",
     .rests_on = kReports,
     .told = kToldAsReports,
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::fetch},
    {.code = "tlsrpt-no-policy-found",
     .theme = Theme::reports,
     .severity = {kNever, info, warning},
     .route = Route::ticket,
     .reported_as = ResultType::no_policy_found,
     .title = "Senders do not find the policy that is there",
     .effect = "Those senders deliver without the protection of the policy.",
     .fix = "Look whether {policy_host} and the name servers answer those senders: firewalls that block "
            "agents or regions, a slow host, name servers that differ.",
     .reference = "RFC 8460 §4.4",
     .rests_on = kReports,
     .told = kToldAsReports,
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::fetch},
    {.code = "tlsrpt-unknown-mx",
     .theme = Theme::reports,
     .severity = {kNever, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "Senders were led to a host that is no MX host of the domain",
     .effect = "In mode enforce the policy kept that mail from {subject}; in testing it may have gone there.",
     .fix = "Find out whose host {subject} is, and which resolver the sender asked: an old MX record in a "
            "cache, or answers that somebody forged. Keep the report.",
     .reference = "RFC 8461 §10, RFC 8460 §4.4",
     .rests_on = kReports,
     .told = kToldAsReports,
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::mx},
    {.code = "tlsrpt-probe-disagrees",
     .theme = Theme::reports,
     .severity = {kNever, info, warning},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "Senders report failures at a host that looks good from here",
     .effect = "Some senders meet something else than this agent does; their mail waits in mode enforce.",
     .fix = "Ask every address of {subject} from another network, with and without SNI: an address behind a "
            "load balancer, a region, or an old node of the pool answers otherwise.",
     .reference = "RFC 8460 §4.3",
     .rests_on = kReports,
     .told = kToldAsReports,
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::smtp},
};

}  // namespace

std::span<const CatalogueEntry> reports() { return kReportRows; }

}  // namespace stswatch::catalogue_tables
