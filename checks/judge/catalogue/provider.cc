// Findings of group P: advice for known mail providers, beside the generic finding.

#include "checks/judge/catalogue/catalogue.h"

namespace stswatch::catalogue_tables {
namespace {

using enum Severity;
constexpr std::nullopt_t kNever = std::nullopt;

constexpr CatalogueEntry kEntries[] = {
    {.code = "provider-google-mx-incomplete",
     .group = 'P',
     .severity = {kNever, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "certificate-host-mismatch",
     .title = "The policy leaves out some of Google's MX hosts",
     .effect = "Senders that enforce skip the hosts left out; when the primary is busy, mail waits.",
     .fix = "List \"mx: aspmx.l.google.com\" and \"mx: *.aspmx.l.google.com\", for aspmx2 to aspmx5 also "
            "\"mx: *.googlemail.com\"; the primary alone does not do. Verify the file at every address, "
            "then publish \"v=STSv1; id={new_id};\". Or change to smtp.google.com as the only MX, listed in "
            "the policy first.",
     .reference = "RFC 8461 §4.1"},
    {.code = "provider-google-mx-switched",
     .group = 'P',
     .severity = {kNever, warning, critical},
     .route = Route::page,
     .tlsrpt = "certificate-host-mismatch",
     .title = "The policy lists Google's other set of MX hosts",
     .effect = "Nothing matches: senders that enforce defer all mail for {domain} and bounce it in the end. "
               "In testing they deliver and report.",
     .fix = "Add the set that the MX records use (\"mx: smtp.google.com\", or \"mx: aspmx.l.google.com\" "
            "and \"mx: *.aspmx.l.google.com\"), verify the file at every address, then publish \"v=STSv1; "
            "id={new_id};\". Keep the old lines for now: senders may hold the old policy until {until}.",
     .reference = "RFC 8461 §4.1, RFC 8461 §8.1"},
    {.code = "provider-m365-pattern-wrong",
     .group = 'P',
     .severity = {kNever, warning, critical},
     .route = Route::page,
     .tlsrpt = "certificate-host-mismatch",
     .title = "The policy does not list the Microsoft 365 MX host",
     .effect = "Nothing matches: senders that enforce defer all mail for {domain} and bounce it in the end. "
               "In testing they deliver and report.",
     .fix = "Put Microsoft's pattern \"mx: *.mail.protection.outlook.com\" into the policy file, or the "
            "full name that your MX record shows. Verify the file at every address, then publish \"v=STSv1; "
            "id={new_id};\" at {record}.",
     .reference = "RFC 8461 §4.1"},
    {.code = "provider-m365-mx-microsoft-wildcard",
     .group = 'P',
     .severity = {kNever, warning, critical},
     .route = Route::page,
     .tlsrpt = "certificate-host-mismatch",
     .title = "The policy's wildcard is too short for the mx.microsoft host",
     .effect = "A wildcard stands for one label and this host has two more, so strict senders find no "
               "match: under enforce they defer all mail. Lax ones deliver.",
     .fix = "Write \"mx: *.\" followed by your MX name without its first label, for example \"mx: "
            "*.o-v1.mx.microsoft\", or the exact host. Verify the file at every address, then publish "
            "\"v=STSv1; id={new_id};\" at {record}.",
     .reference = "RFC 8461 §4.1"},
    {.code = "provider-m365-migration",
     .group = 'P',
     .severity = {kNever, warning, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "Microsoft 365 is moving from one MX name to the other",
     .effect = "Senders that hold a policy with only the old name skip the new host until {until}, or until "
               "they see a new id.",
     .fix = "List both names in the policy file, verify it at every address, then publish \"v=STSv1; "
            "id={new_id};\", and only then add the new MX. Keep the old line: senders may hold the earlier "
            "policy until {until}. More careful still is \"mode: testing\" during the move.",
     .reference = "RFC 8461 §8.1"},
    {.code = "provider-gateway-mismatch",
     .group = 'P',
     .severity = {kNever, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "certificate-host-mismatch",
     .title = "The policy lists other hosts than the mail filter in the MX records",
     .effect = "Nothing matches: senders that enforce defer all mail for {domain} and bounce it in the end. "
               "In testing they deliver and report.",
     .fix = "List the hosts that the MX records name, as a rule those of the filter; senders never see the "
            "mailbox provider behind it. Verify the file at every address, then publish \"v=STSv1; "
            "id={new_id};\" at {record}.",
     .reference = "RFC 8461 §4.1"},
    {.code = "provider-proton",
     .group = 'P',
     .severity = {info, info, info},
     .route = Route::log,
     .tlsrpt = "",
     .title = "Proton receives the mail of this domain",
     .effect = "none: mail is not affected",
     .fix = "Let the policy list mail.protonmail.ch and mailsec.protonmail.ch. Proton looks after DANE for "
            "these hosts, but the policy of your own domain is yours to serve.",
     .reference = "RFC 8461 §4.1"},
    {.code = "provider-fastmail",
     .group = 'P',
     .severity = {info, info, info},
     .route = Route::log,
     .tlsrpt = "",
     .title = "Fastmail receives the mail of this domain",
     .effect = "none: mail is not affected",
     .fix = "Let the policy list in1-smtp.messagingengine.com and in2-smtp.messagingengine.com, or "
            "*.messagingengine.com for both.",
     .reference = "RFC 8461 §4.1"},
    {.code = "provider-policy-mismatch",
     .group = 'P',
     .severity = {kNever, info, info},
     .route = Route::log,
     .tlsrpt = "",
     .title = "The policy differs from what suits this mail provider",
     .effect = "none: every MX host is listed",
     .fix = "Compare the mx lines with those recommended in the detail when you next change the policy. "
            "Nothing is urgent.",
     .reference = "RFC 8461 §4.1"},
};

}  // namespace

std::span<const CatalogueEntry> provider() { return kEntries; }

}  // namespace stswatch::catalogue_tables
