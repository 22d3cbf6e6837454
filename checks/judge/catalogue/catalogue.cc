// The tables joined, and the two questions a live mode answers: how bad, and how soon must a human look.
#include "checks/judge/catalogue/catalogue.h"

#include <algorithm>
#include <array>
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
        tables::mx(), tables::smtp(), tables::certificate(), tables::forecast(), tables::plans(),
        tables::caches(), tables::drift(), tables::tlsrpt(), tables::reports(), tables::dane(),
        tables::provider(), tables::agent(), tables::rare()}) {
    all.insert(all.end(), table.begin(), table.end());
  }
  // forecast() holds readiness too, rare() something of many: each goes to its theme.
  std::ranges::stable_sort(all, {}, [](const CatalogueEntry& entry) -> Theme { return entry.theme; });
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

std::string_view title_of(Theme theme) {
  constexpr std::array<std::string_view, 18> kTitles = {
      "The TXT record at _mta-sts",
      "Fetching the policy",
      "Certificate and TLS of the policy host",
      "The text of the policy",
      "What the policy says",
      "MX records and their hosts",
      "SMTP and STARTTLS",
      "Certificates of MX hosts",
      "What will come",
      "Changes, and what senders still hold",
      "The TLSRPT record",
      "TLS reports",
      "DANE",
      "DNSSEC",
      "From testing to enforce",
      "Mail providers",
      "This monitor itself",
      "What could not be judged",
  };
  return kTitles[static_cast<std::size_t>(theme)];
}

std::string_view to_string(ResultType type) {
  constexpr std::array<std::string_view, 13> kNames = {
      "",
      "starttls-not-supported",
      "certificate-host-mismatch",
      "certificate-not-trusted",
      "certificate-expired",
      "validation-failure",
      "tlsa-invalid",
      "dnssec-invalid",
      "dane-required",
      "sts-policy-fetch-error",
      "sts-policy-invalid",
      "sts-webpki-invalid",
      "no-policy-found",
  };
  return kNames[static_cast<std::size_t>(type)];
}

std::string_view to_string(Aspect aspect) {
  constexpr std::array<std::string_view, 20> kNames = {
      "record",   "policy", "semantics",   "protection", "retirement", "match",  "mx",
      "reach",    "smtp",   "certificate", "dane",       "breakage",   "backup", "caches",
      "stranger", "change", "plan",        "reports",    "agent",      "own"};
  return kNames[static_cast<std::size_t>(aspect)];
}

std::optional<Severity> CatalogueEntry::severity_in(Mode live) const {
  if (of_the_agent()) return Severity::info;
  return severity[live];
}

Route CatalogueEntry::route_in(Mode live) const {
  if (of_the_agent()) return route;  // the agent's notices are no mail findings: their route stands by itself
  if (severity_in(live).value_or(Severity::info) == Severity::info) return Route::log;
  if (route == Route::page && live != Mode::enforce && !route.holds_in_every_mode()) return Route::ticket;
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
