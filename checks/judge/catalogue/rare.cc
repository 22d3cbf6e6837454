// Signs that come before a failure, of which looks see some only once a day: CAA sets, where reports go,
// hosts that patterns name, what the agent itself lacks. Sorted into their themes by catalogue.cc.
#include "checks/judge/catalogue/catalogue.h"

namespace stswatch::catalogue_tables {
namespace {

using enum Severity;
constexpr std::nullopt_t kNever = std::nullopt;

constexpr std::string_view kNoneListed[] = {"mx-none-in-policy"};  // the whole file is of another set-up

constexpr Basis kPolicy = Basis::all_of({Ground::sts_record, Ground::policy});
constexpr Basis kPolicyOrHost = Basis::any_of({Ground::policy, Ground::subject_host});
constexpr Basis kTlsrpt = Basis::all_of({Ground::tlsrpt_record});
constexpr Basis kReports = Basis::all_of({Ground::reports});
constexpr Basis kAgent = Basis::all_of({Ground::agent});

constexpr Nature kPublication{.family = Family::publication,
                              .aspect = Aspect::semantics,
                              .claim = Claim::cause,
                              .of_host = false,
                              .headline = Headline::title};
constexpr Nature kOfReports{.family = Family::reports,
                            .aspect = Aspect::reports,
                            .claim = Claim::cause,
                            .of_host = false,
                            .headline = Headline::title};
constexpr Nature kOfAgent{.family = Family::agent,
                          .aspect = Aspect::own,
                          .claim = Claim::cause,
                          .of_host = false,
                          .headline = Headline::title};

constexpr CatalogueEntry kRareRows[] = {
    {.code = "sts-policy-agent-blocked",
     .theme = Theme::fetch,
     .severity = {kNever, info, warning},
     .route = Route::ticket,
     .reported_as = ResultType::sts_policy_fetch_error,
     .title = "The policy host refuses programs and serves browsers",
     .effect = "Senders fetch the policy as programs do, and may be refused as well: those that hold none "
               "then deliver unprotected.",
     .fix = "Exempt https://{policy_host}/.well-known/mta-sts.txt from bot management, rate limits and "
            "country rules. Senders are servers in many countries and never run JavaScript.",
     .reference = "RFC 8461 §3.3",
     .rests_on = kPolicy,
     .told = Nature{.family = Family::publication,
                    .aspect = Aspect::policy,
                    .claim = Claim::cause,
                    .of_host = false,
                    .headline = Headline::title},
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::fetch},
    {.code = "sts-mx-pattern-dangling",
     .theme = Theme::semantics,
     .severity = {kNever, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "The policy lists a host that does not exist",
     .effect =
         "none yet: whoever gets the name, by registering its domain or in its zone, becomes a host that "
         "senders accept, once a forged MX answer names it",
     .fix =
         "If the host is still to come, publish its address now. Otherwise take the pattern out of the file, "
         "verify it at every address, then publish \"v=STSv1; id={new_id};\" at {record}. Treat a domain "
         "that "
         "nobody has registered as a security incident.",
     .reference = "RFC 8461 §10.3, RFC 8461 §10.4",
     .rests_on = kPolicy,
     .told = kPublication,
     .beside = Beside::anything_but(kNoneListed),
     .on_text = OnText::neither,
     .advice = Theme::semantics},
    {.code = "sts-subdomain-uncovered",
     .theme = Theme::semantics,
     .severity = {info, info, warning},
     .route = Route::log,
     .reported_as = ResultType::no_policy_found,
     .title = "A domain takes mail below one that has a policy, and has none",
     .effect = "The policy of the domain above does not apply: senders deliver to {domain} as if there were "
               "no MTA-STS.",
     .fix = "Publish a TXT record, a policy host and a policy of its own for {domain}, or a null MX if it "
            "takes no mail.",
     .reference = "RFC 8461 §3.4",
     .rests_on = Basis::all_of({Ground::sts_record, Ground::mx_set}),
     .told = kPublication,
     .beside = Beside::anything().needs_mx(),
     .on_text = OnText::neither,
     .advice = Theme::semantics},
    {.code = "caa-blocks-renewal",
     .theme = Theme::certificate,
     .severity = {warning, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "CAA records forbid the CA of the certificate in use",
     .effect = "none until the certificate ends: the CA must not renew it, and then it is as any that has "
               "expired",
     .fix = "Allow the CA in the CAA records that are named, or move {subject} to a CA that they allow, "
            "before the next renewal.",
     .reference = "RFC 8659 §4.2, RFC 8659 §4.3",
     .rests_on = kPolicyOrHost,
     .told = Telling(Nature{.family = Family::delivery,
                            .aspect = Aspect::certificate,
                            .claim = Claim::cause,
                            .of_host = true,
                            .headline = Headline::title})
                 .but_of_policy_host({.family = Family::publication,
                                      .aspect = Aspect::certificate,
                                      .claim = Claim::cause,
                                      .of_host = false,
                                      .headline = Headline::title}),
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::certificate},
    {.code = "tlsrpt-rua-mail-undeliverable",
     .theme = Theme::tlsrpt,
     .severity = {info, warning, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "TLS reports go to a domain that takes no mail",
     .effect = "none: mail is not affected, but reports to that address bounce",
     .fix = "Name a mailbox on a working domain in the rua at _smtp._tls.{domain}. Send one test message to "
            "it and look for it.",
     .reference = "RFC 8460 §3, RFC 8460 §5.3",
     .rests_on = kTlsrpt,
     .told = kOfReports,
     .beside = Beside::anything().needs_mx(),
     .on_text = OnText::neither,
     .advice = Theme::tlsrpt},
    {.code = "tlsrpt-rua-https-failing",
     .theme = Theme::tlsrpt,
     .severity = {info, info, warning},
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "TLS reports go to an https address that does not take them",
     .effect = "none: mail is not affected; senders try for 24 hours to deliver a report, then drop it",
     .fix = "Have the address answer a POST of application/tlsrpt+gzip and application/tlsrpt+json with 200 "
            "or 201, or name another one in the rua at _smtp._tls.{domain}.",
     .reference = "RFC 8460 §5.4, RFC 8460 §5.5",
     .rests_on = kTlsrpt,
     .told = kOfReports,
     .beside = Beside::anything().needs_mx(),
     .on_text = OnText::neither,
     .advice = Theme::tlsrpt},
    {.code = "tlsrpt-report-malformed",
     .theme = Theme::reports,
     .severity = {kNever, info, info},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "A TLS report could not be read",
     .effect = "none: mail is not affected; what the report said is not counted",
     .fix = "Look at the report that is kept aside, and tell its sender where it breaks RFC 8460: as a rule "
            "it carries contact-info.",
     .reference = "RFC 8460 §4.4",
     .rests_on = kReports,
     .told = kOfReports,
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::tlsrpt},
    {.code = "tlsrpt-report-unauthenticated",
     .theme = Theme::reports,
     .severity = {kNever, info, warning},
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "A TLS report came without a good signature of its sender",
     .effect = "none: mail is not affected; the report was not counted, since anybody may have written it",
     .fix = "If it is from a sender that is known, look for a forwarder or list in front of the mailbox of "
            "reports that breaks DKIM signatures.",
     .reference = "RFC 8460 §3",
     .rests_on = kReports,
     .told = kOfReports,
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::tlsrpt},
    {.code = "tlsrpt-report-duplicate",
     .theme = Theme::reports,
     .severity = kOwnView,
     .route = Route::log,
     .reported_as = ResultType::none,
     .title = "A TLS report came more than once",
     .effect = "none: it was counted once",
     .fix = "Nothing is to be done. Where all of them come twice, the rua may name two ways to the same "
            "mailbox.",
     .reference = "RFC 8460 §5.3",
     .rests_on = kReports,
     .told = kOfReports,
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::tlsrpt},
    {.code = "vantage-resolver-not-validating",
     .theme = Theme::agent,
     .severity = kOwnView,
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "This agent's resolver does not validate DNSSEC",
     .effect = "none: nothing is concluded about mail; what DANE and DNSSEC say cannot be judged from here",
     .fix = "Point dns.servers to a validating resolver on the same host, such as unbound, or set "
            "dns.trust_ad to false.",
     .reference = "RFC 7672 §2.1.1",
     .rests_on = kAgent,
     .told = kOfAgent,
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::agent},
    {.code = "vantage-clock-skew",
     .theme = Theme::agent,
     .severity = kOwnView,
     .route = Route::ticket,
     .reported_as = ResultType::none,
     .title = "This agent's clock differs from that of others",
     .effect = "none: mail is not affected; certificates are not judged by their dates meanwhile",
     .fix = "Repair the time service of this machine: chronyc tracking, timedatectl.",
     .reference = "contrib/docs/findings.md#vantage-clock-skew",
     .rests_on = kAgent,
     .told = kOfAgent,
     .beside = Beside::anything(),
     .on_text = OnText::neither,
     .advice = Theme::agent},
};

}  // namespace

std::span<const CatalogueEntry> rare() { return kRareRows; }

}  // namespace stswatch::catalogue_tables
