// The grammar of the policy file (RFC 8461 §3.2).
#include "checks/judge/catalogue/catalogue.h"

namespace stswatch::catalogue_tables {
namespace {

using enum Severity;
constexpr std::nullopt_t kNever = std::nullopt;

/// Also those that say precisely why the policy does not parse.
constexpr std::string_view kSaidPrecisely[] = {
    "sts-policy-host-no-address",   "sts-policy-connect-failed", "sts-policy-html-body",
    "sts-policy-version-invalid",   "sts-policy-mode-invalid",   "sts-policy-max-age-invalid",
    "sts-policy-max-age-too-large", "sts-policy-mx-missing",     "sts-policy-mx-invalid-pattern",
    "sts-policy-mx-trailing-dot",   "sts-policy-mx-ulabel",      "sts-policy-nonconforming-line",
    "sts-policy-line-ending",       "sts-policy-key-case",       "sts-policy-control-characters"};
/// There is no answer of the policy host to speak of.
constexpr std::string_view kPolicyHostSilent[] = {"sts-policy-host-no-address", "sts-policy-connect-failed"};

constexpr Basis kPolicy = Basis::all_of({Ground::sts_record, Ground::policy});
constexpr Telling kToldAsPolicy{Nature{.family = Family::publication,
                                       .aspect = Aspect::policy,
                                       .claim = Claim::cause,
                                       .of_host = false,
                                       .headline = Headline::title}};
constexpr Beside kBesideAnswer = Beside::anything_but(kPolicyHostSilent);

constexpr CatalogueEntry kPolicyTextRows[] = {
    {.code = "sts-policy-invalid",
     .theme = Theme::policy_text,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_invalid,
     .title = "The policy file cannot be read as a policy",
     .effect =
         "Senders that read the file by RFC 8461 refuse it: those that hold no policy deliver unprotected, "
         "those that hold an earlier one keep applying it until {until}. Lenient senders may still read it.",
     .fix = "Mend the lines named in the detail. A policy is a few lines of the form \"key: value\": "
            "version, mode, max_age, and one mx for each MX host. Verify the file at every address, then "
            "publish \"v=STSv1; id={new_id};\" at {record}.",
     .reference = "RFC 8461 §3.2",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = Beside::anything_but(kSaidPrecisely),
     .on_text = OnText::policy,
     .advice = Theme::policy_text},
    {.code = "sts-policy-version-invalid",
     .theme = Theme::policy_text,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_invalid,
     .title = "The version line of the policy is missing or wrong",
     .effect = "Senders refuse the policy. Those that hold none deliver unprotected; those that hold an "
               "earlier one keep applying it until {until}.",
     .fix = "Make the first line exactly \"version: STSv1\", upper and lower case as shown. Verify the file "
            "at every address, then publish \"v=STSv1; id={new_id};\" at {record}.",
     .reference = "RFC 8461 §3.2",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::policy_text},
    {.code = "sts-policy-version-not-first",
     .theme = Theme::policy_text,
     .severity = {kNever, info, warning},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "The version is not on the first line of the policy",
     .effect = "The RFC's grammar allows it, but Google's instructions ask for the version on line 1: a "
               "strict sender may refuse the policy.",
     .fix = "Move \"version: STSv1\" to the top of the file and verify every address. The policy means the "
            "same as before, so the id may stay.",
     .reference = "RFC 8461 §3.2",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::policy_text},
    {.code = "sts-policy-mode-invalid",
     .theme = Theme::policy_text,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_invalid,
     .title = "The mode of the policy is missing or unknown",
     .effect = "Most senders refuse the policy: those that hold none deliver unprotected, those that hold an "
               "earlier one keep applying it until {until}.",
     .fix = "Write \"mode: testing\", \"mode: enforce\" or \"mode: none\" in lower case; the \"report\" of "
            "early drafts is now testing. Verify the file at every address, then publish \"v=STSv1; "
            "id={new_id};\" at {record}.",
     .reference = "RFC 8461 §3.2",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::policy_text},
    {.code = "sts-policy-max-age-invalid",
     .theme = Theme::policy_text,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_invalid,
     .title = "The max_age of the policy is missing or not a number of seconds",
     .effect =
         "Senders that read the file by RFC 8461 refuse it: those that hold no policy deliver unprotected, "
         "those that hold an earlier one keep applying it until {until}.",
     .fix = "Give seconds in digits only, for example \"max_age: 604800\" for a week: no unit, sign, point "
            "or separator. Verify the file at every address, then publish \"v=STSv1; id={new_id};\" at "
            "{record}.",
     .reference = "RFC 8461 §3.2",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::policy_text},
    {.code = "sts-policy-max-age-too-large",
     .theme = Theme::policy_text,
     .severity = {info, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_invalid,
     .title = "The max_age of the policy is over the limit of one year",
     .effect = "Some senders refuse the policy and go on with an earlier copy or without protection; others "
               "keep it for a time of their own.",
     .fix = "Lower max_age to 31557600 or less; 2419200 (four weeks) is plenty. Verify the file at every "
            "address, then publish \"v=STSv1; id={new_id};\" at {record}.",
     .reference = "RFC 8461 §3.2",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::policy_text},
    {.code = "sts-policy-max-age-zero",
     .theme = Theme::policy_text,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "The max_age of the policy is 0",
     .effect = "Most senders keep no copy of the policy, so an attacker can strip the protection from each "
               "message anew. chasquid refuses such a policy, Stalwart keeps it for a day.",
     .fix = "Set max_age to 86400 or more in testing, to 604800 or more in enforce. Verify the file at "
            "every address, then publish \"v=STSv1; id={new_id};\" at {record}.",
     .reference = "RFC 8461 §3.2, RFC 8461 §10.2",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::policy_text},
    {.code = "sts-policy-mx-missing",
     .theme = Theme::policy_text,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_invalid,
     .title = "The policy lists no mx",
     .effect = "Senders refuse a testing or enforce policy without mx: those that hold none deliver "
               "unprotected, those that hold an earlier one keep applying it until {until}.",
     .fix = "Add one \"mx:\" line for each MX host of {domain}; only \"mode: none\" may do without. Verify "
            "the file at every address, then publish \"v=STSv1; id={new_id};\" at {record}.",
     .reference = "RFC 8461 §3.2",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::policy_text},
    {.code = "sts-policy-mx-invalid-pattern",
     .theme = Theme::policy_text,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_invalid,
     .title = "An mx line of the policy is not a host name",
     .effect = "Strict senders refuse the whole policy. Others never find a match for the line, and under "
               "enforce skip the host that it meant.",
     .fix = "Write a single host name, or \"*.\" and a domain, after each \"mx:\": no address, URL, port, "
            "list or bare \"*\". Repeat the line for further hosts. Verify the file at every address, then "
            "publish \"v=STSv1; id={new_id};\" at {record}.",
     .reference = "RFC 8461 §3.2, RFC 8461 §4.1",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::policy_text},
    {.code = "sts-policy-mx-trailing-dot",
     .theme = Theme::policy_text,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_invalid,
     .title = "An mx line of the policy ends with a dot",
     .effect = "Strict senders refuse the whole policy. Others never find a match for the line, and under "
               "enforce skip the host that it meant.",
     .fix = "Delete the final dot: the policy file is not a zone file. Verify the file at every address, "
            "then publish \"v=STSv1; id={new_id};\" at {record}.",
     .reference = "RFC 8461 §3.2, RFC 5321 §4.1.2",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::policy_text},
    {.code = "sts-policy-mx-ulabel",
     .theme = Theme::policy_text,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_invalid,
     .title = "An mx line of the policy holds non-ASCII characters",
     .effect = "Senders refuse the whole policy, or never find a match for the line and under enforce skip "
               "the host that it meant.",
     .fix = "Write the name in its \"xn--\" form, just as the MX record has it; \"idn2 NAME\" prints it. "
            "Verify the file at every address, then publish \"v=STSv1; id={new_id};\" at {record}.",
     .reference = "RFC 8461 §3.2",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::policy_text},
    {.code = "sts-policy-duplicate-field",
     .theme = Theme::policy_text,
     .severity = {kNever, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "A field occurs twice in the policy",
     .effect = "By RFC 8461 the first one counts. Of deployed senders most take the last and KumoMTA refuses "
               "the file: where the two differ, senders apply different policies.",
     .fix = "Leave version, mode and max_age once each; two modes are the worst case, since some senders "
            "then enforce and others do not. Verify the file at every address, then publish \"v=STSv1; "
            "id={new_id};\" at {record}.",
     .reference = "RFC 8461 §3.2",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::policy_text},
    {.code = "sts-policy-nonconforming-line",
     .theme = Theme::policy_text,
     .severity = {kNever, info, warning},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_invalid,
     .title = "The policy holds lines that the format does not allow",
     .effect = "Senders that read strictly refuse the policy and, unless they hold an earlier one, deliver "
               "unprotected. Lenient senders pass over the line.",
     .fix = "Delete empty lines, comments, indents and blanks before the colon, and save the file without a "
            "byte order mark. Verify it at every address, then publish \"v=STSv1; id={new_id};\" at "
            "{record}.",
     .reference = "RFC 8461 §3.2",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::policy_text},
    {.code = "sts-policy-line-ending",
     .theme = Theme::policy_text,
     .severity = {kNever, info, warning},
     .route = Route::log,
     .reported_as = ResultType::sts_policy_invalid,
     .title = "The policy has stray carriage returns",
     .effect = "Senders may take the file for one long line and refuse it. Those that hold no earlier "
               "policy then deliver unprotected.",
     .fix = "Save the file with LF or CRLF at the end of each line, and no other carriage returns. Verify "
            "it at every address, then publish \"v=STSv1; id={new_id};\" at {record}.",
     .reference = "RFC 8461 §3.2",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::policy_text},
    {.code = "sts-policy-key-case",
     .theme = Theme::policy_text,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_invalid,
     .title = "A key of the policy is misspelt or in the wrong case",
     .effect = "Keys are case-sensitive, so strict senders take the field for missing: they refuse the "
               "policy or, where it is an mx line, skip that host under enforce. Lenient ones read it.",
     .fix = "Write the keys as version, mode, mx and max_age, in lower case and with the underscore. Verify "
            "the file at every address, then publish \"v=STSv1; id={new_id};\" at {record}.",
     .reference = "RFC 8461 §3.2",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::policy_text},
    {.code = "sts-policy-control-characters",
     .theme = Theme::policy_text,
     .severity = {kNever, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_invalid,
     .title = "The policy holds control characters or broken UTF-8",
     .effect = "Strict senders refuse the policy and, unless they hold an earlier one, deliver unprotected. "
               "Others may misread the line.",
     .fix = "Write the file anew in a plain text editor and save it as ASCII; a NUL beside every letter "
            "means it was saved as UTF-16. Verify it at every address, then publish \"v=STSv1; "
            "id={new_id};\" at {record}.",
     .reference = "RFC 8461 §3.2",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::policy_text},
    {.code = "sts-policy-unknown-field",
     .theme = Theme::policy_text,
     .severity = {kNever, info, info},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "The policy holds a field that is not registered",
     .effect = "none: senders ignore fields they do not know",
     .fix =
         "See whether it is a known key misspelt: where one is near, the detail names it. Otherwise there is "
         "nothing to do.",
     .reference = "RFC 8461 §3.2",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::policy_text},
};

}  // namespace

std::span<const CatalogueEntry> policy_text() { return kPolicyTextRows; }

}  // namespace stswatch::catalogue_tables
