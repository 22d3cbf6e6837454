// Fetching the policy over HTTPS (RFC 8461 §3.3), up to the bytes of the body.
#include "checks/judge/catalogue/catalogue.h"

namespace stswatch::catalogue_tables {
namespace {

using enum Severity;
constexpr std::string_view kDnssec[] = {"dnssec-invalid"};
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

constexpr CatalogueEntry kFetchRows[] = {
    {.code = "sts-policy-host-no-address",
     .theme = Theme::fetch,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_fetch_error,
     .title = "The policy host has no address",
     .effect = "Senders that hold no policy deliver as if there were none. Those that hold one apply it "
               "until {until}, then they are unprotected too.",
     .fix = "Create A and AAAA records, or a CNAME, for {policy_host}. Then fetch "
            "https://{policy_host}/.well-known/mta-sts.txt from another network.",
     .reference = "RFC 8461 §3.2, RFC 8461 §3.3",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = Beside::anything(),
     .on_text = OnText::policy,
     .advice = Theme::fetch},
    {.code = "sts-policy-host-dns-error",
     .theme = Theme::fetch,
     .severity = {kNever, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_fetch_error,
     .title = "The name of the policy host cannot be resolved",
     .effect = "Senders that hold no policy deliver as if there were none. Those that hold one apply it "
               "until {until}, but see no update.",
     .fix = "Repair DNS for {policy_host}; where it is a CNAME, test the zone of the target too. If the "
            "lookup fails on validating resolvers only, a DNSSEC signature is at fault.",
     .reference = "RFC 8461 §3.3",
     .rests_on = Basis::all_of({Ground::sts_record, Ground::policy}).by_repetition(),
     .told = kToldAsPolicy,
     .beside = Beside::anything().and_not_where(kDnssec),
     .on_text = OnText::policy,
     .advice = Theme::fetch},
    {.code = "sts-policy-connect-failed",
     .theme = Theme::fetch,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_fetch_error,
     .title = "The policy host does not accept connections on port 443",
     .effect = "{fetchers} hold no policy deliver unprotected. Those that hold one apply it until "
               "{until}, but see no update.",
     .fix = "Check that a web server listens on port 443 at {subject}, and at every other address that "
            "{policy_host} has in DNS. Then look for firewalls, country blocks and bot protection: senders "
            "connect from everywhere.",
     .reference = "RFC 8461 §3.3",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = Beside::anything(),
     .on_text = OnText::policy,
     .advice = Theme::fetch},
    {.code = "sts-policy-fetch-timeout",
     .theme = Theme::fetch,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_fetch_error,
     .title = "The policy does not arrive within 60 seconds",
     .effect = "Senders cannot fetch the policy where this is so. Those that hold no policy deliver "
               "unprotected; those that "
               "hold one apply it until {until}.",
     .fix = "Serve the policy of {policy_host} as a static file, with no application to wake up behind it. "
            "Time it with curl: it should take well under 2 seconds.",
     .reference = "RFC 8461 §3.3",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = Beside::anything(),
     .on_text = OnText::policy,
     .advice = Theme::fetch},
    {.code = "sts-policy-fetch-slow",
     .theme = Theme::fetch,
     .severity = {kNever, info, warning},
     .route = Route::log,
     .reported_as = ResultType::sts_policy_fetch_error,
     .title = "The policy is served slowly",
     .effect = "Impatient senders give up, postfix-tlspol after 2 seconds a try, postfix-mta-sts-resolver "
               "after 4. Unless they hold the policy they deliver unprotected; other senders wait.",
     .fix = "Move the file of {policy_host} to static hosting or behind a CDN and measure again. The RFC "
            "suggests a limit of a minute, but widely used senders grant only seconds.",
     .reference = "RFC 8461 §3.3",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::fetch},
    {.code = "sts-policy-http-status",
     .theme = Theme::fetch,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_fetch_error,
     .title = "The policy URL does not answer with status 200",
     .effect = "Any status but 200 is a failed fetch. {fetchers} hold no policy deliver unprotected; those "
               "that hold one apply it until {until}, but see no update.",
     .fix = "Make https://{policy_host}/.well-known/mta-sts.txt answer a plain GET with 200, whatever the "
            "User-Agent. On 404 check document root and virtual host, on 403 or 429 firewall and bot rules, "
            "on 5xx the web server's log.",
     .reference = "RFC 8461 §3.3",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = Beside::anything(),
     .on_text = OnText::policy,
     .advice = Theme::fetch},
    {.code = "sts-policy-http-redirect",
     .theme = Theme::fetch,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_fetch_error,
     .title = "The policy URL redirects elsewhere",
     .effect = "Senders must not follow a redirect: it is a failed fetch. {fetchers} hold no policy deliver "
               "unprotected; those that hold one apply it until {until}, but see no update.",
     .fix = "Serve the file on {policy_host} itself and exempt /.well-known/mta-sts.txt from redirects to "
            "www, to a login or to a provider. If the file lives elsewhere use a reverse proxy, or a CNAME "
            "to a server that has a certificate for {policy_host}.",
     .reference = "RFC 8461 §3.3, RFC 8461 §8.2",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = Beside::anything(),
     .on_text = OnText::policy,
     .advice = Theme::fetch},
    {.code = "sts-policy-content-type",
     .theme = Theme::fetch,
     .severity = {info, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_fetch_error,
     .title = "The policy is not served as text/plain",
     .effect =
         "Senders that look at the media type, as RFC 8461 asks them to, refuse it and, unless they hold "
         "an earlier policy, deliver unprotected. The others read it.",
     .fix = "Have {policy_host} send \"Content-Type: text/plain; charset=utf-8\" with "
            "/.well-known/mta-sts.txt, then check every address with curl -i. Object stores and functions "
            "often say application/octet-stream unless told otherwise.",
     .reference = "RFC 8461 §3.2",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::fetch},
    {.code = "sts-policy-html-body",
     .theme = Theme::fetch,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_invalid,
     .title = "A web page is served in place of the policy",
     .effect = "Senders cannot read it as a policy. Those that hold none deliver unprotected; those that "
               "hold one keep applying it, but see no update.",
     .fix = "Route /.well-known/mta-sts.txt on {policy_host} to the real file. Let unknown paths answer 404 "
            "instead of a start page, and keep bot challenges away from this one.",
     .reference = "RFC 8461 §3.2",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::fetch},
    {.code = "sts-policy-too-large",
     .theme = Theme::fetch,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_invalid,
     .title = "The policy file is too large",
     .effect = "Senders stop reading at a limit, often 64 KiB, chasquid at 10 KiB. They refuse the policy "
               "or lose its last lines, and with them MX hosts.",
     .fix = "Cut the file down to version, mode, max_age and the mx lines; a pattern such as "
            "\"*.mx.{domain}\" replaces many lines. Verify the file at every address, then publish "
            "\"v=STSv1; id={new_id};\" at {record}.",
     .reference = "RFC 8461 §3.3",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::fetch},
    {.code = "sts-policy-body-truncated",
     .theme = Theme::fetch,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_invalid,
     .title = "The policy file arrives incomplete",
     .effect = "Senders fail the fetch or, worse, apply a policy whose end is missing and skip the MX hosts "
               "that stood there.",
     .fix = "Switch off compression and rewriting for /.well-known/mta-sts.txt in the proxy or CDN before "
            "{policy_host}. Then compare the bytes received at every address with the file; once they agree "
            "publish \"v=STSv1; id={new_id};\" at {record}.",
     .reference = "RFC 8461 §3.3",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::fetch},
    {.code = "sts-policy-non-ascii",
     .theme = Theme::fetch,
     .severity = {kNever, info, warning},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_invalid,
     .title = "The policy file is not ASCII, and is served without a charset",
     .effect =
         "Senders that take such text for ASCII cannot decode the file and see no policy: those that hold "
         "none deliver unprotected, those that hold one see no update. The others read it as UTF-8.",
     .fix = "Serve the file on {policy_host} as \"text/plain; charset=utf-8\", or leave only ASCII in it. "
            "A policy needs no other octet: host names are written as A-labels.",
     .reference = "RFC 8461 §3.2, RFC 2046 §4.1.2",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::fetch},
    {.code = "sts-policy-encoded",
     .theme = Theme::fetch,
     .severity = {info, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_invalid,
     .title = "The policy file is sent compressed to clients that did not ask for it",
     .effect =
         "Senders that ask for compression, or undo it unasked, read the policy. The others see no policy: "
         "those that hold none deliver unprotected, those that hold one see no update.",
     .fix =
         "Store and serve the file uncompressed on {policy_host}, without a Content-Encoding header: object "
         "stores send what was uploaded, whatever the client accepts.",
     .reference = "RFC 9110 §8.4, RFC 8461 §3.3",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::fetch},
    {.code = "sts-policy-framing",
     .theme = Theme::fetch,
     .severity = {info, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_fetch_error,
     .title = "The policy answer has a length and is chunked as well",
     .effect = "Senders whose HTTP client refuses such an answer see no policy: those that hold none deliver "
               "unprotected, those that hold one see no update. The others read the chunks.",
     .fix =
         "Make {policy_host} send either Content-Length or Transfer-Encoding, not both. As a rule a proxy or "
         "a script adds the second one: serve the file as a static file.",
     .reference = "RFC 9112 §6.2, RFC 9112 §6.3",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::fetch},
    {.code = "sts-policy-end-unproven",
     .theme = Theme::fetch,
     .severity = {info, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_fetch_error,
     .title = "Only the end of the connection ends the policy file, unproven by TLS",
     .effect =
         "Senders whose HTTP client calls such an answer incomplete see no policy: those that hold none "
         "deliver unprotected, those that hold one see no update. The others read what came.",
     .fix = "Make {policy_host} send a Content-Length with the file, and end TLS with close_notify. A static "
            "file behind a common web server does both.",
     .reference = "RFC 9112 §9.8, RFC 8446 §6.1",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::fetch},
    {.code = "sts-policy-charset",
     .theme = Theme::fetch,
     .severity = {kNever, info, info},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "The policy is served with an unusual charset",
     .effect = "Most senders pay no heed to the charset; a few may fail to decode the file and refuse the "
               "policy.",
     .fix = "Send \"charset=utf-8\", or no charset at all, with the file on {policy_host}. A policy needs "
            "only ASCII.",
     .reference = "RFC 8461 §3.2",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = kBesideAnswer,
     .on_text = OnText::policy,
     .advice = Theme::fetch},
    {.code = "sts-policy-address-inconsistent",
     .theme = Theme::fetch,
     .severity = {info, warning, critical},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "The addresses of the policy host do not serve the same policy",
     .effect = "Which policy a sender gets depends on the address it uses. Senders that fetched the odd copy "
               "apply it for its max_age after their last fetch, for now up to {until}; a new id makes those "
               "that look at it fetch again.",
     .fix = "Put the same file, with a line for every MX host, and the same certificate on every node of "
            "{policy_host} and purge the CDN. Verify each address, then publish \"v=STSv1; id={new_id};\" at "
            "{record}, so that senders with the odd "
            "copy fetch again.",
     .reference = "RFC 8461 §8.1",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = Beside::anything(),
     .on_text = OnText::policy,
     .advice = Theme::fetch},
    {.code = "sts-policy-ipv6-broken",
     .theme = Theme::fetch,
     .severity = {info, info, warning},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_fetch_error,
     .title = "The policy host fails over IPv6",
     .effect = "Senders that try IPv6 first get the policy late, or not at all where they do not fall back "
               "to IPv4.",
     .fix = "Repair the IPv6 side of {policy_host} (listener, firewall, virtual host, certificate), or "
            "withdraw its AAAA record.",
     .reference = "RFC 8461 §3.3",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = Beside::anything(),
     .on_text = OnText::policy,
     .advice = Theme::fetch},
    {.code = "sts-policy-cdn-stale",
     .theme = Theme::fetch,
     .severity = {kNever, info, warning},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "A cache before the policy host may serve an old policy",
     .effect = "After an id change senders can be handed the old file; they keep it under the new id until "
               "{until}.",
     .fix = "Limit shared caching of /.well-known/mta-sts.txt to about 60 seconds and purge it at each "
            "change. Before you next change the id, verify that every address serves the new file.",
     .reference = "RFC 8461 §3.3, RFC 8461 §8.1, RFC 8461 §8.2",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = Beside::anything(),
     .on_text = OnText::policy,
     .advice = Theme::fetch},
    {.code = "sts-policy-fetch-flapping",
     .theme = Theme::fetch,
     .severity = {kNever, info, warning},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_fetch_error,
     .title = "The policy can be fetched only some of the time",
     .effect = "A part of the senders that meet the domain for the first time get no policy and deliver "
               "unprotected. Those that hold one are not hurt yet.",
     .fix = "See whether a single node of {policy_host} is failing (the detail shows the address) or for a "
            "rate limit. Short dips count too: a sender waits five minutes or more before it tries again.",
     .reference = "RFC 8461 §3.3",
     .rests_on = kPolicy,
     .told = kToldAsPolicy,
     .beside = Beside::anything(),
     .on_text = OnText::policy,
     .advice = Theme::fetch},
};

}  // namespace

std::span<const CatalogueEntry> fetch() { return kFetchRows; }

}  // namespace stswatch::catalogue_tables
