// MX hosts: SMTP and STARTTLS up to the handshake (RFC 8461 §4.2, RFC 3207).
#include "checks/judge/catalogue/catalogue.h"

namespace stswatch::catalogue_tables {
namespace {

using enum Severity;
constexpr std::nullopt_t kNever = std::nullopt;
/// Nobody spoke there.
constexpr std::string_view kUnreachable[] = {"mx-unreachable"};
constexpr Basis kHost = Basis::all_of({Ground::subject_host}).shown_at_host();
constexpr Basis kAgent = Basis::all_of({Ground::agent}).shown_at_host();
constexpr Telling kToldAsSmtp{Nature{.family = Family::delivery,
                                     .aspect = Aspect::smtp,
                                     .claim = Claim::cause,
                                     .of_host = true,
                                     .headline = Headline::title}};
constexpr Beside kBesideReached = Beside::anything_but(kUnreachable).needs_mx().says_why_skipped();

constexpr CatalogueEntry kSmtpRows[] = {
    {.code = "starttls-not-supported",
     .theme = Theme::smtp,
     .severity = {warning, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::starttls_not_supported,
     .title = "An MX host does not offer STARTTLS",
     .effect = "Senders that enforce skip {where}, as do DANE senders that find usable TLSA records. Others "
               "deliver in clear text; in testing they report it.",
     .fix = "Enable STARTTLS on port 25 at {subject}. If the server has it enabled, look for a firewall with "
            "SMTP inspection: it hides the keyword, and the EHLO reply shows X characters in its place.",
     .reference = "RFC 8461 §4, RFC 8461 §5, RFC 8460 §4.3.1",
     .rests_on = kHost,
     .told = kToldAsSmtp,
     .beside = kBesideReached,
     .on_text = OnText::neither,
     .advice = Theme::smtp},
    {.code = "starttls-refused",
     .theme = Theme::smtp,
     .severity = {warning, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::validation_failure,
     .title = "An MX host offers STARTTLS but refuses it",
     .effect =
         "Senders that enforce skip {where}. Others as a rule fall back to clear text, or try again later.",
     .fix = "Read the mail server's log at {subject} for the time of this look. As a rule it cannot load "
            "its key or certificate: check file permissions, and that the two still belong together after "
            "the last renewal.",
     .reference = "RFC 8461 §5, RFC 3207",
     .rests_on = kHost,
     .told = kToldAsSmtp,
     .beside = kBesideReached,
     .on_text = OnText::neither,
     .advice = Theme::smtp},
    {.code = "starttls-handshake-failure",
     .theme = Theme::smtp,
     .severity = {warning, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::validation_failure,
     .title = "The TLS handshake with an MX host fails",
     .effect = "Senders that enforce skip {where}. Others fall back to clear text or try again later.",
     .fix = "Run openssl s_client -starttls smtp -connect {host}:25 -servername {host} and read the alert. "
            "Usual causes: only old TLS versions, no cipher in common, or an RSA or ECDSA certificate that "
            "no enabled cipher fits.",
     .reference = "RFC 8461 §4, RFC 8460 §4.3.1",
     .rests_on = kHost,
     .told = kToldAsSmtp,
     .beside = kBesideReached,
     .on_text = OnText::neither,
     .advice = Theme::smtp},
    {.code = "tls-version-unsupported",
     .theme = Theme::smtp,
     .severity = {warning, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::validation_failure,
     .title = "An MX host offers no TLS version newer than 1.1",
     .effect = "Senders that enforce ask for TLS 1.2 or later and skip {where}. Others may fall back to the "
               "old version or to clear text.",
     .fix = "Enable TLS 1.2 and 1.3 on port 25 of {host}. If its TLS library does not know them, update "
            "that first.",
     .reference = "RFC 8461 §7.2",
     .rests_on = kHost,
     .told = kToldAsSmtp,
     .beside = kBesideReached,
     .on_text = OnText::neither,
     .advice = Theme::smtp},
    {.code = "starttls-dh-small",
     .theme = Theme::smtp,
     .severity = {kNever, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::validation_failure,
     .title = "An MX host uses small Diffie-Hellman parameters",
     .effect = "Senders whose TLS library asks for 2048 bits, as OpenSSL does at security level 2, fail the "
               "handshake and skip {where} if they enforce.",
     .fix =
         "Give the mail server on {host} parameters of 2048 bits (Postfix 3.7: smtpd_tls_dh1024_param_file = "
         "auto), or leave DHE out and prefer ECDHE ciphers. Then look again.",
     .reference = "RFC 9325 §4.2.1",
     .rests_on = kHost,
     .told = kToldAsSmtp,
     .beside = kBesideReached,
     .on_text = OnText::neither,
     .advice = Theme::smtp},
    {.code = "mx-probe-deferred",
     .theme = Theme::smtp,
     .severity = kOwnView,
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "A mail server asked our probe to come back later",
     .effect = "none: real senders try again, and nothing is concluded from it",
     .fix = "Nothing to do: the agent looks again later. If {host} puts it off every time, allow its "
            "address there.",
     .reference = "RFC 5321 §4.5.4.1",
     .rests_on = kAgent,
     .told = kToldAsSmtp,
     .beside = kBesideReached,
     .on_text = OnText::neither,
     .advice = Theme::smtp},
    {.code = "mx-probe-rejected",
     .theme = Theme::smtp,
     .severity = kOwnView,
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "A mail server turned our probe away",
     .effect = "none: this speaks of the agent's own address, and nothing is concluded from it",
     .fix = "The mail server needs no repair. To have {host} checked, allow the agent's address there, or "
            "move the agent to an address with a PTR record and no bad history.",
     .reference = "RFC 5321 §3.1",
     .rests_on = kAgent,
     .told = kToldAsSmtp,
     .beside = kBesideReached,
     .on_text = OnText::neither,
     .advice = Theme::smtp},
    {.code = "smtp-silent",
     .theme = Theme::smtp,
     .severity = {kNever, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "A mail server accepts connections and does not speak SMTP",
     .effect = "Senders wait for minutes at {subject}, then try the next address or MX host; where there is "
               "none they defer.",
     .fix = "Look at the mail server at {subject}: it accepts connections and does not serve them (a process "
            "that hangs, a full queue, a proxy without its server). If other senders are served there and "
            "only this agent is not, allow the agent's address.",
     .reference = "RFC 5321 §4.5.3.2, §3.1",
     .rests_on = kHost,
     .told = kToldAsSmtp,
     .beside = kBesideReached,
     .on_text = OnText::neither,
     .advice = Theme::smtp},
    {.code = "smtp-flapping",
     .theme = Theme::smtp,
     .severity = {kNever, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "An MX host answers differently from one connection to the next",
     .effect = "Senders that enforce skip {host} at the attempts that meet the fault, and come back later: "
               "mail is late. In testing they deliver and report.",
     .fix = "Several machines answer behind {subject} and are not set up alike: compare their TLS settings "
            "and certificates one by one. The detail names what the bad attempts met.",
     .reference = "RFC 8461 §4.2, §5",
     .rests_on = kHost,
     .told = kToldAsSmtp,
     .beside = kBesideReached,
     .on_text = OnText::neither,
     .advice = Theme::smtp},
    {.code = "starttls-large-hello",
     .theme = Theme::smtp,
     .severity = {kNever, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "An MX host does not answer a large ClientHello",
     .effect = "Senders that offer post-quantum key shares (OpenSSL 3.5, Go 1.24 and later) send about 1,500 "
               "octets and time out at {subject}; those that enforce then try another host, or defer.",
     .fix = "A middlebox or an old TLS library before {subject} takes the first segment for the whole "
            "ClientHello: update or bypass it. A load balancer that reads SNI is the usual one.",
     .reference = "RFC 8446 §4.1.2",
     .rests_on = kHost,
     .told = kToldAsSmtp,
     .beside = kBesideReached,
     .on_text = OnText::neither,
     .advice = Theme::smtp},
    {.code = "starttls-injected",
     .theme = Theme::smtp,
     .severity = {info, info, info},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "An MX host goes on in clear after it agreed to STARTTLS",
     .effect =
         "none for senders that discard what comes before the handshake, as they should. Others take it for "
         "said within TLS, though whoever stands between them and {subject} can have put it there.",
     .fix =
         "See who sends it: compare what {subject} answers to STARTTLS on its own network and from "
         "outside. A server that does it by itself has a fault in its STARTTLS; otherwise something on the "
         "way, a proxy or an attacker, writes into the session.",
     .reference = "RFC 3207 §4.2, CVE-2011-0411",
     .rests_on = kHost,
     .told = kToldAsSmtp,
     .beside = kBesideReached,
     .on_text = OnText::neither,
     .advice = Theme::smtp},
    {.code = "tls-client-certificate-requested",
     .theme = Theme::smtp,
     .severity = {info, info, info},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "An MX host asks senders for a certificate",
     .effect = "none as a rule: senders without a certificate go on without one",
     .fix = "Nothing to do where the request is optional. If {host} is to insist on certificates from some "
            "clients, do so on a port of its own: most senders have none to show.",
     .reference = "RFC 8446 §4.3.2",
     .rests_on = kHost,
     .told = kToldAsSmtp,
     .beside = kBesideReached,
     .on_text = OnText::neither,
     .advice = Theme::smtp},
    {.code = "sni-required",
     .theme = Theme::smtp,
     .severity = {warning, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::certificate_host_mismatch,
     .title = "An MX host refuses senders that send no SNI",
     .effect = "Many opportunistic senders send no SNI, Postfix by default among them: they fail the "
               "handshake at {subject}, and deliver in clear text or not at all.",
     .fix =
         "Configure a default certificate at {subject} for connections without SNI or with an unknown name.",
     .reference = "RFC 8461 §7.1, RFC 7672 §8.1",
     .rests_on = kHost,
     .told = kToldAsSmtp,
     .beside = kBesideReached,
     .on_text = OnText::neither,
     .advice = Theme::smtp},
    {.code = "sni-certificate-differs",
     .theme = Theme::smtp,
     .severity = {kNever, info, info},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "An MX host shows another certificate without SNI",
     .effect = "Senders that send no SNI see a certificate at {subject} that does not name {host}; those "
               "that enforce MTA-STS send it.",
     .fix = "Make the default certificate of port 25 at {subject} the one for {host}.",
     .reference = "RFC 8461 §7.1",
     .rests_on = kHost,
     .told = kToldAsSmtp,
     .beside = kBesideReached,
     .on_text = OnText::neither,
     .advice = Theme::smtp},
    {.code = "tls-legacy-offered",
     .theme = Theme::smtp,
     .severity = {info, info, info},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "An MX host still accepts TLS 1.0 or 1.1",
     .effect = "none: senders that enforce ask for TLS 1.2 or later",
     .fix = "For port 25 this is tolerated for the sake of old senders. Switch it off at {subject} if your "
            "own rules ask for it.",
     .reference = "RFC 9325 §3.1.1, RFC 8996",
     .rests_on = kHost,
     .told = kToldAsSmtp,
     .beside = kBesideReached,
     .on_text = OnText::neither,
     .advice = Theme::smtp},
    {.code = "starttls-selective",
     .theme = Theme::smtp,
     .severity = {kNever, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::starttls_not_supported,
     .title = "An MX host offers STARTTLS to some EHLO names only",
     .effect = "Senders from whom STARTTLS is withheld skip {where} if they enforce or do DANE: they never "
               "get through the first step in clear text.",
     .fix = "Offer STARTTLS at {subject} to every client, whatever its name or history. Grey-listing belongs "
            "behind TLS.",
     .reference = "RFC 8461 §4, RFC 7672 §9.2",
     .rests_on = kHost,
     .told = kToldAsSmtp,
     .beside = kBesideReached,
     .on_text = OnText::neither,
     .advice = Theme::smtp},
};

}  // namespace

std::span<const CatalogueEntry> smtp() { return kSmtpRows; }

}  // namespace stswatch::catalogue_tables
