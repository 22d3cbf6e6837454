// The TXT record at _mta-sts (RFC 8461 §3.1).
#include "checks/judge/catalogue/catalogue.h"

namespace stswatch::catalogue_tables {
namespace {

using enum Severity;
constexpr std::string_view kDnssec[] = {"dnssec-invalid"};
constexpr std::nullopt_t kNever = std::nullopt;

constexpr Basis kRecord = Basis::all_of({Ground::sts_record});
/// That it was taken away too early says the same, and what to do.
constexpr std::string_view kRemovedTooEarly[] = {"sts-removal-unsafe"};
constexpr Telling kToldAsRecord{Nature{.family = Family::publication,
                                       .aspect = Aspect::record,
                                       .claim = Claim::cause,
                                       .of_host = false,
                                       .headline = Headline::title}};

constexpr CatalogueEntry kRecordRows[] = {
    {.code = "sts-not-deployed",
     .theme = Theme::record,
     .severity = {info, kNever, kNever},
     .route = Route::log,
     .reported_as = ResultType::no_policy_found,
     .title = "MTA-STS is not set up",
     .effect = "Senders learn of no policy for {domain}: those that do not use DANE take TLS where it is "
               "offered and clear text where it is not, so somebody on the path can strip the encryption.",
     .fix = "To begin, serve a policy with \"mode: testing\" at "
            "https://{policy_host}/.well-known/mta-sts.txt, then publish the TXT record \"v=STSv1; "
            "id={new_id};\" at {record}, then a TLSRPT record at _smtp._tls.{domain}.",
     .reference = "RFC 8461 §3",
     .rests_on = kRecord,
     .told = kToldAsRecord,
     .beside = Beside::anything(),
     .on_text = OnText::record,
     .advice = Theme::record},
    {.code = "sts-policy-without-txt",
     .theme = Theme::record,
     .severity = {info, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::no_policy_found,
     .title = "A policy is served but no TXT record announces it",
     .effect = "The record is what makes senders ask for a policy. Those that hold none do not look for one, "
               "and deliver without its protection.",
     .fix = "Publish one TXT record at {record}: \"v=STSv1; id={new_id};\". Then query the name servers "
            "that the parent zone delegates to, to be sure that it went into the zone in use.",
     .reference = "RFC 8461 §3, RFC 8461 §3.1",
     .rests_on = kRecord,
     .told = kToldAsRecord,
     .beside = Beside::anything(),
     .on_text = OnText::record,
     .advice = Theme::record},
    {.code = "sts-txt-missing",
     .theme = Theme::record,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_fetch_error,
     .title = "The MTA-STS TXT record is gone",
     .effect = "Senders that hold no policy deliver as if there were none. Those that hold one go on "
               "applying it until {until} and cannot learn of a change.",
     .fix =
         "Put the TXT record back at {record}; if the policy file has changed meanwhile, with a new id: "
         "\"v=STSv1; id={new_id};\". If you are retiring MTA-STS, stswatch plan {domain} --retire gives the "
         "steps and their waits, the record among the last: senders hold the old policy until {until}.",
     .reference = "RFC 8461 §3.1, RFC 8461 §3.3, RFC 8461 §8.3",
     .rests_on = kRecord,
     .told = kToldAsRecord,
     .beside = Beside::anything().and_not_where(kRemovedTooEarly),
     .on_text = OnText::record,
     .advice = Theme::record},
    {.code = "sts-txt-multiple",
     .theme = Theme::record,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::no_policy_found,
     .title = "More than one MTA-STS record at the same name",
     .effect = "RFC 8461 has senders assume that there is no policy; some deployed ones take one of the "
               "records. Those that hold a policy keep applying it, but may see no update.",
     .fix = "At {record} delete all but one of the records that start with \"v=STSv1;\"; keep the one whose "
            "id belongs to the present policy file, usually the newest. Then look for a second DNS editor, "
            "or an id change that added a record instead of replacing it.",
     .reference = "RFC 8461 §3.1",
     .rests_on = kRecord,
     .told = kToldAsRecord,
     .beside = Beside::anything(),
     .on_text = OnText::record,
     .advice = Theme::record},
    {.code = "sts-txt-syntax-invalid",
     .theme = Theme::record,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::no_policy_found,
     .title = "The MTA-STS TXT record is malformed",
     .effect = "Senders that follow RFC 8461 ignore the record. Those that hold no policy then deliver "
               "unprotected; those that hold one keep applying it, but see no update. Lenient senders may "
               "still read it.",
     .fix = "Set the TXT record at {record} to \"v=STSv1; id={new_id};\". Leave out the outer quotes if "
            "your DNS editor adds them itself. The detail shows where the present value goes wrong.",
     .reference = "RFC 8461 §3.1",
     .rests_on = kRecord,
     .told = kToldAsRecord,
     .beside = Beside::anything(),
     .on_text = OnText::record,
     .advice = Theme::record},
    {.code = "sts-txt-version-invalid",
     .theme = Theme::record,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::no_policy_found,
     .title = "The MTA-STS TXT record has the wrong version tag",
     .effect = "Senders that follow RFC 8461 discard the record. Those that hold no policy then deliver "
               "unprotected; those that hold one keep applying it, but see no update.",
     .fix = "Let the value at {record} begin with exactly \"v=STSv1;\", upper and lower case as shown, with "
            "no quote or blank in front, for example \"v=STSv1; id={new_id};\".",
     .reference = "RFC 8461 §3.1",
     .rests_on = kRecord,
     .told = kToldAsRecord,
     .beside = Beside::anything(),
     .on_text = OnText::record,
     .advice = Theme::record},
    {.code = "sts-txt-version-not-first",
     .theme = Theme::record,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::no_policy_found,
     .title = "The version is not the first field of the TXT record",
     .effect = "Senders that follow RFC 8461 discard the record. Those that hold no policy then deliver "
               "unprotected; those that hold one keep applying it, but see no update.",
     .fix = "Move \"v=STSv1;\" to the very start of the value at {record}. Whatever follows may stand in "
            "any order.",
     .reference = "RFC 8461 §3.1",
     .rests_on = kRecord,
     .told = kToldAsRecord,
     .beside = Beside::anything(),
     .on_text = OnText::record,
     .advice = Theme::record},
    {.code = "sts-txt-id-missing",
     .theme = Theme::record,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::no_policy_found,
     .title = "The MTA-STS TXT record has no id",
     .effect =
         "Senders that look for the id cannot use the record: those that hold no policy deliver unprotected, "
         "those that hold one cannot tell whether it has changed. Senders that do not look for it go on.",
     .fix = "Check that the policy file is the one you want, then publish \"v=STSv1; id={new_id};\" at "
            "{record}. An id is 1 to 32 letters and digits.",
     .reference = "RFC 8461 §3.1",
     .rests_on = kRecord,
     .told = kToldAsRecord,
     .beside = Beside::anything(),
     .on_text = OnText::record,
     .advice = Theme::record},
    {.code = "sts-txt-id-invalid",
     .theme = Theme::record,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::no_policy_found,
     .title = "The id in the TXT record is not made of letters and digits",
     .effect = "It depends on the sender. Strict ones find the record unusable: without an earlier policy "
               "they deliver unprotected. Lenient ones accept the id as it is.",
     .fix = "Check the policy file first, because a new id makes senders fetch it again. Then publish "
            "\"v=STSv1; id={new_id};\" at {record}. An id is 1 to 32 letters and digits: no hyphen, dot or "
            "underscore.",
     .reference = "RFC 8461 §3.1",
     .rests_on = kRecord,
     .told = kToldAsRecord,
     .beside = Beside::anything(),
     .on_text = OnText::record,
     .advice = Theme::record},
    {.code = "sts-txt-duplicate-field",
     .theme = Theme::record,
     .severity = {info, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "A field occurs twice in the TXT record",
     .effect = "The first one counts, but some senders read the last. They then compare different ids, and "
               "some of them can miss an update.",
     .fix = "Leave each field once in the record at {record}. If you cannot tell which id is the current "
            "one, check the policy file, then publish \"v=STSv1; id={new_id};\".",
     .reference = "RFC 8461 §3.2",
     .rests_on = kRecord,
     .told = kToldAsRecord,
     .beside = Beside::anything(),
     .on_text = OnText::record,
     .advice = Theme::record},
    {.code = "sts-txt-space-before-delimiter",
     .theme = Theme::record,
     .severity = {info, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "White space before the first semicolon of the TXT record",
     .effect = "The RFC's grammar allows it, while its rule for picking the record asks for exactly "
               "\"v=STSv1;\". Senders that test this prefix see no policy, the others read the record.",
     .fix = "Delete the blank between \"v=STSv1\" and the semicolon at {record}. The rest of the value can "
            "stay.",
     .reference = "RFC 8461 §3.1",
     .rests_on = kRecord,
     .told = kToldAsRecord,
     .beside = Beside::anything(),
     .on_text = OnText::record,
     .advice = Theme::record},
    {.code = "sts-txt-trailing-data",
     .theme = Theme::record,
     .severity = {info, info, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "Stray characters at the end of the TXT record",
     .effect = "Most senders trim them. A strict one refuses the record and sees no policy.",
     .fix = "End the value at {record} right after the id, or after a single semicolon. Look for blanks "
            "that came along with copy and paste.",
     .reference = "RFC 8461 §3.1",
     .rests_on = kRecord,
     .told = kToldAsRecord,
     .beside = Beside::anything(),
     .on_text = OnText::record,
     .advice = Theme::record},
    {.code = "sts-txt-non-ascii",
     .theme = Theme::record,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::no_policy_found,
     .title = "The TXT record holds characters other than plain ASCII",
     .effect =
         "RFC 8461 knows no such record. Senders that refuse it and hold no policy deliver unprotected; "
         "those that hold one keep applying it, but see no update. Lenient senders may read it.",
     .fix = "Type the value at {record} by hand instead of pasting it: \"v=STSv1; id={new_id};\". Chat "
            "programs and word processors swap quotes and blanks for look-alikes; the detail names the byte "
            "and its place.",
     .reference = "RFC 8461 §3.1",
     .rests_on = kRecord,
     .told = kToldAsRecord,
     .beside = Beside::anything(),
     .on_text = OnText::record,
     .advice = Theme::record},
    {.code = "sts-txt-other-records-present",
     .theme = Theme::record,
     .severity = {info, info, info},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "Other TXT records share the MTA-STS name",
     .effect = "Most senders skip them, as they must. Those that count all records, or all that begin with "
               "\"v=STSv1\", see no policy where there is more than one.",
     .fix = "Delete or move the TXT records at {record} that do not start with \"v=STSv1;\". Where the name "
            "is a CNAME they stand in the provider's zone.",
     .reference = "RFC 8461 §3.1",
     .rests_on = kRecord,
     .told = kToldAsRecord,
     .beside = Beside::anything(),
     .on_text = OnText::record,
     .advice = Theme::record},
    {.code = "sts-txt-wrong-name",
     .theme = Theme::record,
     .severity = {info, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::no_policy_found,
     .title = "The MTA-STS record is published at the wrong name",
     .effect = "Senders ask at {record} only and find nothing there: those that hold no policy deliver "
               "without its protection.",
     .fix = "Publish the record at {record} and delete the stray one. If its name ends in {domain} twice, "
            "your DNS editor appends the zone by itself: type the name without it.",
     .reference = "RFC 8461 §3.1",
     .rests_on = kRecord,
     .told = kToldAsRecord,
     .beside = Beside::anything(),
     .on_text = OnText::record,
     .advice = Theme::record},
    {.code = "sts-txt-cname-dangling",
     .theme = Theme::record,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_fetch_error,
     .title = "The CNAME at the MTA-STS name leads to no record",
     .effect = "Senders that hold no policy deliver unprotected. Those that hold one go on applying it "
               "until {until}, but see no update.",
     .fix = "Ask your MTA-STS provider for its present target, or replace the CNAME at {record} by a TXT "
            "record of your own: \"v=STSv1; id={new_id};\". If the target's domain is unregistered, delete "
            "the CNAME without delay: anyone could register that domain and decide which id senders see.",
     .reference = "RFC 8461 §3.1, RFC 8461 §8.2",
     .rests_on = kRecord,
     .told = kToldAsRecord,
     .beside = Beside::anything(),
     .on_text = OnText::record,
     .advice = Theme::record},
    {.code = "sts-txt-cname-chain",
     .theme = Theme::record,
     .severity = {info, info, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "The CNAME chain at the MTA-STS name is too long or broken",
     .effect = "Resolvers or senders give up on the lookup. Senders that hold no policy may deliver "
               "unprotected; those that hold one keep applying it.",
     .fix = "Point {record} at its final target with a single CNAME. Remove every other record that stands "
            "beside a CNAME.",
     .reference = "RFC 8461 §3.1, RFC 1034 §3.6.2",
     .rests_on = kRecord,
     .told = kToldAsRecord,
     .beside = Beside::anything(),
     .on_text = OnText::record,
     .advice = Theme::record},
    {.code = "sts-txt-dns-error",
     .theme = Theme::record,
     .severity = {kNever, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_fetch_error,
     .title = "The name service for the MTA-STS record fails",
     .effect = "Most senders that hold no policy deliver unprotected; some (mox) defer the mail. Those that "
               "hold one keep applying it, but cannot see a new id.",
     .fix = "Ask each authoritative server of {domain} by itself: dig TXT {record} @SERVER. Look for a "
            "secondary with an expired zone, a DNSSEC signature that is no longer valid, or a firewall on "
            "port 53.",
     .reference = "RFC 8461 §3.1, RFC 8461 §3.3",
     .rests_on = Basis::all_of({Ground::sts_record}).by_repetition(),
     .told = kToldAsRecord,
     .beside = Beside::anything_but(kDnssec),
     .on_text = OnText::record,
     .advice = Theme::record},
    {.code = "sts-txt-ns-inconsistent",
     .theme = Theme::record,
     .severity = {info, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "Name servers give different MTA-STS records",
     .effect = "Which id a sender sees is chance: some fetch the policy anew, others keep the one they have.",
     .fix = "Bring all name servers of {domain} to the same version of the zone: check NOTIFY and zone "
            "transfers at the secondaries, and that no former provider is left in the delegation.",
     .reference = "RFC 8461 §8.1, RFC 1034 §4.3.5",
     .rests_on = kRecord,
     .told = kToldAsRecord,
     .beside = Beside::anything(),
     .on_text = OnText::record,
     .advice = Theme::record},
    {.code = "sts-txt-ttl-long",
     .theme = Theme::record,
     .severity = {kNever, info, warning},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "The TTL of the MTA-STS record is long",
     .effect = "Nothing today. When you have to change the policy in a hurry, senders can go on seeing the "
               "old id for as long as this TTL.",
     .fix = "Lower the TTL at {record} to between 300 and 3600 seconds. Before a planned move do so at "
            "least one old TTL ahead.",
     .reference = "RFC 8461 §8.1",
     .rests_on = kRecord,
     .told = kToldAsRecord,
     .beside = Beside::anything(),
     .on_text = OnText::record,
     .advice = Theme::record},
};

}  // namespace

std::span<const CatalogueEntry> record() { return kRecordRows; }

}  // namespace stswatch::catalogue_tables
