// The catalogue: what every finding code means, how bad it is in each live mode, and what to say about it.
// Constant data, one table per theme (catalogue_*.cc). Codes are an outside interface: never rename one.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "checks/facts/policy.h"

namespace stswatch {

enum class Severity { info, warning, critical };  // ordered
enum class Route { log, ticket, page };           // ordered by how soon a human must look

std::string_view to_string(Severity severity);
std::string_view to_string(Route route);

struct CatalogueEntry {
  std::string_view code;
  char group;  // 'A' record, 'B' fetch, 'C' policy host TLS, ... as in the catalogue page
  /// By live mode none, testing, enforce; nullopt: not raised in that mode. An entry with all three nullopt
  /// speaks of the agent's own view: raised as info in every mode, changes no status.
  std::array<std::optional<Severity>, 3> severity;
  Route route;                 // in live mode enforce; see route_for()
  std::string_view tlsrpt;     // RFC 8460 §4.3 result type a reporter would use; empty: none
  std::string_view title;      // one line, no full stop: "The policy host's certificate has expired"
  std::string_view effect;     // what senders do, a sentence or two
  std::string_view fix;        // what to do, one to three sentences
  std::string_view reference;  // "RFC 8461 §3.1"

  bool of_the_agent() const { return !severity[0] && !severity[1] && !severity[2]; }
  /// nullopt: not raised in this live mode.
  std::optional<Severity> severity_in(Mode live) const;
  /// A page outside live mode enforce is a ticket (groups M and N excepted); info is always log.
  Route route_in(Mode live) const;
};

/// Texts may hold these placeholders, filled in by the rule that raises the code: {domain}, {policy_host},
/// {record}
/// (_mta-sts.D), {subject}, {host} (the subject without its address), {address}, {until} (a date from the
/// facts), {who} (the senders concerned), {new_id} (a fresh id from the time of the look), {value} (the
/// offending text).
std::span<const CatalogueEntry> catalogue();  // sorted by group, in the order of the tables
const CatalogueEntry* find_in_catalogue(std::string_view code);

namespace catalogue_tables {                    // one per theme, joined by catalogue.cc
std::span<const CatalogueEntry> record();       // A
std::span<const CatalogueEntry> fetch();        // B
std::span<const CatalogueEntry> policy_tls();   // C
std::span<const CatalogueEntry> policy_text();  // D
std::span<const CatalogueEntry> semantics();    // E
std::span<const CatalogueEntry> mx();           // F
std::span<const CatalogueEntry> smtp();         // G
std::span<const CatalogueEntry> certificate();  // H
std::span<const CatalogueEntry> forecast();     // I, O
std::span<const CatalogueEntry> drift();        // J
std::span<const CatalogueEntry> tlsrpt();       // K
std::span<const CatalogueEntry> provider();     // P
std::span<const CatalogueEntry> agent();        // Q, R
}  // namespace catalogue_tables

}  // namespace stswatch
