// One cause, one finding: RULES 5.5 (what stands above what is in the catalogue) and 3.1. Rows of RULES that
// name alerts belong to the rule file.

#include <algorithm>

#include "checks/judge/case.h"

namespace stswatch {
namespace {

/// The subject itself, or an address of it.
bool covers(std::string_view subject, std::string_view other) {
  return other == subject || (other.starts_with(subject) && other[subject.size()] == ' ');
}

bool covered(const std::vector<Finding>& all, const Finding& finding, Codes sources) {
  return std::ranges::any_of(all, [&](const Finding& f) {
    return std::ranges::find(sources, f.code) != sources.end() && covers(f.subject, finding.subject);
  });
}

bool there(const std::vector<Finding>& all, Codes sources) {
  return std::ranges::any_of(
      all, [&](const Finding& f) { return std::ranges::find(sources, f.code) != sources.end(); });
}

bool says_why_skipped(const std::vector<Finding>& all, const std::string& host) {
  return std::ranges::any_of(all, [&](const Finding& f) {
    const CatalogueEntry* entry = find_in_catalogue(f.code);
    return entry && entry->beside.is_why_skipped() && covers(host, f.subject);
  });
}

bool suppressed(const Case& c, const std::vector<Finding>& all, const Finding& finding) {
  const CatalogueEntry* entry = find_in_catalogue(finding.code);
  if (!entry) return false;
  const Beside& beside = entry->beside;
  if (c.null_mx && beside.is_of_mx()) return true;
  if (covered(all, finding, beside.suppressed_by())) return true;
  if (there(all, beside.suppressed_from_elsewhere_by())) return true;
  return beside.wants_why_skipped() && !says_why_skipped(all, finding.subject);
}

}  // namespace

void inhibit(const Case& c, Findings& out) {
  std::vector<Finding> kept;
  for (const Finding& finding : out.all()) {
    if (!suppressed(c, out.all(), finding)) kept.push_back(finding);
  }
  out.all() = std::move(kept);
}

}  // namespace stswatch
