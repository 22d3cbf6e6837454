#include "agent/tell/runbook.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "checks/facts/text.h"
#include "checks/judge/catalogue/catalogue.h"
#include "checks/judge/catalogue/deployed.h"

namespace stswatch {
namespace {

using Words = std::pair<std::string_view, std::string_view>;
constexpr std::array kWords = {
    Words{"{domain}", "DOMAIN"},
    Words{"{policy_host}", "mta-sts.DOMAIN"},
    Words{"{record}", "_mta-sts.DOMAIN"},
    Words{"{subject}", "SUBJECT"},
    Words{"{host}", "HOST"},
    Words{"{where}", "HOST"},
    Words{"{fetchers}", "Senders that"},
    Words{"{address}", "ADDRESS"},
    Words{"{until}", "DATE"},
    Words{"{who}", "Senders that enforce the policy"},
    Words{"{new_id}", "NEWID"},
    Words{"{value}", "VALUE"},
};

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != text.npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

std::string capital(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

std::string sentence(std::string_view text) {
  auto out = capital(with_words(text));
  if (!out.ends_with('.')) out += '.';
  return out;
}

/// The items of a list, without the white space behind the separator.
std::vector<std::string_view> split(std::string_view list, char separator) {
  std::vector<std::string_view> out;
  while (!list.empty()) {
    const auto end = std::min(list.find(separator), list.size());
    if (end > 0) out.push_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    list.remove_prefix(std::min(list.find_first_not_of(' '), list.size()));
  }
  return out;
}

/// "RFC 8461 §4.1" as a link to the section; what is no RFC stays as it is.
std::string linked(std::string_view reference) {
  const std::string_view section = "§", rfc = "RFC ";
  if (!reference.starts_with(rfc)) return std::string(reference);
  const auto space = reference.find(' ', rfc.size());
  const auto number = std::string(reference.substr(rfc.size(), space - rfc.size()));
  std::string url = "https://www.rfc-editor.org/rfc/rfc" + number;
  const auto at = reference.find(section);
  if (at != reference.npos) url += "#section-" + std::string(reference.substr(at + section.size()));
  return "[" + std::string(reference) + "](" + url + ")";
}

std::string heading(std::string_view name, std::string_view title) {
  return "# " + std::string(name) + "\n\n" + std::string(title) + ".\n";
}

std::string section(std::string_view title, const std::string& text) {
  return "\n## " + std::string(title) + "\n\n" + text + "\n";
}

std::string commands(std::string_view lines) { return "```sh\n" + std::string(lines) + "\n```"; }

std::string severities(const CatalogueEntry& entry) {
  if (entry.of_the_agent())
    return "About the agent, not about mail: it is told in every mode and changes no status (route " +
           std::string(to_string(entry.route)) + ").";
  std::string out =
      "| while senders may hold a policy with mode | enforce | testing | none |\n|---|---|---|---|";
  std::string severity = "\n| severity |", route = "\n| route |";
  for (const auto mode : {Mode::enforce, Mode::testing, Mode::none}) {
    const auto s = entry.severity_in(mode);
    severity += ' ' + (s ? std::string(to_string(*s)) : "not raised") + " |";
    route += ' ' + (s ? std::string(to_string(entry.route_in(mode))) : "-") + " |";
  }
  return out + severity + route;
}

std::string references(const CatalogueEntry& entry) {
  std::string out;
  for (const auto reference : split(entry.reference, ','))
    if (reference.starts_with("RFC ")) text::add(out, ", ", linked(reference));
  if (out.empty()) out = "No RFC: this finding is the agent's own";
  out += '.';
  if (const auto type = to_string(entry.reported_as); !type.empty())
    out += " Senders report it as `" + std::string(type) + "` (" + linked("RFC 8460 §4.3") + ").";
  return out;
}

std::string alerts_with(std::string_view code) {
  std::string out;
  for (const auto& alert : alert_pages()) {
    const auto codes = split(alert.codes, ' ');
    if (std::ranges::find(codes, code) == codes.end()) continue;
    out += (out.empty() ? "Alerts: [" : ", [") + std::string(alert.name) + "](" + std::string(alert.name) +
           ".md)";
  }
  return out.empty() ? out : out + ".";
}

/// What deployed senders do that the RFC does not say.
std::string senders(const CatalogueEntry& entry) {
  const Senders of = ever_senders_of(entry.code);
  std::string out;
  if (!of.refuse.empty())
    out += "\n\nRefused or misread, as the case may be, by " + comma_separated(of.refuse) + ".";
  if (!of.accept.empty())
    out += "\n\nTaken all the same, as the case may be, by " + comma_separated(of.accept) + ".";
  return out;
}

std::string page_of(const CatalogueEntry& entry) {
  const auto advice = advice_on(entry);
  const auto alerts = alerts_with(entry.code);
  return heading(entry.code, entry.title) + "\n" + severities(entry) + "\n" +
         section("What senders do", sentence(entry.effect) + senders(entry)) +
         section("What to check", commands(advice.check)) + section("How to mend it", sentence(entry.fix)) +
         section("When it is over", std::string(advice.over)) +
         section("Reference", references(entry) + (alerts.empty() ? "" : "\n\n" + alerts));
}

std::string page_of(const AlertPage& alert) {
  std::string findings;
  for (const auto code : split(alert.codes, ' ')) {
    const auto* entry = find_in_catalogue(code);
    if (entry == nullptr) continue;
    const std::string name(code);
    findings +=
        (findings.empty() ? "- [" : "\n- [") + name + "](" + name + ".md): " + std::string(entry->title);
  }
  return heading(alert.name, alert.title) + section("What senders do", std::string(alert.effect)) +
         section("What to check", commands(alert.check)) + section("How to mend it", std::string(alert.fix)) +
         section("When it is over", std::string(alert.over)) +
         (findings.empty() ? "" : section("Findings behind it", findings));
}

std::string listed(std::string_view name, std::string_view title) {
  return "- [" + std::string(name) + "](" + std::string(name) + ".md): " + std::string(title) + "\n";
}

std::string index_page() {
  std::string out =
      heading("Runbook", "What each finding and each alert of stswatch means, and how to mend it");
  std::optional<Theme> theme;
  for (const auto& entry : catalogue()) {
    if (theme != entry.theme) out += "\n## " + std::string(title_of(entry.theme)) + "\n\n";
    theme = entry.theme;
    out += listed(entry.code, entry.title);
  }
  out += "\n## Alerts of contrib/prometheus\n\n";
  for (const auto& alert : alert_pages())
    out += listed(alert.name, alert.title);
  return out;
}

}  // namespace

std::string with_words(std::string_view text) {
  std::string out(text);
  for (const auto& [placeholder, word] : kWords)
    out = replaced(std::move(out), placeholder, word);
  return out;
}

std::vector<std::string_view> runbook_names() {
  std::vector<std::string_view> out{kRunbookIndex};
  for (const auto& entry : catalogue())
    out.push_back(entry.code);
  for (const auto& alert : alert_pages())
    out.push_back(alert.name);
  return out;
}

std::optional<std::string> runbook_page(std::string_view name) {
  if (name == kRunbookIndex) return index_page();
  if (const auto* entry = find_in_catalogue(name)) return page_of(*entry);
  const auto alerts = alert_pages();
  const auto alert = std::ranges::find(alerts, name, &AlertPage::name);
  if (alert == alerts.end()) return std::nullopt;
  return page_of(*alert);
}

// What to try by hand, by theme of the catalogue. In the commands DOMAIN, HOST and ADDRESS stand for the
// names that the finding shows, NEWID for an id that was never used.

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
