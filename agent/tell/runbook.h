// The runbook: a page for each finding of the catalogue and for each alert of contrib/prometheus, in Markdown
// or HTML, and the index of them. The agent serves them at /runbook/NAME, `stswatch explain` writes them.
// Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stswatch {

struct CatalogueEntry;

/// An alert of contrib/prometheus/stswatch.rules.yml.
struct AlertPage {
  std::string_view name;
  std::string_view title;   // one line, no full stop
  std::string_view effect;  // on mail
  std::string_view check;   // shell commands, one a line
  std::string_view fix;
  std::string_view over;
  std::string_view codes;  // of the findings behind it, separated by spaces
};
std::span<const AlertPage> alert_pages();

/// What to try by hand, and when it is over: the same for all findings of a kind.
struct FindingAdvice {
  std::string_view check;  // shell commands, one a line
  std::string_view over;
};
FindingAdvice advice_on(const CatalogueEntry& entry);

/// The name of the page that leads to all others.
inline constexpr std::string_view kRunbookIndex = "index";

/// Of every page, the index first, then the findings in the catalogue's order, then the alerts.
std::vector<std::string_view> runbook_names();

/// Pages refer to each other as NAME.md. nullopt: neither a finding nor an alert, nor the index.
std::optional<std::string> runbook_page(std::string_view name);

/// A page of the above as HTML: it refers to the others as NAME.html. It knows the Markdown written here, no
/// more.
std::string runbook_as_html(std::string_view page);

/// A text of the catalogue with words for its placeholders: "{host}" reads HOST.
std::string with_words(std::string_view text);

}  // namespace stswatch
