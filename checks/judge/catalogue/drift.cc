// Findings of group J: what changed, and what senders still hold from before.

#include "checks/judge/catalogue/catalogue.h"

namespace stswatch::catalogue_tables {
namespace {

using enum Severity;
constexpr std::nullopt_t kNever = std::nullopt;

constexpr CatalogueEntry kEntries[] = {
    {.code = "sts-policy-changed-id-unchanged",
     .group = 'J',
     .severity = {kNever, warning, critical},
     .route = Route::page,
     .tlsrpt = "",
     .title = "The policy has changed but its id has not",
     .effect = "Senders that hold the earlier policy see the same id and do not fetch again before {until}. "
               "mox, postfix-mta-sts-resolver and mailauth even prolong it each time, with no end.",
     .fix = "Check that the file is right and the same at every address, then publish \"v=STSv1; "
            "id={new_id};\" at {record}. That holds too if you have put the old file back: some senders "
            "fetched the other one.",
     .reference = "RFC 8461 §3.1, RFC 8461 §8.1"},
    {.code = "sts-id-changed-policy-unchanged",
     .group = 'J',
     .severity = {kNever, info, info},
     .route = Route::log,
     .tlsrpt = "",
     .title = "The id has changed but the policy has not",
     .effect = "none: each sender fetches the same policy once more",
     .fix = "Nothing to do if you meant it so. Otherwise the new file is not out yet, or some cache holds "
            "on to the old one: deploy it, verify every address, then publish \"v=STSv1; id={new_id};\" at "
            "{record}.",
     .reference = "RFC 8461 §3.1, RFC 8461 §8.1"},
    {.code = "sts-id-changed-fetch-failing",
     .group = 'J',
     .severity = {kNever, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "sts-policy-fetch-error",
     .title = "A new id is published but the policy cannot be fetched",
     .effect = "Senders keep the policy they hold until {until} and try again after five minutes or more; "
               "KumoMTA and Stalwart deliver without a policy meanwhile.",
     .fix = "Repair {policy_host} now: the record announces a policy that nobody can read. Then verify the "
            "file at every address; the id can stay.",
     .reference = "RFC 8461 §3.3, RFC 8461 §8.1"},
    {.code = "sts-id-reused",
     .group = 'J',
     .severity = {kNever, info, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "The id has been used before for another policy",
     .effect = "Senders that still hold the policy of then take it for the current one, and apply it until "
               "{until}.",
     .fix = "Check the file at every address, then publish \"v=STSv1; id={new_id};\" at {record}. Use a new "
            "id for a roll-back as well; a time stamp never repeats.",
     .reference = "RFC 8461 §3.1"},
    {.code = "sts-update-order-race",
     .group = 'J',
     .severity = {kNever, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "The new id appeared while the old policy was still served",
     .effect = "Senders that fetched in between took the old policy for that of the new id, and apply it "
               "until {until}.",
     .fix = "Verify that every address serves the new file, then publish one more id: \"v=STSv1; "
            "id={new_id};\" at {record}. Another time the record comes last: file on every node, caches "
            "purged, each address verified, then the id.",
     .reference = "RFC 8461 §8.1"},
    {.code = "sts-update-order-unknown",
     .group = 'J',
     .severity = {kNever, info, info},
     .route = Route::log,
     .tlsrpt = "",
     .title = "Whether the new id or the new policy came first was not seen",
     .effect =
         "none if the file came first. If the id did, senders that fetched in between took the old policy "
         "for that of the new id, and apply it until {until}.",
     .fix =
         "If the id may have gone first, publish one more: \"v=STSv1; id={new_id};\" at {record}. It frees "
         "every sender.",
     .reference = "RFC 8461 §8.1"},
    {.code = "cached-policy-excludes-mx",
     .group = 'J',
     .severity = {kNever, warning, warning},
     .route = Route::ticket,
     .tlsrpt = "certificate-host-mismatch",
     .title = "Senders may hold a policy without one of the MX hosts",
     .effect = "Senders that can refresh skip that host until they see the new id. Those that cannot skip "
               "it until {until}.",
     .fix = "Make sure that {record} and https://{policy_host}/.well-known/mta-sts.txt both work: that is "
            "how senders learn of the present policy. Keep an MX host that the earlier policy lists as "
            "well, since senders may hold that one until {until}.",
     .reference = "RFC 8461 §8.1, RFC 8461 §8.3"},
    {.code = "cached-policy-excludes-all-mx",
     .group = 'J',
     .severity = {kNever, warning, critical},
     .route = Route::page,
     .tlsrpt = "certificate-host-mismatch",
     .title = "Senders hold a policy without any of the MX hosts",
     .effect = "These senders enforce a policy they cannot refresh: they defer all mail for {domain} until "
               "{until}, and bounce it when their queue gives up first. Other senders deliver.",
     .fix = "Let them refresh: see that the policy file is right and served at every address, then publish "
            "\"v=STSv1; id={new_id};\" at {record}. Bring an earlier MX host back as well, since senders "
            "may hold the earlier policy until {until}.",
     .reference = "RFC 8461 §3.3, RFC 8461 §5, RFC 8461 §8.1"},
    {.code = "sts-mode-downgraded",
     .group = 'J',
     .severity = {kNever, warning, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "The mode of the policy has been lowered",
     .effect = "Protection ends as senders refresh. Those that cannot refresh enforce the earlier policy "
               "until {until}.",
     .fix = "Confirm that the change was yours: someone who took over {policy_host} would do the same. If "
            "it was not, secure the host, put the file back, verify every address, then publish \"v=STSv1; "
            "id={new_id};\" at {record}.",
     .reference = "RFC 8461 §5, RFC 8461 §8.3, RFC 8461 §10.3"},
    {.code = "sts-mode-upgraded",
     .group = 'J',
     .severity = {kNever, info, info},
     .route = Route::log,
     .tlsrpt = "",
     .title = "The mode of the policy has gone from testing to enforce",
     .effect = "From now on senders skip an MX host that fails, and defer mail when none is good.",
     .fix = "For a week watch the forecast here and the TLS reports, and leave max_age at 604800.",
     .reference = "RFC 8461 §5"},
    {.code = "sts-max-age-lowered",
     .group = 'J',
     .severity = {kNever, info, info},
     .route = Route::log,
     .tlsrpt = "",
     .title = "The max_age of the policy has been lowered",
     .effect = "none: senders keep a copy fetched earlier for the time that it came with",
     .fix = "Nothing to do; this is usual before a move. Count on the longer time still: senders may hold "
            "an earlier copy until {until}.",
     .reference = "RFC 8461 §3.2, RFC 8461 §8.3"},
    {.code = "sts-max-age-raised",
     .group = 'J',
     .severity = {kNever, info, info},
     .route = Route::log,
     .tlsrpt = "",
     .title = "The max_age of the policy has been raised",
     .effect = "none: mail is not affected, though senders are bound to today's policy for a longer time",
     .fix = "Check that no change of MX hosts is planned within that time.",
     .reference = "RFC 8461 §3.2"},
    {.code = "sts-policy-disappeared",
     .group = 'J',
     .severity = {kNever, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "sts-policy-fetch-error",
     .title = "The policy has vanished while senders still enforce it",
     .effect = "Senders that hold no policy deliver unprotected. Those that hold one enforce it until "
               "{until} and cannot be told of a change.",
     .fix = "If it was a fault, restore the file at every address, then the record. If you are retiring "
            "MTA-STS, bring both back: first the file with \"mode: none\", verified at every address, then "
            "\"v=STSv1; id={new_id};\" at {record}. Senders may hold the old policy until {until}.",
     .reference = "RFC 8461 §3.3, RFC 8461 §8.3"},
    {.code = "sts-removal-unsafe",
     .group = 'J',
     .severity = {kNever, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "MTA-STS was removed too early",
     .effect = "Senders that did not fetch the policy with mode none still enforce the earlier one until "
               "{until}, and cannot be told otherwise.",
     .fix = "Serve the file with \"mode: none\" and the old mx lines again, verify every address, then "
            "restore \"v=STSv1; id={new_id};\" at {record}. Leave both in place, since senders may hold the "
            "earlier policy until {until}.",
     .reference = "RFC 8461 §8.3"},
    {.code = "sts-removal-complete",
     .group = 'J',
     .severity = {info, info, info},
     .route = Route::log,
     .tlsrpt = "",
     .title = "MTA-STS can now be removed for good",
     .effect = "none: no sender holds an earlier policy any more",
     .fix = "Delete the TXT record at {record} first, then {policy_host} and its certificate.",
     .reference = "RFC 8461 §8.3"},
    {.code = "sts-policy-unexpected-appearance",
     .group = 'J',
     .severity = {warning, warning, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "A policy or record has appeared that nobody expected",
     .effect = "Senders that fetch it apply it. If it is foreign and has a long max_age, they may refuse "
               "your MX hosts until {until}.",
     .fix = "Ask who set it up. If nobody did, treat DNS and web hosting as compromised and secure both. "
            "Then serve a policy of your own, verify it at every address and publish \"v=STSv1; "
            "id={new_id};\" at {record}: senders that look at the id then drop the foreign one.",
     .reference = "RFC 8461 §10.3"},
    {.code = "sts-cname-target-changed",
     .group = 'J',
     .severity = {kNever, warning, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "An MTA-STS name points at another target",
     .effect = "Another party now decides on the id or the policy file. Senders follow it without a "
               "question.",
     .fix = "Confirm the change with the owner of the zone; if nobody knows of it, point the name back. "
            "What a new provider serves may list more hosts than before, never fewer: compare the files, "
            "and see that the id changed after the file did.",
     .reference = "RFC 8461 §8.2, RFC 8461 §10.3"},
    {.code = "sts-policy-host-address-changed",
     .group = 'J',
     .severity = {kNever, info, info},
     .route = Route::log,
     .tlsrpt = "",
     .title = "The policy host has other addresses than before",
     .effect = "none: mail is not affected",
     .fix = "Nothing to do. It may explain a finding on the fetch or the certificate of {policy_host} that "
            "came at the same time.",
     .reference = "RFC 8461 §3.3"},
    {.code = "mx-added",
     .group = 'J',
     .severity = {kNever, info, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "An MX host has been added",
     .effect = "Senders that hold a policy without the new host skip it until {until}, or until they see a "
               "new id.",
     .fix = "The detail tells which live policies list it. If one does not, keep the old hosts for now, "
            "since senders may hold that policy until {until}. Next time: policy file, every address, new "
            "id, and the MX record one TTL of the TXT record later.",
     .reference = "RFC 8461 §8.1"},
    {.code = "mx-removed",
     .group = 'J',
     .severity = {kNever, info, info},
     .route = Route::log,
     .tlsrpt = "",
     .title = "An MX host has been removed",
     .effect = "none, as long as the remaining hosts are good under every policy that senders hold",
     .fix = "Let the old host run until the TTL of the MX record has passed, and leave it in the policy "
            "while senders may hold the earlier copy.",
     .reference = "RFC 8461 §8.1"},
    {.code = "mx-provider-changed",
     .group = 'J',
     .severity = {kNever, warning, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "All MX hosts have moved to another provider",
     .effect = "Senders that hold the earlier policy find no host in it: they refresh, or defer mail until "
               "{until}.",
     .fix = "List the new hosts in the policy file, verify it at every address, then publish \"v=STSv1; "
            "id={new_id};\" at {record}. If the forecast shows a policy that excludes them, keep an old "
            "host answering: senders may hold that policy until {until}.",
     .reference = "RFC 8461 §8.1"},
    {.code = "mx-became-null",
     .group = 'J',
     .severity = {critical, critical, critical},
     .route = Route::page,
     .tlsrpt = "",
     .title = "The MX set has become a null MX",
     .effect = "Senders return all mail for {domain} at once, without another try.",
     .fix = "Put the MX set back ({value}), unless {domain} is meant to take no mail any more; then say so "
            "with a planned change, or silence this.",
     .reference = "RFC 7505 §3"},
    {.code = "mx-vanished",
     .group = 'J',
     .severity = {critical, critical, critical},
     .route = Route::page,
     .tlsrpt = "",
     .title = "The MX set has vanished",
     .effect = "Senders deliver to the address of {domain} itself, as a rule a web server: they defer, and "
               "those that enforce do not deliver there unless the policy lists it.",
     .fix =
         "Restore the MX records of {domain} ({value}). Listing {domain} itself in the policy mends nothing.",
     .reference = "RFC 5321 §5.1"},
};

}  // namespace

std::span<const CatalogueEntry> drift() { return kEntries; }

}  // namespace stswatch::catalogue_tables
