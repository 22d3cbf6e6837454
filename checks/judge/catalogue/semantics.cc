// Findings of group E: what a well-formed policy says.

#include "checks/judge/catalogue/catalogue.h"

namespace stswatch::catalogue_tables {
namespace {

using enum Severity;
constexpr std::nullopt_t kNever = std::nullopt;

constexpr CatalogueEntry kEntries[] = {
    {.code = "sts-max-age-short",
     .group = 'E',
     .severity = {kNever, info, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "The max_age of the policy is short",
     .effect = "Senders soon forget the policy. Whoever can block DNS or HTTPS for that long takes the "
               "protection away.",
     .fix = "Lengthen max_age in stages: 86400 in testing, 604800 when enforce begins, 2419200 or more once "
            "all is stable. For each step change the file, verify it at every address, then publish a new "
            "id, now \"v=STSv1; id={new_id};\".",
     .reference = "RFC 8461 §3.2, RFC 8461 §10.2"},
    {.code = "sts-max-age-under-hour",
     .group = 'E',
     .severity = {kNever, info, warning},
     .route = Route::log,
     .tlsrpt = "",
     .title = "The max_age of the policy is under an hour",
     .effect = "Stalwart keeps such a policy for 86400 seconds all the same; other senders hardly keep it "
               "at all.",
     .fix = "Raise max_age to a day at least, verify the file at every address, then publish \"v=STSv1; "
            "id={new_id};\" at {record}. In an emergency a change to \"mode: testing\" with a new id serves "
            "you better than a tiny max_age.",
     .reference = "RFC 8461 §3.2"},
    {.code = "sts-max-age-long",
     .group = 'E',
     .severity = {kNever, info, info},
     .route = Route::log,
     .tlsrpt = "",
     .title = "The max_age is long for a policy that still changes",
     .effect = "Nothing today. A sender that fetches now and cannot fetch again later applies today's "
               "policy until {until}, whatever you change.",
     .fix = "Hold max_age at 604800 until a month has gone by without a change of MX hosts. To lower it, "
            "change the file, verify it at every address, then publish \"v=STSv1; id={new_id};\" at "
            "{record}.",
     .reference = "RFC 8461 §3.2, RFC 8461 §8.3"},
    {.code = "sts-mode-none-published",
     .group = 'E',
     .severity = {info, info, info},
     .route = Route::log,
     .tlsrpt = "no-policy-found",
     .title = "The policy says mode none",
     .effect = "Senders that fetch it treat {domain} as a domain without MTA-STS. Some may hold an earlier "
               "enforce policy until {until}.",
     .fix = "To opt out, leave the TXT record, {policy_host} and its certificate in service for now, since "
            "senders may hold the earlier policy until {until}. Only then remove them.",
     .reference = "RFC 8461 §5, RFC 8461 §8.3"},
    {.code = "sts-none-without-mx",
     .group = 'E',
     .severity = {info, info, warning},
     .route = Route::log,
     .tlsrpt = "",
     .title = "The policy with mode none lists no mx",
     .effect = "The RFC allows it, but chasquid and Stalwart refuse the file and go on applying the enforce "
               "policy that they hold until {until}.",
     .fix = "Put the mx lines back beside \"mode: none\", where they do no harm. Verify the file at every "
            "address, then publish \"v=STSv1; id={new_id};\" at {record}.",
     .reference = "RFC 8461 §3.2, RFC 8461 §8.3"},
    {.code = "sts-wildcard-broad",
     .group = 'E',
     .severity = {kNever, info, warning},
     .route = Route::log,
     .tlsrpt = "",
     .title = "A wildcard in the policy covers more than the mail hosts",
     .effect = "Mail flows as usual. But an attacker who forges the MX answer needs only some host under "
               "that suffix, with a valid certificate, to be accepted.",
     .fix = "Name each MX host in full, or move them under a sub-domain of their own, such as "
            "*.mx.{domain}. Change the file, verify it at every address, then publish \"v=STSv1; "
            "id={new_id};\". Find out who can get certificates under the suffix.",
     .reference = "RFC 8461 §10.4"},
    {.code = "sts-mx-pattern-unused",
     .group = 'E',
     .severity = {kNever, info, info},
     .route = Route::log,
     .tlsrpt = "",
     .title = "A pattern of the policy matches no current MX host",
     .effect = "none: mail is not affected",
     .fix = "During a migration leave it in place. If the host will not come back, delete the line, verify "
            "the file at every address, then publish \"v=STSv1; id={new_id};\" at {record}.",
     .reference = "RFC 8461 §4.1"},
    {.code = "sts-subdomain-uncovered",
     .group = 'E',
     .severity = {info, info, warning},
     .route = Route::log,
     .tlsrpt = "no-policy-found",
     .title = "A sub-domain that takes mail has no policy of its own",
     .effect = "The policy of {domain} must not be applied to it: senders deliver there with opportunistic "
               "TLS only.",
     .fix = "Set up a certificate, a policy host and a policy file for the sub-domain, then its TXT record. "
            "If it should take no mail, give it a null MX (\"MX 0 .\").",
     .reference = "RFC 8461 §3.4"},
    {.code = "sts-delegation-incomplete",
     .group = 'E',
     .severity = {kNever, warning, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "Only one of the two MTA-STS names is delegated to the provider",
     .effect = "The id and the policy file change independently of each other: senders miss updates, or "
               "fetch for nothing.",
     .fix = "Delegate both {record} and {policy_host} to the provider, or keep both. While you change over, "
            "see that the file is right and the same at every address before a new id appears.",
     .reference = "RFC 8461 §8.2"},
    {.code = "sts-testing-without-tlsrpt",
     .group = 'E',
     .severity = {kNever, warning, kNever},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "The policy is in testing but no TLS reports are asked for",
     .effect = "Mail is delivered whether the policy holds or not, and nobody tells you when it would have "
               "failed.",
     .fix = "Publish a TXT record at _smtp._tls.{domain}: \"v=TLSRPTv1; rua=mailto:tlsrpt@{domain}\". After "
            "two days check that reports come in.",
     .reference = "RFC 8461 §5, RFC 8461 §6, RFC 8460 §3"},
    {.code = "sts-testing-too-long",
     .group = 'E',
     .severity = {kNever, info, kNever},
     .route = Route::log,
     .tlsrpt = "",
     .title = "The policy has been in testing for over 90 days",
     .effect = "Senders deliver even where the policy fails, so an attacker on the path can still divert or "
               "read the mail.",
     .fix = "All readiness gates pass, so switch: set \"mode: enforce\" and \"max_age: 604800\" in the "
            "file, verify it at every address, then publish \"v=STSv1; id={new_id};\" at {record}.",
     .reference = "RFC 8461 §5, RFC 8461 §10.2"},
    {.code = "sts-tld-or-nonmail-domain",
     .group = 'E',
     .severity = {info, info, info},
     .route = Route::log,
     .tlsrpt = "",
     .title = "A policy is published for a domain that takes no mail",
     .effect = "none: there is no mail that it could affect",
     .fix = "Nothing is urgent: a null MX alone would do. To drop the policy, serve \"mode: none\", verify "
            "every address, publish \"v=STSv1; id={new_id};\", and remove it all once senders no longer "
            "hold the old one.",
     .reference = "RFC 7505"},
};

}  // namespace

std::span<const CatalogueEntry> semantics() { return kEntries; }

}  // namespace stswatch::catalogue_tables
