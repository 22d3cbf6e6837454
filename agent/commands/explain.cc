// explain: what a finding means, from the catalogue: one for a terminal, one as the page that the agent
// serves, all of them as one page, as a folder of pages, or as the table of contrib/docs/findings.md.

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

#include "agent/commands/commands.h"
#include "agent/commands/saved_files.h"
#include "agent/remember/dated.h"
#include "agent/tell/runbook.h"
#include "checks/facts/text.h"
#include "checks/judge/catalogue/catalogue.h"
#include "checks/judge/catalogue/deployed.h"
#include "config/reader.h"

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

std::string in_mode(const CatalogueEntry& entry, Mode mode) {
  const auto s = entry.severity_in(mode);
  return s ? std::string(to_string(*s)) + ", " + std::string(to_string(entry.route_in(mode))) : "-";
}

/// One row a finding; its name is an anchor, since findings without an RFC refer to it.
void print_table(std::ostream& out) {
  out << "# Findings\n\nSeverity and route of each finding, by the strongest mode that senders may hold; "
         "`-`: not "
         "raised. What it does to\nmail and how to mend it: `stswatch explain CODE`, or `/runbook/CODE` at "
         "the "
         "agent. Written by\n`stswatch explain --all --table`.\n\n| code | about | enforce | testing | none "
         "| "
         "title |\n|---|---|---|---|---|---|\n";
  for (const auto& entry : catalogue()) {
    out << "| <a id=\"" << entry.code << "\"></a>`" << entry.code << "` | " << escaped(title_of(entry.theme));
    for (const auto mode : {Mode::enforce, Mode::testing, Mode::none})
      out << " | " << in_mode(entry, mode);
    out << " | " << escaped(entry.title) << " |\n";
  }
}

bool write_file(const std::string& path, const std::string& text) {
  errno = 0;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  return out.good();
}

int write_pages(const ExplainCommand& command, Streams io) {
  if (command.what.empty())
    return complain(io, "no folder for the pages: stswatch explain --all --html DIR", kExitUsage);
  if (const auto made = make_folder(command.what, "pages"); !made)
    return complain(io, made.error(), kExitUsage);
  for (const auto name : runbook_names()) {
    const std::string page = *runbook_page(name);
    const std::string path = command.what + "/" + std::string(name) + (command.html ? ".html" : ".md");
    if (!write_file(path, command.html ? runbook_as_html(page) : page))
      return complain(io,
                      path + " cannot be written (" + std::strerror(errno) +
                          "): make room, or name a folder that you may write to",
                      kExitOutput);
  }
  return 0;
}

/// "did you mean sts-txt-missing, tlsrpt-missing? ": the nearest, and those that hold the word.
std::string did_you_mean(const std::string& word) {
  constexpr std::size_t kMost = 5;
  const auto names = runbook_names();
  std::vector<std::string> near;
  const auto add = [&](std::string_view name) {
    if (!name.empty() && near.size() < kMost && std::ranges::find(near, name) == near.end())
      near.emplace_back(name);
  };
  add(nearest(word, {names.begin(), names.end()}));
  if (word.size() > 3)
    for (const auto name : names)
      if (text::lower(name).find(text::lower(word)) != std::string::npos) add(name);
  std::string out;
  for (const auto& name : near)
    out += (out.empty() ? "did you mean " : ", ") + name;
  return out.empty() ? out : out + "? ";
}

int explain_all(const ExplainCommand& command, Streams io) {
  if (command.html || command.markdown) return write_pages(command, io);
  if (!command.what.empty())
    return complain(io, "--all writes one kind of pages: add --html or --markdown", kExitUsage);
  command.table ? print_table(io.out) : print_list(io.out);
  return 0;
}

}  // namespace

int explain(const ExplainCommand& command, Streams io) {
  if (command.all) return explain_all(command, io);
  if (command.what.empty() && !command.html) {
    command.markdown ? print_markdown(io.out) : print_list(io.out);
    return 0;
  }
  const auto page = runbook_page(command.what.empty() ? kRunbookIndex : command.what);
  if (!page)
    return complain(io,
                    "no finding or alert \"" + command.what + "\": " + did_you_mean(command.what) +
                        "see stswatch explain",
                    kExitUsage);
  const auto* entry = find_in_catalogue(command.what);
  if (command.html)
    io.out << runbook_as_html(*page);
  else if (entry == nullptr || command.markdown)
    io.out << *page;
  else
    print_page(*entry, io.out);
  return 0;
}

std::string unknown_code(const std::string& glob) {
  const auto fits = [&](const CatalogueEntry& entry) { return glob_matches(glob, entry.code); };
  if (std::ranges::any_of(catalogue(), fits)) return {};
  std::vector<std::string_view> codes;
  for (const auto& entry : catalogue())
    codes.push_back(entry.code);
  const auto near = nearest(glob, codes);
  return "no finding has this code" + (near.empty() ? std::string() : "; did you mean \"" + near + "\"?");
}

}  // namespace stswatch
