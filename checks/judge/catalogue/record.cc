// Findings of group A: the TXT record at _mta-sts (RFC 8461 §3.1).

#include "checks/judge/catalogue/catalogue.h"

namespace stswatch::catalogue_tables {
namespace {

using enum Severity;
constexpr std::nullopt_t kNever = std::nullopt;

constexpr CatalogueEntry kEntries[] = {
    {.code = "sts-not-deployed",
     .group = 'A',
     .severity = {info, kNever, kNever},
     .route = Route::log,
     .tlsrpt = "no-policy-found",
     .title = "MTA-STS is not set up",
     .effect = "Senders use TLS to {domain} where it is offered and clear text where it is not, so anyone "
               "on the path can strip the encryption.",
     .fix = "To begin, serve a policy with \"mode: testing\" at "
            "https://{policy_host}/.well-known/mta-sts.txt, then publish the TXT record \"v=STSv1; "
            "id={new_id};\" at {record}, then a TLSRPT record at _smtp._tls.{domain}. A domain that takes "
            "no mail needs only a null MX (\"MX 0 .\").",
     .reference = "RFC 8461 §3"},
    {.code = "sts-policy-without-txt",
     .group = 'A',
     .severity = {info, warning, warning},
     .route = Route::ticket,
     .tlsrpt = "no-policy-found",
     .title = "A policy is served but no TXT record announces it",
     .effect = "The record is what makes senders ask for a policy. Without it they never look, and deliver "
               "with opportunistic TLS only.",
     .fix = "Publish one TXT record at {record}: \"v=STSv1; id={new_id};\". Then query the name servers "
            "that the parent zone delegates to, to be sure that it went into the zone in use.",
     .reference = "RFC 8461 §3, RFC 8461 §3.1"},
    {.code = "sts-txt-missing",
     .group = 'A',
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "sts-policy-fetch-error",
     .title = "The MTA-STS TXT record is gone",
     .effect = "Senders that hold no policy deliver as if there were none. Those that hold one go on "
               "applying it until {until} and cannot learn of a change.",
     .fix = "Put the TXT record back at {record}; if the policy file has changed meanwhile, with a new id: "
            "\"v=STSv1; id={new_id};\". If you are retiring MTA-STS, serve \"mode: none\" and announce that "
            "with a new id before you remove anything: senders hold the old policy until {until}.",
     .reference = "RFC 8461 §3.1, RFC 8461 §3.3, RFC 8461 §8.3"},
    {.code = "sts-txt-multiple",
     .group = 'A',
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "no-policy-found",
     .title = "More than one MTA-STS record at the same name",
     .effect = "Senders must then assume that there is no policy. Those that hold one keep applying it, but "
               "see no update.",
     .fix = "At {record} delete all but one of the records that start with \"v=STSv1;\"; keep the one whose "
            "id belongs to the present policy file, usually the newest. Then look for a second DNS editor, "
            "or an id change that added a record instead of replacing it.",
     .reference = "RFC 8461 §3.1"},
    {.code = "sts-txt-syntax-invalid",
     .group = 'A',
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "no-policy-found",
     .title = "The MTA-STS TXT record is malformed",
     .effect = "Senders must ignore the record and look no further. Those that hold no policy deliver "
               "unprotected; those that hold one keep applying it, but see no update.",
     .fix = "Set the TXT record at {record} to \"v=STSv1; id={new_id};\". Leave out the outer quotes if "
            "your DNS editor adds them itself. The detail shows where the present value goes wrong.",
     .reference = "RFC 8461 §3.1"},
    {.code = "sts-txt-version-invalid",
     .group = 'A',
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "no-policy-found",
     .title = "The MTA-STS TXT record has the wrong version tag",
     .effect = "Senders discard the record. Those that hold no policy deliver unprotected; those that hold "
               "one keep applying it, but see no update.",
     .fix = "Let the value at {record} begin with exactly \"v=STSv1;\", upper and lower case as shown, with "
            "no quote or blank in front, for example \"v=STSv1; id={new_id};\".",
     .reference = "RFC 8461 §3.1"},
    {.code = "sts-txt-version-not-first",
     .group = 'A',
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "no-policy-found",
     .title = "The version is not the first field of the TXT record",
     .effect = "Senders discard the record. Those that hold no policy deliver unprotected; those that hold "
               "one keep applying it, but see no update.",
     .fix = "Move \"v=STSv1;\" to the very start of the value at {record}. Whatever follows may stand in "
            "any order.",
     .reference = "RFC 8461 §3.1"},
    {.code = "sts-txt-id-missing",
     .group = 'A',
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "no-policy-found",
     .title = "The MTA-STS TXT record has no id",
     .effect = "The record is unusable. Senders that hold no policy deliver unprotected; those that hold "
               "one cannot tell whether it has changed.",
     .fix = "Check that the policy file is the one you want, then publish \"v=STSv1; id={new_id};\" at "
            "{record}. An id is 1 to 32 letters and digits.",
     .reference = "RFC 8461 §3.1"},
    {.code = "sts-txt-id-invalid",
     .group = 'A',
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "no-policy-found",
     .title = "The id in the TXT record is not made of letters and digits",
     .effect = "It depends on the sender. Strict ones (mox, postfix-tlspol) find the record unusable and "
               "see no policy; postfix-mta-sts-resolver and mailauth are lenient and accept it.",
     .fix = "Check the policy file first, because a new id makes every sender fetch it again. Then publish "
            "\"v=STSv1; id={new_id};\" at {record}. An id is 1 to 32 letters and digits: no hyphen, dot or "
            "underscore.",
     .reference = "RFC 8461 §3.1"},
    {.code = "sts-txt-duplicate-field",
     .group = 'A',
     .severity = {info, warning, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "A field occurs twice in the TXT record",
     .effect = "The first one counts, but some senders read the last. They then compare different ids, and "
               "some of them can miss an update.",
     .fix = "Leave each field once in the record at {record}. If you cannot tell which id is the current "
            "one, check the policy file, then publish \"v=STSv1; id={new_id};\".",
     .reference = "RFC 8461 §3.2"},
    {.code = "sts-txt-space-before-delimiter",
     .group = 'A',
     .severity = {info, warning, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "White space before the first semicolon of the TXT record",
     .effect = "The RFC's grammar allows it, while its rule for picking the record asks for exactly "
               "\"v=STSv1;\". Senders that test this prefix see no policy, the others read the record.",
     .fix = "Delete the blank between \"v=STSv1\" and the semicolon at {record}. The rest of the value can "
            "stay.",
     .reference = "RFC 8461 §3.1"},
    {.code = "sts-txt-trailing-data",
     .group = 'A',
     .severity = {info, info, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "Stray characters at the end of the TXT record",
     .effect = "Most senders trim them. A strict one refuses the record and sees no policy.",
     .fix = "End the value at {record} right after the id, or after a single semicolon. Look for blanks "
            "that came along with copy and paste.",
     .reference = "RFC 8461 §3.1"},
    {.code = "sts-txt-non-ascii",
     .group = 'A',
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "no-policy-found",
     .title = "The TXT record holds characters other than plain ASCII",
     .effect = "The record is invalid. Senders that hold no policy deliver unprotected; those that hold one "
               "keep applying it, but see no update.",
     .fix = "Type the value at {record} by hand instead of pasting it: \"v=STSv1; id={new_id};\". Chat "
            "programs and word processors swap quotes and blanks for look-alikes; the detail names the byte "
            "and its place.",
     .reference = "RFC 8461 §3.1"},
    {.code = "sts-txt-other-records-present",
     .group = 'A',
     .severity = {info, info, info},
     .route = Route::log,
     .tlsrpt = "",
     .title = "Unrelated TXT records share the MTA-STS name",
     .effect = "Most senders skip them, as they must. Those that count all records, or all that begin with "
               "\"v=STSv1\", see no policy where there is more than one.",
     .fix = "Delete or move the TXT records at {record} that do not start with \"v=STSv1;\". Where the name "
            "is a CNAME they stand in the provider's zone.",
     .reference = "RFC 8461 §3.1"},
    {.code = "sts-txt-wrong-name",
     .group = 'A',
     .severity = {info, warning, warning},
     .route = Route::ticket,
     .tlsrpt = "no-policy-found",
     .title = "The MTA-STS record is published at the wrong name",
     .effect = "Senders ask at {record} only. They find nothing there and deliver with opportunistic TLS.",
     .fix = "Publish the record at {record} and delete the stray one. If its name ends in {domain} twice, "
            "your DNS editor appends the zone by itself: type the name without it.",
     .reference = "RFC 8461 §3.1"},
    {.code = "sts-txt-cname-dangling",
     .group = 'A',
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "sts-policy-fetch-error",
     .title = "The CNAME at the MTA-STS name leads to no record",
     .effect = "Senders that hold no policy deliver unprotected. Those that hold one go on applying it "
               "until {until}, but see no update.",
     .fix = "Ask your MTA-STS provider for its present target, or replace the CNAME at {record} by a TXT "
            "record of your own: \"v=STSv1; id={new_id};\". If the target's domain is unregistered, delete "
            "the CNAME without delay: anyone could register that domain and decide which id senders see.",
     .reference = "RFC 8461 §3.1, RFC 8461 §8.2"},
    {.code = "sts-txt-cname-chain",
     .group = 'A',
     .severity = {info, info, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "The CNAME chain at the MTA-STS name is too long or broken",
     .effect = "Resolvers or senders give up on the lookup. Senders that hold no policy may deliver "
               "unprotected; those that hold one keep applying it.",
     .fix = "Point {record} at its final target with a single CNAME. Remove every other record that stands "
            "beside a CNAME.",
     .reference = "RFC 8461 §3.1, RFC 1034 §3.6.2"},
    {.code = "sts-txt-dns-error",
     .group = 'A',
     .severity = {kNever, warning, warning},
     .route = Route::ticket,
     .tlsrpt = "sts-policy-fetch-error",
     .title = "The name service for the MTA-STS record fails",
     .effect = "Most senders that hold no policy deliver unprotected; some (mox) defer the mail. Those that "
               "hold one keep applying it, but cannot see a new id.",
     .fix = "Ask each authoritative server of {domain} by itself: dig TXT {record} @SERVER. Look for a "
            "secondary with an expired zone, a DNSSEC signature that is no longer valid, or a firewall on "
            "port 53.",
     .reference = "RFC 8461 §3.1, RFC 8461 §3.3"},
    {.code = "sts-txt-ns-inconsistent",
     .group = 'A',
     .severity = {info, warning, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "Name servers give different MTA-STS records",
     .effect = "Which id a sender sees is chance: some fetch the policy anew, others keep the one they have.",
     .fix = "Bring all name servers of {domain} to the same version of the zone: check NOTIFY and zone "
            "transfers at the secondaries, and that no former provider is left in the delegation.",
     .reference = "RFC 8461 §8.1, RFC 1034 §4.3.5"},
    {.code = "sts-txt-ttl-long",
     .group = 'A',
     .severity = {kNever, info, warning},
     .route = Route::log,
     .tlsrpt = "",
     .title = "The TTL of the MTA-STS record is long",
     .effect = "Nothing today. When you have to change the policy in a hurry, senders can go on seeing the "
               "old id for as long as this TTL.",
     .fix = "Lower the TTL at {record} to between 300 and 3600 seconds. Before a planned move do so at "
            "least one old TTL ahead.",
     .reference = "RFC 8461 §8.1"},
};

}  // namespace

std::span<const CatalogueEntry> record() { return kEntries; }

}  // namespace stswatch::catalogue_tables
