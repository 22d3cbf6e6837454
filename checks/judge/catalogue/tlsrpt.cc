// Findings of group K: the TLSRPT record at _smtp._tls (RFC 8460 §3).

#include "checks/judge/catalogue/catalogue.h"

namespace stswatch::catalogue_tables {
namespace {

using enum Severity;
constexpr std::nullopt_t kNever = std::nullopt;

constexpr CatalogueEntry kEntries[] = {
    {.code = "tlsrpt-missing",
     .group = 'K',
     .severity = {info, warning, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "No TLS reports are asked for",
     .effect = "none: mail is not affected, but no sender reports what fails",
     .fix = "Publish a TXT record at _smtp._tls.{domain}: \"v=TLSRPTv1; rua=mailto:tlsrpt@example.net\", "
            "with an address of yours. Nothing else shows what senders out there really meet.",
     .reference = "RFC 8460 §3"},
    {.code = "tlsrpt-multiple",
     .group = 'K',
     .severity = {info, warning, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "More than one TLSRPT record at the same name",
     .effect = "none: mail is not affected, but senders must take the domain to have no TLSRPT and send no "
               "reports",
     .fix = "Leave one record at _smtp._tls.{domain} that begins with \"v=TLSRPTv1;\", and put all "
            "destinations into its rua, with commas between them.",
     .reference = "RFC 8460 §3"},
    {.code = "tlsrpt-syntax-invalid",
     .group = 'K',
     .severity = {info, warning, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "The TLSRPT record is malformed",
     .effect = "none: mail is not affected, but senders ignore the record and send no reports",
     .fix = "Set the TXT record at _smtp._tls.{domain} to \"v=TLSRPTv1; rua=mailto:tlsrpt@example.net\", "
            "with an address of yours. The version comes first, upper and lower case as shown.",
     .reference = "RFC 8460 §3"},
    {.code = "tlsrpt-rua-missing",
     .group = 'K',
     .severity = {info, warning, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "The TLSRPT record names no destination",
     .effect = "none: mail is not affected, but senders ignore the record and send no reports",
     .fix = "Add a destination to the record at _smtp._tls.{domain}: \"rua=mailto:ADDRESS\" or "
            "\"rua=https://URL\".",
     .reference = "RFC 8460 §3"},
    {.code = "tlsrpt-rua-scheme",
     .group = 'K',
     .severity = {info, warning, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "A TLSRPT destination is neither mailto nor https",
     .effect = "none: mail is not affected, but no report goes to that destination",
     .fix = "In the record at _smtp._tls.{domain} put \"mailto:\" before an address; a URL has to begin "
            "with \"https:\". Plain http and bare addresses have no meaning there.",
     .reference = "RFC 8460 §3"},
    {.code = "tlsrpt-rua-encoding",
     .group = 'K',
     .severity = {info, warning, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "A TLSRPT destination holds characters that must be encoded",
     .effect = "none: mail is not affected, but senders cut the destination in two or refuse it",
     .fix = "Inside a destination at _smtp._tls.{domain} write %2C for a comma, %21 for an exclamation mark "
            "and %3B for a semicolon. A size limit such as \"!10m\" belongs to DMARC and must go.",
     .reference = "RFC 8460 §3"},
    {.code = "tlsrpt-rua-same-domain",
     .group = 'K',
     .severity = {kNever, info, info},
     .route = Route::log,
     .tlsrpt = "",
     .title = "TLS reports go only to the domain they are about",
     .effect = "none: mail is not affected, but while the MX hosts are down the reports are stuck as well",
     .fix = "Add a destination elsewhere to the rua at _smtp._tls.{domain}: a mailbox under a different "
            "domain, or an https URL.",
     .reference = "RFC 8460 §3"},
    {.code = "tlsrpt-removed",
     .group = 'K',
     .severity = {kNever, warning, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "The TLSRPT record is gone",
     .effect = "none: mail is not affected, but the reports stop and with them your early warning",
     .fix = "Publish the record at _smtp._tls.{domain} again. If it was removed on purpose, consider at "
            "least how you will hear of failures under enforce.",
     .reference = "RFC 8460 §3"},
};

}  // namespace

std::span<const CatalogueEntry> tlsrpt() { return kEntries; }

}  // namespace stswatch::catalogue_tables
