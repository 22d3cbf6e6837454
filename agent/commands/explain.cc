// explain: what a finding means, from the catalogue; for a terminal, all of them as contrib/findings.md, and
// one by one, with the alerts of contrib/prometheus, as contrib/runbook has them.

#include <algorithm>
#include <iostream>

#include "agent/commands/commands.h"
#include "agent/tell/runbook.h"
#include "checks/judge/catalogue/deployed.h"

namespace stswatch {
namespace {

std::string severity(const CatalogueEntry& entry, Mode mode) {
  const auto s = entry.severity_in(mode);
  return s ? std::string(to_string(*s)) : std::string("not raised");
}

std::string severities(const CatalogueEntry& entry) {
  if (entry.of_the_agent()) return "info, and changes no status: it speaks of this monitor";
  return severity(entry, Mode::enforce) + " in enforce, " + severity(entry, Mode::testing) + " in testing, " +
         severity(entry, Mode::none) + " in none";
}

using Facts = std::vector<std::pair<std::string_view, std::string>>;

/// What a finding's page tells besides its title, in order.
Facts facts_of(const CatalogueEntry& entry) {
  Facts out{{"Mail", entry.effect.empty() ? "none: mail is not affected" : with_words(entry.effect)},
            {"Fix", entry.fix.empty() ? "nothing to do" : with_words(entry.fix)},
            {"Severity", severities(entry)},
            {"Route", std::string(to_string(static_cast<Route>(entry.route)))}};
  if (!entry.reference.empty()) out.emplace_back("Reference", entry.reference);
  if (const auto type = to_string(entry.reported_as); !type.empty())
    out.emplace_back("Reported", "as " + std::string(type) + " (RFC 8460 §4.3)");
  const Senders senders = ever_senders_of(entry.code);
  if (!senders.refuse.empty())
    out.emplace_back("Senders",
                     "refused or misread, as the case may be, by " + comma_separated(senders.refuse));
  if (!senders.accept.empty())
    out.emplace_back("Senders",
                     "taken all the same, as the case may be, by " + comma_separated(senders.accept));
  return out;
}

/// So that names and wildcards are no markup.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\*_<>[]`|").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

void print_markdown(std::ostream& out) {
  out << "# Findings\n\nEverything that stswatch can say of a domain, in the words it uses: what it does to "
         "mail, and how "
         "to\nmend it. This page is written by `stswatch explain --markdown`; `stswatch explain CODE` shows "
         "one "
         "finding.\nWords in capitals stand for the values of a finding.\n";
  std::optional<Theme> theme;
  for (const auto& entry : catalogue()) {
    if (theme != entry.theme) out << "\n## " << escaped(title_of(entry.theme)) << "\n";
    theme = entry.theme;
    out << "\n### " << entry.code << "\n\n**" << escaped(entry.title) << ".**\n\n";
    for (const auto& [name, text] : facts_of(entry))
      out << "- *" << name << ":* " << escaped(text) << "\n";
  }
}

void print_page(const CatalogueEntry& entry, std::ostream& out) {
  out << entry.code << "\n\n" << entry.title << ".\n\n";
  for (const auto& [name, text] : facts_of(entry))
    out << name << ":" << std::string(10 - name.size(), ' ') << text << "\n";
}

void print_list(std::ostream& out) {
  std::size_t width = 0;
  for (const auto& entry : catalogue())
    width = std::max(width, entry.code.size());
  for (const auto& entry : catalogue())
    out << entry.code << std::string(width + 2 - entry.code.size(), ' ') << entry.title << "\n";
}

}  // namespace

int explain(const ExplainCommand& command, Streams io) {
  if (command.code.empty()) {
    command.markdown ? print_markdown(io.out) : print_list(io.out);
    return 0;
  }
  const auto page = runbook_page(command.code);
  if (!page)
    return complain(io, "no finding or alert \"" + command.code + "\": see stswatch explain", kExitUsage);
  const auto* entry = find_in_catalogue(command.code);
  if (entry == nullptr || command.markdown)
    io.out << *page;
  else
    print_page(*entry, io.out);
  return 0;
}

}  // namespace stswatch
