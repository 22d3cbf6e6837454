// What senders still hold from before, and in which order record and policy changed.
#include "checks/judge/catalogue/catalogue.h"

namespace stswatch::catalogue_tables {
namespace {

using enum Severity;
constexpr std::nullopt_t kNever = std::nullopt;

constexpr Basis kAnything =
    Basis::any_of({Ground::sts_record, Ground::policy, Ground::mx_set, Ground::any_host});
constexpr Telling kToldAsCaches{Nature{.family = Family::delivery,
                                       .aspect = Aspect::caches,
                                       .claim = Claim::cause,
                                       .of_host = false,
                                       .headline = Headline::title}};

/// Where nobody can deliver, what senders hold is no news, and advice about the policy helps nobody.
constexpr std::string_view kNoMail[] = {"mx-all-down", "mx-became-null", "mx-vanished"};

constexpr CatalogueEntry kCachesRows[] = {
    {.code = "sts-policy-changed-id-unchanged",
     .theme = Theme::drift,
     .severity = {kNever, warning, critical},
     .route = Route::page,
     .reported_as = ResultType::none,
     .title = "The policy has changed but its id has not",
     .effect = "Senders that hold the earlier policy and go by the id see the same one, and need not fetch "
               "again before {until}. mox, postfix-mta-sts-resolver and mailauth even prolong it each time, "
               "with no end.",
     .fix = "Check that the file is right and the same at every address, then publish \"v=STSv1; "
            "id={new_id};\" at {record}. That holds too if you have put the old file back: some senders "
            "fetched the other one.",
     .reference = "RFC 8461 §3.1, RFC 8461 §8.1",
     .rests_on = kAnything,
     .told = kToldAsCaches,
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::drift},
    {.code = "sts-id-changed-policy-unchanged",
     .theme = Theme::drift,
     .severity = {kNever, info, info},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "The id has changed but the policy has not",
     .effect = "none: each sender fetches the same policy once more",
     .fix = "Nothing to do if you meant it so. Otherwise the new file is not out yet, or some cache holds "
            "on to the old one: deploy it, verify every address, then publish \"v=STSv1; id={new_id};\" at "
            "{record}.",
     .reference = "RFC 8461 §3.1, RFC 8461 §8.1",
     .rests_on = kAnything,
     .told = Nature{.family = Family::publication,
                    .aspect = Aspect::change,
                    .claim = Claim::change,
                    .of_host = false,
                    .headline = Headline::title},
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::drift},
    {.code = "sts-id-changed-fetch-failing",
     .theme = Theme::drift,
     .severity = {kNever, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_fetch_error,
     .title = "A new id is published but the policy cannot be fetched",
     .effect = "Senders keep the policy they hold until {until} and try again after five minutes or more; "
               "KumoMTA and Stalwart deliver without a policy meanwhile.",
     .fix = "Repair {policy_host} now: the record announces a policy that nobody can read. Then verify the "
            "file at every address; the id can stay.",
     .reference = "RFC 8461 §3.3, RFC 8461 §8.1",
     .rests_on = kAnything,
     .told = Nature{.family = Family::publication,
                    .aspect = Aspect::protection,
                    .claim = Claim::symptom,
                    .of_host = false,
                    .headline = Headline::title},
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::drift},
    {.code = "sts-id-reused",
     .theme = Theme::drift,
     .severity = {kNever, info, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "The id has been used before for another policy",
     .effect = "Senders that still hold the policy of then take it for the current one, and apply it until "
               "{until}.",
     .fix = "Check the file at every address, then publish \"v=STSv1; id={new_id};\" at {record}. Use a new "
            "id for a roll-back as well; a time stamp never repeats.",
     .reference = "RFC 8461 §3.1",
     .rests_on = kAnything,
     .told = kToldAsCaches,
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::drift},
    {.code = "sts-update-order-race",
     .theme = Theme::drift,
     .severity = {kNever, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "The new id appeared while the old policy was still served",
     .effect = "Senders that fetched in between took the old policy for that of the new id, and apply it "
               "until {until}.",
     .fix = "Verify that every address serves the new file, then publish one more id: \"v=STSv1; "
            "id={new_id};\" at {record}. Another time the record comes last: file on every node, caches "
            "purged, each address verified, then the id.",
     .reference = "RFC 8461 §8.1",
     .rests_on = kAnything,
     .told = kToldAsCaches,
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::drift},
    {.code = "sts-update-order-unknown",
     .theme = Theme::drift,
     .severity = {kNever, info, info},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "Whether the new id or the new policy came first was not seen",
     .effect =
         "none if the file came first. If the id did, senders that fetched in between took the old policy "
         "for that of the new id, and apply it until {until}.",
     .fix = "If the id may have gone first, publish one more: \"v=STSv1; id={new_id};\" at {record}. Senders "
            "that look at the id then fetch again.",
     .reference = "RFC 8461 §8.1",
     .rests_on = kAnything,
     .told = kToldAsCaches,
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::drift},
    {.code = "cached-policy-excludes-mx",
     .theme = Theme::drift,
     .severity = {kNever, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::certificate_host_mismatch,
     .title = "Senders may hold a policy that does not list all of the MX hosts",
     .effect =
         "Senders that hold the earlier policy skip that host until they fetch again, or until the copy "
         "ends: {until}, by RFC 8461.",
     .fix = "Make sure that {record} and https://{policy_host}/.well-known/mta-sts.txt both work: that is "
            "how senders learn of the present policy. Keep an MX host that the earlier policy lists as "
            "well, since senders may hold that one until {until}.",
     .reference = "RFC 8461 §8.1, RFC 8461 §8.3",
     .rests_on = kAnything,
     .told = kToldAsCaches,
     .beside = Beside::anything().and_not_where(kNoMail),
     .on_text = OnText::neither,
     .advice = Theme::drift},
    {.code = "cached-policy-excludes-all-mx",
     .theme = Theme::drift,
     .severity = {kNever, warning, critical},
     .route = Route::page,
     .reported_as = ResultType::certificate_host_mismatch,
     .title = "Senders hold a policy without any of the MX hosts",
     .effect = "These senders enforce a policy they cannot refresh: they defer mail for {domain} until "
               "{until}, and bounce it when their queue gives up first. Other senders deliver.",
     .fix = "Let them refresh: see that the policy file is right and served at every address, then publish "
            "\"v=STSv1; id={new_id};\" at {record}. Those that do not look may hold the earlier policy until "
            "{until}.",
     .reference = "RFC 8461 §3.3, RFC 8461 §5, RFC 8461 §8.1",
     .rests_on = kAnything,
     .told = Nature{.family = Family::delivery,
                    .aspect = Aspect::caches,
                    .claim = Claim::cause,
                    .of_host = false,
                    .headline = Headline::no_mail_from_holders},
     .beside = Beside::anything().and_not_where(kNoMail),
     .on_text = OnText::neither,
     .advice = Theme::drift},
};

}  // namespace

std::span<const CatalogueEntry> caches() { return kCachesRows; }

}  // namespace stswatch::catalogue_tables
