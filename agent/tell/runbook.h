// The runbook: a page for each finding of the catalogue and for each alert of contrib/prometheus, in
// Markdown. contrib/runbook holds the same pages, and a test compares them. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

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

/// nullopt: neither a finding nor an alert.
std::optional<std::string> runbook_page(std::string_view name);

/// A text of the catalogue with words for its placeholders: "{host}" reads HOST.
std::string with_words(std::string_view text);

}  // namespace stswatch
