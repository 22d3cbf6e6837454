// The catalogue: one row a finding says all that is known of its code. Constant data, one table per theme or
// pair of themes in the files beside this one; share freely. Codes are an outside interface: never rename
// one.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "checks/judge/catalogue/columns.h"

namespace stswatch {

/// Texts may hold these placeholders, filled in by the rule that raises the code: {domain}, {policy_host},
/// {record}
/// (_mta-sts.D), {subject}, {host} (the subject without its address), {address}, {until} (a date from the
/// facts), {who} (the senders concerned), {new_id} (a fresh id from the time of the look), {value} (the
/// offending text).
struct CatalogueEntry {
  Words code;
  Given<Theme> theme;
  Severities severity;
  Routing route;  // in live mode enforce; see route_in()
  Given<ResultType> reported_as;
  Title title;
  Words effect;     // what senders do, a sentence or two
  Words fix;        // what to do, one to three sentences
  Words reference;  // "RFC 8461 §3.1"
  Basis rests_on;
  Telling told;
  Beside beside;
  Given<OnText> on_text;
  Given<Theme> advice;  // whose commands help to look at it by hand

  bool of_the_agent() const { return !severity.in_any_mode(); }
  /// nullopt: not raised in this live mode.
  std::optional<Severity> severity_in(Mode live) const;
  /// A page outside live mode enforce is a ticket, unless the row says otherwise; info is always log.
  Route route_in(Mode live) const;
};

std::span<const CatalogueEntry> catalogue();  // by theme, in the order of the tables
const CatalogueEntry* find_in_catalogue(std::string_view code);

namespace catalogue_tables {  // joined by catalogue.cc
std::span<const CatalogueEntry> record();
std::span<const CatalogueEntry> rare();  // of many themes
std::span<const CatalogueEntry> fetch();
std::span<const CatalogueEntry> policy_tls();
std::span<const CatalogueEntry> policy_text();
std::span<const CatalogueEntry> semantics();
std::span<const CatalogueEntry> mx();
std::span<const CatalogueEntry> smtp();
std::span<const CatalogueEntry> certificate();
std::span<const CatalogueEntry> forecast();  // and readiness
std::span<const CatalogueEntry> plans();
std::span<const CatalogueEntry> caches();  // the first part of drift
std::span<const CatalogueEntry> drift();
std::span<const CatalogueEntry> tlsrpt();
std::span<const CatalogueEntry> reports();
std::span<const CatalogueEntry> dane();  // and dnssec
std::span<const CatalogueEntry> provider();
std::span<const CatalogueEntry> agent();  // and further
}  // namespace catalogue_tables

}  // namespace stswatch
