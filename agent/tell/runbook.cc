#include "agent/tell/runbook.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "checks/facts/join.h"
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

}  // namespace stswatch
