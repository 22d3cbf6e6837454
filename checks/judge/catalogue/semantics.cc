// What the policy says, and advice for known mail providers beside the generic finding.
#include "checks/judge/catalogue/catalogue.h"

namespace stswatch::catalogue_tables {
namespace {

using enum Severity;
constexpr std::nullopt_t kNever = std::nullopt;

constexpr Basis kPolicy = Basis::all_of({Ground::sts_record, Ground::policy});
constexpr Basis kSet = Basis::all_of({Ground::mx_set});
/// A record that is there and does not do, or is no longer: that is the one to mend.
constexpr std::string_view kTlsrptFaults[] = {"tlsrpt-removed", "tlsrpt-multiple", "tlsrpt-syntax-invalid",
                                              "tlsrpt-rua-missing", "tlsrpt-rua-scheme"};
/// Where the null MX may be a mistake, none of it is a reason to retire the policy.
constexpr std::string_view kBecameNull[] = {"mx-became-null"};
constexpr Telling kToldAsSemantics{Nature{.family = Family::publication,
                                          .aspect = Aspect::semantics,
                                          .claim = Claim::cause,
                                          .of_host = false,
                                          .headline = Headline::title}};
constexpr Telling kToldAsMatch{Nature{.family = Family::delivery,
                                      .aspect = Aspect::match,
                                      .claim = Claim::cause,
                                      .of_host = false,
                                      .headline = Headline::title}};

constexpr CatalogueEntry kSemanticsRows[] = {
    {.code = "sts-max-age-short",
     .theme = Theme::semantics,
     .severity = {kNever, info, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "The max_age of the policy is short",
     .effect = "Senders soon forget the policy. Whoever can block DNS or HTTPS for that long takes the "
               "protection away.",
     .fix = "Lengthen max_age in stages: 86400 in testing, 604800 when enforce begins, 2419200 or more once "
            "all is stable. For each step change the file, verify it at every address, then publish a new "
            "id, now \"v=STSv1; id={new_id};\".",
     .reference = "RFC 8461 §3.2, RFC 8461 §10.2",
     .rests_on = kPolicy,
     .told = kToldAsSemantics,
     .beside = Beside::anything(),
     .on_text = OnText::policy,
     .advice = Theme::semantics},
    {.code = "sts-max-age-under-hour",
     .theme = Theme::semantics,
     .severity = {kNever, info, warning},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "The max_age of the policy is under an hour",
     .effect = "Stalwart keeps such a policy for 86400 seconds all the same; others drop it so soon that an "
               "attacker has only to wait.",
     .fix = "Raise max_age to a day at least, verify the file at every address, then publish \"v=STSv1; "
            "id={new_id};\" at {record}. In an emergency a change to \"mode: testing\" with a new id serves "
            "you better than a tiny max_age.",
     .reference = "RFC 8461 §3.2",
     .rests_on = kPolicy,
     .told = kToldAsSemantics,
     .beside = Beside::anything(),
     .on_text = OnText::policy,
     .advice = Theme::semantics},
    {.code = "sts-max-age-long",
     .theme = Theme::semantics,
     .severity = {kNever, info, info},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "The max_age is long for a policy that still changes",
     .effect = "Nothing today. A sender that fetches now and cannot fetch again later applies today's "
               "policy until {until}, whatever you change.",
     .fix = "Hold max_age at 604800 until a month has gone by without a change of MX hosts. To lower it, "
            "change the file, verify it at every address, then publish \"v=STSv1; id={new_id};\" at "
            "{record}.",
     .reference = "RFC 8461 §3.2, RFC 8461 §8.3",
     .rests_on = kPolicy,
     .told = kToldAsSemantics,
     .beside = Beside::anything(),
     .on_text = OnText::policy,
     .advice = Theme::semantics},
    {.code = "sts-mode-none-published",
     .theme = Theme::semantics,
     .severity = {info, info, info},
     .route = Route::log,
     .reported_as = ResultType::no_policy_found,
     .title = "The policy says mode none",
     .effect = "Senders that fetch it treat {domain} as a domain without MTA-STS. Some may hold an earlier "
               "enforce policy until {until}.",
     .fix = "To opt out, leave the TXT record, {policy_host} and its certificate in service for now, since "
            "senders may hold the earlier policy until {until}. Only then remove them.",
     .reference = "RFC 8461 §5, RFC 8461 §8.3",
     .rests_on = kPolicy,
     .told = kToldAsSemantics,
     .beside = Beside::anything(),
     .on_text = OnText::policy,
     .advice = Theme::semantics},
    {.code = "sts-none-without-mx",
     .theme = Theme::semantics,
     .severity = {info, info, warning},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "The policy with mode none lists no mx",
     .effect = "The RFC allows it, but chasquid refuses the file and goes on applying the enforce policy "
               "that it holds until {until}. Stalwart refuses it too, and once the id is new it delivers "
               "unprotected.",
     .fix = "Put the mx lines back beside \"mode: none\", where they do no harm. Verify the file at every "
            "address, then publish \"v=STSv1; id={new_id};\" at {record}.",
     .reference = "RFC 8461 §3.2, RFC 8461 §8.3",
     .rests_on = kPolicy,
     .told = kToldAsSemantics,
     .beside = Beside::anything(),
     .on_text = OnText::policy,
     .advice = Theme::semantics},
    {.code = "sts-wildcard-broad",
     .theme = Theme::semantics,
     .severity = {kNever, info, warning},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "A wildcard in the policy covers more than the mail hosts",
     .effect = "It keeps no mail back. But an attacker who forges the MX answer needs only some host under "
               "that suffix, with a valid certificate, to be accepted.",
     .fix = "When nothing graver is open: name each MX host in full, or move them under a sub-domain of "
            "their own, such as "
            "*.mx.{domain}. Change the file, verify it at every address, then publish \"v=STSv1; "
            "id={new_id};\". Find out who can get certificates under the suffix.",
     .reference = "RFC 8461 §10.4",
     .rests_on = kPolicy,
     .told = kToldAsSemantics,
     .beside = Beside::anything(),
     .on_text = OnText::policy,
     .advice = Theme::semantics},
    {.code = "sts-mx-pattern-unused",
     .theme = Theme::semantics,
     .severity = {kNever, info, info},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "A pattern of the policy matches no current MX host",
     .effect = "none: mail is not affected",
     .fix = "During a migration leave it in place. If the host will not come back, delete the line, verify "
            "the file at every address, then publish \"v=STSv1; id={new_id};\" at {record}.",
     .reference = "RFC 8461 §4.1",
     .rests_on = kPolicy,
     .told = kToldAsSemantics,
     .beside = Beside::anything(),
     .on_text = OnText::policy,
     .advice = Theme::semantics},
    {.code = "sts-delegation-incomplete",
     .theme = Theme::semantics,
     .severity = {kNever, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "Only one of the two MTA-STS names is delegated to the provider",
     .effect = "The id and the policy file change independently of each other: senders miss updates, or "
               "fetch for nothing.",
     .fix = "Delegate both {record} and {policy_host} to the provider, or keep both. While you change over, "
            "see that the file is right and the same at every address before a new id appears.",
     .reference = "RFC 8461 §8.2",
     .rests_on = kPolicy,
     .told = kToldAsSemantics,
     .beside = Beside::anything(),
     .on_text = OnText::policy,
     .advice = Theme::semantics},
    {.code = "sts-testing-without-tlsrpt",
     .theme = Theme::semantics,
     .severity = {kNever, warning, kNever},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "The policy is in testing but no TLS reports are asked for",
     .effect = "Senders deliver whether the policy holds or not, and are not asked to report when it would "
               "have failed.",
     .fix = "Publish a TXT record at _smtp._tls.{domain}: \"v=TLSRPTv1; rua=mailto:tlsrpt@example.net\", "
            "with an address of yours that is not under {domain}, or an https URL. After two days check that "
            "reports come in.",
     .reference = "RFC 8461 §5, RFC 8461 §6, RFC 8460 §3",
     .rests_on = kPolicy,
     .told = Nature{.family = Family::reports,
                    .aspect = Aspect::reports,
                    .claim = Claim::cause,
                    .of_host = false,
                    .headline = Headline::title},
     .beside = Beside::anything().and_not_where(kTlsrptFaults).needs_mx(),
     .on_text = OnText::policy,
     .advice = Theme::semantics},
    {.code = "sts-testing-too-long",
     .theme = Theme::semantics,
     .severity = {kNever, info, kNever},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "The policy has been in testing for over 90 days",
     .effect = "Senders deliver even where the policy fails, so somebody on the path can still divert or "
               "read the mail.",
     .fix = "See what the readiness gates wait for, and set a date: mode enforce with \"max_age: 604800\" in "
            "the file, verified at every address, then \"v=STSv1; id={new_id};\" at {record}.",
     .reference = "RFC 8461 §5, RFC 8461 §10.2",
     .rests_on = kPolicy,
     .told = kToldAsSemantics,
     .beside = Beside::anything(),
     .on_text = OnText::policy,
     .advice = Theme::semantics},
    {.code = "sts-tld-or-nonmail-domain",
     .theme = Theme::semantics,
     .severity = {info, info, info},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "A policy is published for a domain that takes no mail",
     .effect = "none: there is no mail that it could affect",
     .fix = "Nothing is urgent: a null MX alone would do. To drop the policy, stswatch plan {domain} "
            "--retire gives the steps and their waits; nothing is removed while senders hold the old one.",
     .reference = "RFC 7505",
     .rests_on = kPolicy,
     .told = kToldAsSemantics,
     .beside = Beside::anything().and_not_where(kBecameNull),
     .on_text = OnText::policy,
     .advice = Theme::semantics},
};

constexpr CatalogueEntry kProviderRows[] = {
    {.code = "provider-google-mx-incomplete",
     .theme = Theme::provider,
     .severity = {kNever, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::certificate_host_mismatch,
     .title = "The policy leaves out some of Google's MX hosts",
     .effect = "Senders that enforce the policy skip the hosts left out; while the listed ones are busy or "
               "down, their mail waits. In testing they deliver and report.",
     .fix = "List \"mx: aspmx.l.google.com\" and \"mx: *.aspmx.l.google.com\", for aspmx2 to aspmx5 also "
            "\"mx: *.googlemail.com\"; the primary alone does not do. Verify the file at every address, "
            "then publish \"v=STSv1; id={new_id};\". Or change to smtp.google.com as the only MX, listed in "
            "the policy first.",
     .reference = "RFC 8461 §4.1",
     .rests_on = kSet,
     .told = kToldAsMatch,
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::provider},
    {.code = "provider-google-mx-switched",
     .theme = Theme::provider,
     .severity = {kNever, warning, critical},
     .route = Route::page,
     .reported_as = ResultType::certificate_host_mismatch,
     .title = "The policy lists Google's other set of MX hosts",
     .effect = "No host in the MX records is listed: senders that enforce the policy defer mail for {domain} "
               "and bounce it in the end. In testing they deliver and report.",
     .fix = "Add the set that the MX records use (\"mx: smtp.google.com\", or \"mx: aspmx.l.google.com\" "
            "and \"mx: *.aspmx.l.google.com\"), verify the file at every address, then publish \"v=STSv1; "
            "id={new_id};\". Keep the old lines for now: senders may hold the old policy until {until}.",
     .reference = "RFC 8461 §4.1, RFC 8461 §8.1",
     .rests_on = kSet,
     .told = kToldAsMatch,
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::provider},
    {.code = "provider-m365-pattern-wrong",
     .theme = Theme::provider,
     .severity = {kNever, warning, critical},
     .route = Route::page,
     .reported_as = ResultType::certificate_host_mismatch,
     .title = "The policy does not list a Microsoft 365 MX host",
     .effect = "Senders that enforce the policy skip the Microsoft host; where no other MX host is listed "
               "they defer mail for {domain} and bounce it in the end. In testing they deliver and report.",
     .fix = "Put the full name that your MX record shows into the policy file, or \"mx: *.\" and that name "
            "without its first label. Verify the file at every address, then publish \"v=STSv1; "
            "id={new_id};\" at {record}.",
     .reference = "RFC 8461 §4.1",
     .rests_on = kSet,
     .told = kToldAsMatch,
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::provider},
    {.code = "provider-m365-mx-microsoft-wildcard",
     .theme = Theme::provider,
     .severity = {kNever, warning, critical},
     .route = Route::page,
     .reported_as = ResultType::certificate_host_mismatch,
     .title = "The policy's wildcard is too short for the mx.microsoft host",
     .effect = "A wildcard stands for one label and this host has two more: senders that match as RFC 8461 "
               "has it skip the host if they enforce, and defer where no other is listed. Senders that let a "
               "wildcard cover several labels deliver.",
     .fix = "Write \"mx: *.\" followed by your MX name without its first label, as \"mx: "
            "*.o-v1.mx.microsoft\" is for x.o-v1.mx.microsoft, or the exact host. Verify the file at every "
            "address, then publish "
            "\"v=STSv1; id={new_id};\" at {record}.",
     .reference = "RFC 8461 §4.1",
     .rests_on = kSet,
     .told = kToldAsMatch,
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::provider},
    {.code = "provider-m365-migration",
     .theme = Theme::provider,
     .severity = {kNever, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "Microsoft 365 is moving from one MX name to the other",
     .effect = "Senders that hold a policy with only one of the two names skip the hosts of the other until "
               "{until}, or until they see a new id.",
     .fix = "List both names in the policy file, verify it at every address, then publish \"v=STSv1; "
            "id={new_id};\". When the new MX may follow, stswatch plan {domain} --mx HOST, once for each "
            "host of the whole new set, says. Keep the old line: senders may hold the earlier policy until "
            "{until}. More careful still is \"mode: testing\" during the move.",
     .reference = "RFC 8461 §8.1",
     .rests_on = kSet,
     .told = kToldAsMatch,
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::provider},
    {.code = "provider-gateway-mismatch",
     .theme = Theme::provider,
     .severity = {kNever, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::certificate_host_mismatch,
     .title = "The policy lists other hosts than the mail filter in the MX records",
     .effect = "No host in the MX records is listed: senders that enforce the policy defer mail for {domain} "
               "and bounce it in the end. In testing they deliver and report.",
     .fix = "List the hosts that the MX records name, as a rule those of the filter; senders never see the "
            "mailbox provider behind it. Verify the file at every address, then publish \"v=STSv1; "
            "id={new_id};\" at {record}.",
     .reference = "RFC 8461 §4.1",
     .rests_on = kSet,
     .told = kToldAsMatch,
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::provider},
    {.code = "provider-proton",
     .theme = Theme::provider,
     .severity = {info, info, info},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "Proton receives the mail of this domain",
     .effect = "none: mail is not affected",
     .fix = "Let the policy list mail.protonmail.ch and mailsec.protonmail.ch. Proton looks after DANE for "
            "these hosts, but the policy of your own domain is yours to serve.",
     .reference = "RFC 8461 §4.1",
     .rests_on = kSet,
     .told = kToldAsMatch,
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::provider},
    {.code = "provider-fastmail",
     .theme = Theme::provider,
     .severity = {info, info, info},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "Fastmail receives the mail of this domain",
     .effect = "none: mail is not affected",
     .fix = "Let the policy list in1-smtp.messagingengine.com and in2-smtp.messagingengine.com, or "
            "*.messagingengine.com for both.",
     .reference = "RFC 8461 §4.1",
     .rests_on = kSet,
     .told = kToldAsMatch,
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::provider},
    {.code = "provider-policy-mismatch",
     .theme = Theme::provider,
     .severity = {kNever, info, info},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "The policy differs from what suits this mail provider",
     .effect = "none: every MX host is listed",
     .fix = "Compare the mx lines with those recommended in the detail when you next change the policy. "
            "Nothing is urgent.",
     .reference = "RFC 8461 §4.1",
     .rests_on = kSet,
     .told = kToldAsMatch,
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::provider},
};

}  // namespace

std::span<const CatalogueEntry> semantics() { return kSemanticsRows; }
std::span<const CatalogueEntry> provider() { return kProviderRows; }

}  // namespace stswatch::catalogue_tables
