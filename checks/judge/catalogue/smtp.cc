// Findings of group G: SMTP and STARTTLS on the MX hosts.

#include "checks/judge/catalogue/catalogue.h"

namespace stswatch::catalogue_tables {
namespace {

using enum Severity;
constexpr std::nullopt_t kNever = std::nullopt;

constexpr CatalogueEntry kEntries[] = {
    {.code = "starttls-not-supported",
     .group = 'G',
     .severity = {warning, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "starttls-not-supported",
     .title = "An MX host does not offer STARTTLS",
     .effect = "Senders that enforce skip {host}, as do DANE senders that find usable TLSA records. Others "
               "deliver in clear text; in testing they report it.",
     .fix = "Enable STARTTLS on port 25 at {subject}. If the server has it enabled, look for a firewall "
            "with SMTP inspection: it hides the keyword, and the EHLO reply shows XXXXXXXX.",
     .reference = "RFC 8461 §4, RFC 8461 §5, RFC 8460 §4.3.1"},
    {.code = "starttls-refused",
     .group = 'G',
     .severity = {warning, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "validation-failure",
     .title = "An MX host offers STARTTLS but refuses it",
     .effect = "Senders that enforce skip {host}. Others fall back to clear text.",
     .fix = "Read the mail server's log at {subject} for the time of this look. As a rule it cannot load "
            "its key or certificate: check file permissions, and that the two still belong together after "
            "the last renewal.",
     .reference = "RFC 8461 §5, RFC 3207"},
    {.code = "starttls-handshake-failure",
     .group = 'G',
     .severity = {warning, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "validation-failure",
     .title = "The TLS handshake with an MX host fails",
     .effect = "Senders that enforce skip {host}. Others fall back to clear text or try again later.",
     .fix = "Run openssl s_client -starttls smtp -connect {host}:25 -servername {host} and read the alert. "
            "Usual causes: only old TLS versions, no cipher in common, or an RSA or ECDSA certificate that "
            "no enabled cipher fits.",
     .reference = "RFC 8461 §4, RFC 8460 §4.3.1"},
    {.code = "tls-version-unsupported",
     .group = 'G',
     .severity = {warning, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "validation-failure",
     .title = "An MX host offers no TLS version newer than 1.1",
     .effect = "Senders that enforce ask for TLS 1.2 or later and skip {host}. Others may fall back to the "
               "old version or to clear text.",
     .fix = "Enable TLS 1.2 and 1.3 on port 25 of {host}. If its TLS library does not know them, update "
            "that first.",
     .reference = "RFC 8461 §7.2"},
    {.code = "starttls-dh-small",
     .group = 'G',
     .severity = {kNever, warning, warning},
     .route = Route::ticket,
     .tlsrpt = "validation-failure",
     .title = "An MX host uses small Diffie-Hellman parameters",
     .effect = "Senders whose TLS library asks for 2048 bits, as OpenSSL does at security level 2, fail the "
               "handshake and skip {host} if they enforce. Others deliver there.",
     .fix =
         "Give the mail server on {host} parameters of 2048 bits (Postfix 3.7: smtpd_tls_dh1024_param_file = "
         "auto), or leave DHE out and prefer ECDHE ciphers. Then look again.",
     .reference = "RFC 9325 §4.2.1"},
    {.code = "mx-probe-deferred",
     .group = 'G',
     .severity = {},
     .route = Route::log,
     .tlsrpt = "",
     .title = "A mail server asked our probe to come back later",
     .effect = "none: real senders try again, and nothing is concluded from it",
     .fix = "Nothing to do: the agent looks again later. If {host} puts it off every time, allow its "
            "address there.",
     .reference = "RFC 5321 §4.5.4.1"},
    {.code = "mx-probe-rejected",
     .group = 'G',
     .severity = {},
     .route = Route::log,
     .tlsrpt = "",
     .title = "A mail server turned our probe away",
     .effect = "none: this speaks of the agent's own address, and nothing is concluded from it",
     .fix = "The mail server needs no repair. To have {host} checked, allow the agent's address there, or "
            "move the agent to an address with a PTR record and no bad history.",
     .reference = "RFC 5321 §3.1"},
    {.code = "smtp-silent",
     .group = 'G',
     .severity = {kNever, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "A mail server accepts connections and does not speak SMTP",
     .effect = "Senders wait for minutes at {subject}, then try the next address or MX host; where there is "
               "none they defer.",
     .fix = "Look at the mail server at {subject}: it accepts connections and does not serve them (a process "
            "that hangs, a full queue, a proxy without its server). If other senders are served there and "
            "only this agent is not, allow the agent's address.",
     .reference = "RFC 5321 §4.5.3.2, §3.1"},
    {.code = "smtp-flapping",
     .group = 'G',
     .severity = {kNever, warning, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "An MX host answers differently from one connection to the next",
     .effect = "Senders that enforce skip {host} at the attempts that meet the fault, and come back later: "
               "mail is late. In testing they deliver and report.",
     .fix = "Several machines answer behind {subject} and are not set up alike: compare their TLS settings "
            "and certificates one by one. The detail names what the bad attempts met.",
     .reference = "RFC 8461 §4.2, §5"},
};

}  // namespace

std::span<const CatalogueEntry> smtp() { return kEntries; }

}  // namespace stswatch::catalogue_tables
