// TLS and the certificate of the policy host (RFC 8461 §3.3).
#include "checks/judge/catalogue/catalogue.h"

namespace stswatch::catalogue_tables {
namespace {

using enum Severity;
constexpr std::nullopt_t kNever = std::nullopt;

/// There is no answer of the policy host to speak of.
constexpr std::string_view kPolicyHostSilent[] = {"sts-policy-host-no-address", "sts-policy-connect-failed"};

constexpr Basis kPolicy = Basis::all_of({Ground::sts_record, Ground::policy});
constexpr Telling kToldAsPolicy{Nature{.family = Family::publication,
                                       .aspect = Aspect::policy,
                                       .claim = Claim::cause,
                                       .of_host = false,
                                       .headline = Headline::title}};
constexpr Beside kBesideAnswer = Beside::anything_but(kPolicyHostSilent);

constexpr CatalogueEntry kPolicyTlsRows[] = {
    {.code = "sts-webpki-cert-expired",
     .theme = Theme::policy_tls,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_webpki_invalid,
     .title = "The policy host's certificate has expired",
     .effect = "Senders cannot fetch the policy where this is so. Those that hold none deliver unprotected; "
               "those that hold "
               "one apply it until {until}, but see no update.",
     .fix = "Renew the certificate of {policy_host}, intermediates included, and reload the web server; "
            "where a provider runs it, ask the provider. Then check the dates that each address serves. "
            "Change no policy before that: senders that meet this certificate would not see it.",
     .reference = "RFC 8461 §3.3",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::neither,
     .advice = Theme::policy_tls},
    {.code = "sts-webpki-cert-expiring",
     .theme = Theme::policy_tls,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_webpki_invalid,
     .title = "The policy host's certificate is about to expire",
     .effect = "None yet. Once it has expired senders cannot fetch the policy where it is served.",
     .fix = "Renew the certificate of {policy_host} and read the ACME client's log; where a provider runs "
            "it, ask the provider. Often the client does not renew this name at all, or the HTTP-01 "
            "challenge does not reach the host.",
     .reference = "RFC 8461 §3.3",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::neither,
     .advice = Theme::policy_tls},
    {.code = "sts-webpki-renewal-overdue",
     .theme = Theme::policy_tls,
     .severity = {info, info, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "The policy host's certificate should have been renewed by now",
     .effect = "None yet. Should it expire, senders cannot fetch the policy where it is served.",
     .fix = "Check that the renewal timer for {policy_host} runs and that its deploy hook reloads the web "
            "server; where a provider runs it, ask the provider. A certificate renewed on disk but never "
            "loaded looks the same from outside.",
     .reference = "RFC 8461 §3.3",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::neither,
     .advice = Theme::policy_tls},
    {.code = "sts-webpki-host-mismatch",
     .theme = Theme::policy_tls,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_webpki_invalid,
     .title = "The policy host's certificate names another host",
     .effect = "Senders cannot fetch the policy where this is so. Those that hold no policy deliver "
               "unprotected; those that "
               "hold one apply it until {until}, but see no update.",
     .fix = "Get a certificate with {policy_host} or *.{domain} among its SAN names; the Common Name does "
            "not count. If a CNAME leads to a provider, that provider has to request it for {policy_host}. A "
            "wildcard stands for one whole label, so that of a parent domain will not do.",
     .reference = "RFC 8461 §3.3, RFC 8461 §8.2",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::neither,
     .advice = Theme::policy_tls},
    {.code = "sts-webpki-cn-only",
     .theme = Theme::policy_tls,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_webpki_invalid,
     .title = "The policy host's certificate names the host only in its Common Name",
     .effect =
         "Senders that look at SAN names only, as RFC 8461 asks them to, fail the fetch. Those that hold no "
         "policy deliver unprotected; those that hold one apply it until {until}.",
     .fix = "Have the certificate reissued with {policy_host} in the subjectAltName extension. Any public "
            "CA does so by default.",
     .reference = "RFC 8461 §3.3, RFC 9525",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::neither,
     .advice = Theme::policy_tls},
    {.code = "sts-webpki-not-trusted",
     .theme = Theme::policy_tls,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_webpki_invalid,
     .title = "The policy host's certificate is not publicly trusted",
     .effect = "Senders cannot fetch the policy where this is so. Those that hold no policy deliver "
               "unprotected; those that "
               "hold one apply it until {until}, but see no update.",
     .fix = "Install a certificate of a public CA on {policy_host}, with its intermediates. If the CA has "
            "lost the trust of the big root stores, do not wait for the expiry date.",
     .reference = "RFC 8461 §3.3",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::neither,
     .advice = Theme::policy_tls},
    {.code = "sts-webpki-chain-incomplete",
     .theme = Theme::policy_tls,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_webpki_invalid,
     .title = "The policy host does not send its intermediate certificate",
     .effect =
         "Browsers hide this, but mail servers as a rule do not download what is missing: their fetch fails. "
         "Those that hold no policy deliver unprotected; those that hold one apply it until {until}.",
     .fix = "Configure the full chain on {policy_host}; many ACME clients call the file fullchain.pem. "
            "Reload, then count the certificates: openssl s_client -connect {policy_host}:443 -servername "
            "{policy_host} -showcerts",
     .reference = "RFC 8461 §3.3, RFC 5246 §7.4.2",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::neither,
     .advice = Theme::policy_tls},
    {.code = "sts-webpki-not-yet-valid",
     .theme = Theme::policy_tls,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_webpki_invalid,
     .title = "The policy host's certificate is not valid yet",
     .effect = "The fetch fails until the certificate's first day for senders whose clock is right, where "
               "this certificate is served. Those that hold no policy deliver unprotected meanwhile.",
     .fix = "Compare the clock of the machine that this agent runs on with the true time first. If it is "
            "right, wait for the start of validity or have the certificate of {policy_host} reissued. In "
            "future deploy a certificate no sooner than an hour after issue.",
     .reference = "RFC 8461 §3.3",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::neither,
     .advice = Theme::policy_tls},
    {.code = "sts-webpki-tls-version",
     .theme = Theme::policy_tls,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_fetch_error,
     .title = "The policy host offers no TLS version newer than 1.1",
     .effect = "Senders that ask for TLS 1.2 or later cannot connect where this is so. Those that hold no "
               "policy deliver unprotected; those that hold one apply it until {until}, but see no update.",
     .fix = "Enable TLS 1.2 and 1.3 for {policy_host} and switch the older versions off. Behind a CDN the "
            "minimum version is a setting of the CDN.",
     .reference = "RFC 8461 §7.2, RFC 9325",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::neither,
     .advice = Theme::policy_tls},
    {.code = "sts-webpki-dh-small",
     .theme = Theme::policy_tls,
     .severity = {info, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_fetch_error,
     .title = "The policy host uses small Diffie-Hellman parameters",
     .effect =
         "Senders whose TLS library asks for 2048 bits, as OpenSSL does at security level 2, cannot fetch "
         "the policy. Others can.",
     .fix = "Prefer ECDHE ciphers on {policy_host} and leave DHE out (nginx: no ssl_dhparam), or give it "
            "parameters of 2048 bits.",
     .reference = "RFC 9325 §4.2.1",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::neither,
     .advice = Theme::policy_tls},
    {.code = "sts-webpki-handshake-failure",
     .theme = Theme::policy_tls,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_fetch_error,
     .title = "The TLS handshake with the policy host fails",
     .effect = "The fetch fails where this is so. Senders that hold no policy deliver unprotected; those "
               "that hold one apply it until {until}, but see no update.",
     .fix = "Run openssl s_client -connect {policy_host}:443 -servername {policy_host} and read the alert. "
            "As a rule no virtual host is set up for the name, or the private key cannot be read.",
     .reference = "RFC 8461 §3.3, RFC 8461 §7.1",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::neither,
     .advice = Theme::policy_tls},
    {.code = "sts-webpki-revoked",
     .theme = Theme::policy_tls,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_webpki_invalid,
     .title = "The policy host's certificate is revoked",
     .effect = "Senders may check this or not: those that do cannot fetch the policy. Without one they "
               "deliver unprotected; with one they apply it until {until}, but see no update.",
     .fix = "Replace the certificate of {policy_host} with one from a new key. Find out why it was revoked "
            "before reusing anything.",
     .reference = "RFC 8461 §3.3, §10.5",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::neither,
     .advice = Theme::policy_tls},
    {.code = "sts-webpki-issuer-changed",
     .theme = Theme::policy_tls,
     .severity = {kNever, info, info},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "The policy host's certificate comes from another issuer",
     .effect = "none: mail is not affected",
     .fix = "Confirm that the change was yours; if it was not, find out who can get certificates for "
            "{policy_host} and review the CAA records. See that the new root is old enough for senders with "
            "small trust stores.",
     .reference = "RFC 8461 §10.5",
     .rests_on = kPolicy,
     .told = Nature{.family = Family::publication,
                    .aspect = Aspect::change,
                    .claim = Claim::change,
                    .of_host = false,
                    .headline = Headline::title},
     .beside = kBesideAnswer,
     .on_text = OnText::neither,
     .advice = Theme::policy_tls},
};

}  // namespace

std::span<const CatalogueEntry> policy_tls() { return kPolicyTlsRows; }

}  // namespace stswatch::catalogue_tables
