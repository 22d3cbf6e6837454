// What to try by hand, by theme of the catalogue. In the commands DOMAIN, HOST and ADDRESS stand for the
// names that the finding shows, NEWID for an id that was never used.
#include <algorithm>
#include <array>

#include "agent/tell/runbook.h"
#include "checks/judge/catalogue/catalogue.h"

namespace stswatch {
namespace {

struct ThemeAdvice {
  Theme theme;
  FindingAdvice advice;
};

constexpr std::string_view kRecord =
    "dig +noall +answer TXT _mta-sts.DOMAIN\n"
    "# every name server must answer the same\n"
    "for ns in $(dig +short NS DOMAIN); do echo \"$ns $(dig +short TXT _mta-sts.DOMAIN @$ns)\"; done\n"
    "stswatch lint sts-record 'v=STSv1; id=NEWID;'";
constexpr std::string_view kFetch =
    "dig +short A mta-sts.DOMAIN; dig +short AAAA mta-sts.DOMAIN\n"
    "curl -sS -D- --max-time 60 https://mta-sts.DOMAIN/.well-known/mta-sts.txt\n"
    "# each address by itself\n"
    "curl -sS -D- --max-time 60 --resolve mta-sts.DOMAIN:443:ADDRESS "
    "https://mta-sts.DOMAIN/.well-known/mta-sts.txt";
constexpr std::string_view kPolicyTls =
    "openssl s_client -connect ADDRESS:443 -servername mta-sts.DOMAIN -verify_hostname mta-sts.DOMAIN "
    "-showcerts </dev/null\n"
    "openssl s_client -connect ADDRESS:443 -servername mta-sts.DOMAIN </dev/null 2>/dev/null |\n"
    "  openssl x509 -noout -subject -issuer -serial -dates -ext subjectAltName";
constexpr std::string_view kPolicyText =
    "curl -sS https://mta-sts.DOMAIN/.well-known/mta-sts.txt | stswatch lint policy - --mx HOST\n"
    "# characters that do not show\n"
    "curl -sS https://mta-sts.DOMAIN/.well-known/mta-sts.txt | od -c | head -40\n"
    "stswatch generate DOMAIN --mode testing";
constexpr std::string_view kSemantics =
    "stswatch check DOMAIN --explain\n"
    "curl -sS https://mta-sts.DOMAIN/.well-known/mta-sts.txt\n"
    "dig +short TXT _mta-sts.DOMAIN; dig +short MX DOMAIN";
constexpr std::string_view kMx =
    "dig +noall +answer MX DOMAIN\n"
    "dig +short A HOST; dig +short AAAA HOST\n"
    "curl -sS https://mta-sts.DOMAIN/.well-known/mta-sts.txt | stswatch lint policy - --mx HOST\n"
    "nc -vz -w 10 HOST 25";
constexpr std::string_view kSmtp =
    "openssl s_client -starttls smtp -connect ADDRESS:25 -servername HOST </dev/null\n"
    "# the dialogue: EHLO must list STARTTLS, STARTTLS must be answered with 220\n"
    "(sleep 5; printf 'EHLO test.example\\r\\n'; sleep 5; printf 'STARTTLS\\r\\n'; sleep 5) | nc -w 20 "
    "ADDRESS 25";
constexpr std::string_view kCertificate =
    "openssl s_client -starttls smtp -connect ADDRESS:25 -servername HOST -verify_hostname HOST -showcerts "
    "</dev/null\n"
    "openssl s_client -starttls smtp -connect ADDRESS:25 -servername HOST </dev/null 2>/dev/null |\n"
    "  openssl x509 -noout -subject -issuer -serial -dates -ext subjectAltName";
constexpr std::string_view kForecast =
    "stswatch check DOMAIN --explain\n"
    "dig +short TXT _mta-sts.DOMAIN; dig +short MX DOMAIN\n"
    "curl -sS https://mta-sts.DOMAIN/.well-known/mta-sts.txt\n"
    "openssl s_client -starttls smtp -connect HOST:25 -servername HOST </dev/null 2>/dev/null |\n"
    "  openssl x509 -noout -dates";
constexpr std::string_view kDrift =
    "dig +noall +answer TXT _mta-sts.DOMAIN; dig +short MX DOMAIN\n"
    "curl -sS --resolve mta-sts.DOMAIN:443:ADDRESS https://mta-sts.DOMAIN/.well-known/mta-sts.txt | "
    "sha256sum\n"
    "stswatch check DOMAIN --explain";
constexpr std::string_view kTlsrpt =
    "dig +noall +answer TXT _smtp._tls.DOMAIN\n"
    "stswatch lint tlsrpt-record 'v=TLSRPTv1; rua=mailto:tlsrpt@DOMAIN'";
constexpr std::string_view kDane =
    "dig +dnssec +noall +answer +comments TLSA _25._tcp.HOST\n"
    "openssl s_client -starttls smtp -connect ADDRESS:25 -dane_tlsa_domain HOST \\\n"
    "  -dane_tlsa_rrdata \"$(dig +short TLSA _25._tcp.HOST | head -1)\" -dane_ee_no_namechecks </dev/null";
constexpr std::string_view kDnssec =
    "delv MX DOMAIN\n"
    "# SERVFAIL with the first and an answer with the second: the signatures are at fault\n"
    "dig MX DOMAIN; dig +cd MX DOMAIN";
constexpr std::string_view kAgent =
    "curl -sS http://AGENT:9461/-/healthy\n"
    "journalctl -u stswatch --since -1h\n"
    "stswatch check DOMAIN --explain";

constexpr std::string_view kTwoGoodLooks =
    "When two looks in a row find nothing of it. A look that ends unknown neither opens nor closes it.";
constexpr std::string_view kAfterRefresh =
    "When two looks in a row find nothing of it; unknown looks count for neither side. Senders see the "
    "mended state at "
    "their next look at the record: at once those without a cached policy, the others with the new id, at "
    "the latest "
    "when their copy ends.";
constexpr std::string_view kHosts =
    "When two looks in a row find every address of the host good. Senders use the host again at their next "
    "attempt; "
    "what was deferred meanwhile arrives by itself, what was bounced does not.";
constexpr std::string_view kCaches =
    "When no sender can hold the old state any more (the \"safe after\" time), or at once when a new id lets "
    "every one "
    "of them fetch the present policy. A change by itself stays visible for seven days, or until it is "
    "acknowledged.";
constexpr std::string_view kMoment =
    "When two looks in a row forecast nothing of it. What senders deferred meanwhile arrives with their next "
    "attempts.";

constexpr std::array kAdvice = {
    ThemeAdvice{Theme::record, {kRecord, kAfterRefresh}},
    ThemeAdvice{Theme::fetch, {kFetch, kAfterRefresh}},
    ThemeAdvice{Theme::policy_tls, {kPolicyTls, kAfterRefresh}},
    ThemeAdvice{Theme::policy_text, {kPolicyText, kAfterRefresh}},
    ThemeAdvice{Theme::semantics, {kSemantics, kAfterRefresh}},
    ThemeAdvice{Theme::mx, {kMx, kHosts}},
    ThemeAdvice{Theme::smtp, {kSmtp, kHosts}},
    ThemeAdvice{Theme::certificate, {kCertificate, kHosts}},
    ThemeAdvice{Theme::forecast, {kForecast, kMoment}},
    ThemeAdvice{Theme::drift, {kDrift, kCaches}},
    ThemeAdvice{Theme::tlsrpt, {kTlsrpt, kTwoGoodLooks}},
    ThemeAdvice{Theme::reports, {kForecast, kTwoGoodLooks}},
    ThemeAdvice{Theme::dane, {kDane, kHosts}},
    ThemeAdvice{Theme::dnssec, {kDnssec, kTwoGoodLooks}},
    ThemeAdvice{Theme::readiness, {kSemantics, kTwoGoodLooks}},
    ThemeAdvice{Theme::provider, {kMx, kAfterRefresh}},
    ThemeAdvice{Theme::agent, {kAgent, kTwoGoodLooks}},
};

}  // namespace

FindingAdvice advice_on(const CatalogueEntry& entry) {
  const auto found = std::ranges::find(kAdvice, static_cast<Theme>(entry.advice), &ThemeAdvice::theme);
  return found == kAdvice.end() ? FindingAdvice{"stswatch check DOMAIN --explain", kTwoGoodLooks}
                                : found->advice;
}

}  // namespace stswatch
