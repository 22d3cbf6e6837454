// The tables joined, and the two questions a live mode answers: how bad, and how soon must a human look.
#include "checks/judge/catalogue/catalogue.h"

#include <algorithm>
#include <cstddef>
#include <unordered_map>
#include <vector>

namespace stswatch {
namespace {

std::vector<CatalogueEntry> joined() {
  namespace tables = catalogue_tables;
  std::vector<CatalogueEntry> all;
  for (const auto table :
       {tables::record(), tables::fetch(), tables::policy_tls(), tables::policy_text(), tables::semantics(),
        tables::mx(), tables::smtp(), tables::certificate(), tables::forecast(), tables::drift(),
        tables::tlsrpt(), tables::provider(), tables::agent()}) {
    all.insert(all.end(), table.begin(), table.end());
  }
  // forecast() holds I and O: the groups between them come from tables of their own.
  std::ranges::stable_sort(all, {}, &CatalogueEntry::group);
  return all;
}

const std::vector<CatalogueEntry>& entries() {
  static const std::vector<CatalogueEntry> all = joined();
  return all;
}

}  // namespace

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::info:
      return "info";
    case Severity::warning:
      return "warning";
    case Severity::critical:
      return "critical";
  }
  return "info";
}

std::string_view to_string(Route route) {
  switch (route) {
    case Route::log:
      return "log";
    case Route::ticket:
      return "ticket";
    case Route::page:
      return "page";
  }
  return "log";
}

std::optional<Severity> CatalogueEntry::severity_in(Mode live) const {
  if (of_the_agent()) return Severity::info;
  return severity[static_cast<std::size_t>(live)];
}

Route CatalogueEntry::route_in(Mode live) const {
  if (of_the_agent()) return route;  // the agent's notices are no mail findings: their route stands by itself
  if (severity_in(live).value_or(Severity::info) == Severity::info) return Route::log;
  // DANE and DNSSEC stop mail without MTA-STS; so do a domain without a working MX set.
  const bool same_in_every_mode = group == 'M' || group == 'N' || severity[0] == Severity::critical;
  if (route == Route::page && live != Mode::enforce && !same_in_every_mode) return Route::ticket;
  return route;
}

std::span<const CatalogueEntry> catalogue() { return entries(); }

const CatalogueEntry* find_in_catalogue(std::string_view code) {
  static const std::unordered_map<std::string_view, const CatalogueEntry*> by_code = [] {
    std::unordered_map<std::string_view, const CatalogueEntry*> map;
    for (const CatalogueEntry& entry : entries())
      map.emplace(entry.code, &entry);
    return map;
  }();
  const auto found = by_code.find(code);
  return found == by_code.end() ? nullptr : found->second;
}

}  // namespace stswatch
