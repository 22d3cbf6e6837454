#include "agent/reports/book.h"

#include <array>

namespace stswatch::reports {
namespace {

// Times are seconds of UTC. The totals outlive the reports they were added up from, since a counter never
// goes back; a report is known as a duplicate for as long as it would be taken.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE tlsrpt_reports (
  id INTEGER PRIMARY KEY,
  organization TEXT NOT NULL,
  report_id TEXT NOT NULL,
  started INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  received INTEGER NOT NULL,
  contact TEXT,
  UNIQUE (organization, report_id)
);
CREATE INDEX tlsrpt_reports_by_end ON tlsrpt_reports (ended);
CREATE TABLE tlsrpt_sessions (
  report INTEGER NOT NULL REFERENCES tlsrpt_reports ON DELETE CASCADE,
  place INTEGER NOT NULL,
  domain TEXT NOT NULL,
  started INTEGER NOT NULL,
  policy_type TEXT NOT NULL,
  successful INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  policy TEXT NOT NULL,
  PRIMARY KEY (report, place)
) WITHOUT ROWID;
CREATE INDEX tlsrpt_sessions_by_domain ON tlsrpt_sessions (domain, started);
CREATE TABLE tlsrpt_failures (
  report INTEGER NOT NULL REFERENCES tlsrpt_reports ON DELETE CASCADE,
  place INTEGER NOT NULL,
  row INTEGER NOT NULL,
  result_type TEXT NOT NULL,
  mx TEXT NOT NULL,
  receiving_ip TEXT NOT NULL,
  reason TEXT NOT NULL,
  sessions INTEGER NOT NULL,
  PRIMARY KEY (report, place, row)
) WITHOUT ROWID;
CREATE TABLE tlsrpt_totals (
  domain TEXT NOT NULL,
  policy_type TEXT NOT NULL,
  successful INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  last INTEGER NOT NULL,
  PRIMARY KEY (domain, policy_type)
) WITHOUT ROWID;
CREATE TABLE tlsrpt_failure_totals (
  domain TEXT NOT NULL,
  policy_type TEXT NOT NULL,
  result_type TEXT NOT NULL,
  organization TEXT NOT NULL,
  sessions INTEGER NOT NULL,
  PRIMARY KEY (domain, policy_type, result_type, organization)
) WITHOUT ROWID;
CREATE TABLE tlsrpt_aside (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  source TEXT NOT NULL,
  why TEXT NOT NULL,
  octets BLOB
);
)sql";

// Kinds as NotCounted::Kind numbers them.
constexpr const char* kVersion2 = R"sql(
CREATE TABLE tlsrpt_not_counted (
  domain TEXT NOT NULL,
  kind INTEGER NOT NULL,
  reporter TEXT NOT NULL,
  at INTEGER NOT NULL,
  times INTEGER NOT NULL,
  why TEXT NOT NULL,
  PRIMARY KEY (domain, kind, reporter)
) WITHOUT ROWID;
)sql";

constexpr std::array kSteps{kVersion1, kVersion2};

}  // namespace

tl::expected<void, sql::Trouble> bring_up_to_date(sql::Database& db) {
  return db.transaction([&] {
    db.run("CREATE TABLE IF NOT EXISTS tlsrpt_version (version INTEGER NOT NULL)");
    const auto version =
        static_cast<std::size_t>(db.number("SELECT max(version) FROM tlsrpt_version").value_or(0));
    for (std::size_t step = version; step < kSteps.size(); ++step) {
      db.script(kSteps[step]);
      db.run("INSERT INTO tlsrpt_version VALUES (?)", step + 1);
    }
  });
}

}  // namespace stswatch::reports
