// Findings of group H: the certificates of the MX hosts (RFC 8461 §4.2).

#include "checks/judge/catalogue/catalogue.h"

namespace stswatch::catalogue_tables {
namespace {

using enum Severity;
constexpr std::nullopt_t kNever = std::nullopt;

constexpr CatalogueEntry kEntries[] = {
    {.code = "certificate-expired",
     .group = 'H',
     .severity = {warning, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "certificate-expired",
     .title = "An MX host's certificate has expired",
     .effect = "Senders that enforce skip {host}; when no other host is good, mail waits. In testing they "
               "deliver and report. Senders that match a DANE-EE record do not look at the date.",
     .fix = "Install a renewed certificate at {subject}, intermediates included, and reload the mail "
            "server. If the file on disk is new already, only the reload is missing: add a deploy hook.",
     .reference = "RFC 8461 §4.2, RFC 8460 §4.3.1"},
    {.code = "certificate-expiring",
     .group = 'H',
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "An MX host's certificate is about to expire",
     .effect = "None yet. From the moment it expires, senders that enforce skip {host}.",
     .fix = "Renew the certificate of {host} by hand now and reload the mail server. Then find out why the "
            "automatic renewal failed.",
     .reference = "RFC 8461 §4.2"},
    {.code = "certificate-renewal-overdue",
     .group = 'H',
     .severity = {info, info, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "An MX host's certificate should have been renewed by now",
     .effect = "None yet. If it comes to expire, senders that enforce skip {host}.",
     .fix = "On {host} check that the renewal timer runs, that the challenge succeeds, and that the deploy "
            "hook reloads the mail server.",
     .reference = "RFC 8461 §4.2"},
    {.code = "certificate-host-mismatch",
     .group = 'H',
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "certificate-host-mismatch",
     .title = "An MX host's certificate names another host",
     .effect =
         "Senders that hold the certificate against the MX name skip {host} if they enforce. In testing they "
         "deliver and report.",
     .fix = "Get a certificate with {host} among its SAN names. Or let the MX record use a name the "
            "certificate has, after that name is in the policy file, verified at every address and "
            "announced by a new id. A change of the policy alone does not help.",
     .reference = "RFC 8461 §4.2, RFC 8460 §4.3.1"},
    {.code = "certificate-cn-only",
     .group = 'H',
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "certificate-host-mismatch",
     .title = "An MX host's certificate names the host only in its Common Name",
     .effect =
         "Senders that look at SAN names only, as RFC 8461 asks them to, skip {host} if they enforce; in "
         "testing they deliver and report.",
     .fix = "Have the certificate reissued with {host} in the subjectAltName extension. Public CAs always "
            "put it there, so this one is self-made or very old.",
     .reference = "RFC 8461 §4.2, RFC 9525"},
    {.code = "certificate-not-trusted",
     .group = 'H',
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "certificate-not-trusted",
     .title = "An MX host's certificate is not publicly trusted",
     .effect = "Senders that enforce skip {host}. In testing they deliver and report. A DANE record may "
               "still vouch for it.",
     .fix = "Let port 25 at {subject} present one that a public CA has issued, with its intermediates. A "
            "self-signed one serves only opportunistic TLS and DANE.",
     .reference = "RFC 8461 §4.2, RFC 8460 §4.3.1"},
    {.code = "certificate-chain-incomplete",
     .group = 'H',
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "certificate-not-trusted",
     .title = "An MX host does not send its intermediate certificate",
     .effect = "Senders do not download what is missing. Those that enforce skip {host}; in testing they "
               "deliver and report.",
     .fix = "Give the mail server the full chain (Postfix smtpd_tls_chain_files, Exim tls_certificate) and "
            "reload. Count the certificates: openssl s_client -starttls smtp -connect {host}:25 -showcerts. "
            "If there is only one, the intermediate is missing.",
     .reference = "RFC 8461 §4.2, RFC 8460 §4.3.1"},
    {.code = "certificate-not-yet-valid",
     .group = 'H',
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "certificate-not-trusted",
     .title = "An MX host's certificate is not valid yet",
     .effect = "Senders that enforce skip {host} until the certificate's first day. In testing they deliver "
               "and report.",
     .fix = "Compare the clocks of {host} and of this agent with the true time. In future wait an hour "
            "after issue before you deploy a certificate, for the sake of senders whose clocks are slow.",
     .reference = "RFC 8461 §4.2"},
    {.code = "certificate-eku-invalid",
     .group = 'H',
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .tlsrpt = "certificate-not-trusted",
     .title = "An MX host's certificate is not meant for servers",
     .effect = "Verification fails. Senders that enforce skip {host}; in testing they deliver and report.",
     .fix = "Request a TLS server certificate (extended key usage serverAuth) for {host}. The client usage "
            "is not needed.",
     .reference = "RFC 5280 §4.2.1.12"},
    {.code = "certificate-weak",
     .group = 'H',
     .severity = {info, info, warning},
     .route = Route::ticket,
     .tlsrpt = "certificate-not-trusted",
     .title = "An MX host's certificate uses weak cryptography",
     .effect = "Senders with a current TLS library may refuse it. Those that enforce then skip {host}.",
     .fix = "Have the certificate of {host} reissued with an ECDSA P-256 key, or an RSA key of 2048 bits or "
            "more, and a SHA-256 signature.",
     .reference = "RFC 9325 §4"},
    {.code = "certificate-intermediate-expiring",
     .group = 'H',
     .severity = {kNever, warning, warning},
     .route = Route::ticket,
     .tlsrpt = "",
     .title = "An MX host sends an intermediate that ends before its certificate",
     .effect = "None yet. When the intermediate expires the chain fails, and senders that enforce skip "
               "{host}.",
     .fix = "Put the CA's current intermediate into the chain file of {host}; its own certificate can stay. "
            "An ACME client does so at each renewal, so force one unless the file is kept by hand.",
     .reference = "RFC 8461 §4.2, RFC 5280 §6"},
    {.code = "certificate-issuer-changed",
     .group = 'H',
     .severity = {kNever, info, info},
     .route = Route::log,
     .tlsrpt = "",
     .title = "An MX host's certificate comes from another issuer",
     .effect = "none: mail is not affected, unless a TLSA record of usage 2 stands for the former issuer",
     .fix = "Confirm that the change was yours. If you publish TLSA records that begin with 2 for {host}, "
            "compare them with the new chain now.",
     .reference = "RFC 8461 §10.5, RFC 7671 §8.1"},
    {.code = "certificate-key-changed",
     .group = 'H',
     .severity = {kNever, info, info},
     .route = Route::log,
     .tlsrpt = "",
     .title = "An MX host's certificate has a new key",
     .effect = "none: mail is not affected, unless a TLSA record such as 3 1 1 names the old key",
     .fix = "Without DANE there is nothing to do. With it, publish the record of the next key two TTLs "
            "before {host} uses that key.",
     .reference = "RFC 7671 §8.1"},
};

}  // namespace

std::span<const CatalogueEntry> certificate() { return kEntries; }

}  // namespace stswatch::catalogue_tables
