#include "agent/reports/book.h"

#include <algorithm>
#include <array>
#include <map>

#include "agent/remember/sqlite.h"
#include "agent/remember/store.h"
#include "checks/facts/domain.h"
#include "checks/facts/result.h"
#include "checks/facts/text.h"

namespace stswatch::reports {
namespace {

// What of one report is kept besides its sums: a sender with more places than these has told enough.
constexpr std::size_t kPoliciesKept = 64;
constexpr std::size_t kRowsKept = 100;  // of one policy
constexpr std::size_t kText = 300;      // octets of a name, a reason
constexpr std::size_t kPolicyText = 4096;
constexpr std::size_t kReportsOfDomain = 2000;  // that the judge and the page are shown
constexpr Seconds kAhead{2 * 86400};  // a report may end that much in the future, by a clock not ours
constexpr std::int64_t kTidied = 500;
constexpr std::int64_t kAsides = 200;
constexpr std::int64_t kNotCounted = 20;  // reporters of one domain and kind
constexpr std::size_t kAsideOctets = 256U << 10U;

std::int64_t number_of(TimePoint t) { return t.time_since_epoch().count(); }
TimePoint moment_of(std::int64_t seconds) { return TimePoint{Seconds{seconds}}; }
std::string cut(std::string_view s, std::size_t most = kText) { return std::string(s.substr(0, most)); }

/// The domain a policy is about, among those watched. For DANE it is the TLSA base domain (RFC 8460 §4.4),
/// which is an MX host: its nearest parent that is watched.
std::string watched_domain(const std::string& told, const std::string& about,
                           const std::set<std::string>& watched) {
  for (const auto& text : {told, about}) {
    const auto name = Domain::parse(text);
    if (!name) continue;
    std::string_view rest = name->str();
    while (true) {
      if (const std::string each(rest); watched.contains(each)) return each;
      const auto dot = rest.find('.');
      if (dot == rest.npos) break;
      rest.remove_prefix(dot + 1);
    }
  }
  return {};
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) {
    text::add(out, "\n", line);
    if (out.size() > kPolicyText) break;
  }
  return cut(out, kPolicyText);
}

/// Rows that differ only in the sender's own address are one.
std::vector<ReportFailure> merged(const std::vector<ReportFailure>& rows) {
  std::map<std::tuple<std::string, std::string, std::string, std::string>, ReportFailure> by_place;
  for (const auto& row : rows) {
    const auto key =
        std::tuple(cut(row.result_type), text::lower(cut(row.mx)), cut(row.receiving_ip), cut(row.reason));
    if (by_place.size() == kRowsKept && !by_place.contains(key)) continue;
    auto& kept = by_place[key];
    const auto sum = added(kept.sessions, row.sessions);
    std::tie(kept.result_type, kept.mx, kept.receiving_ip, kept.reason) = key;
    kept.sessions = sum;
  }
  std::vector<ReportFailure> out;
  for (auto& [_, row] : by_place)
    out.push_back(std::move(row));
  return out;
}

}  // namespace

Book::Book(std::string state, std::unique_ptr<sql::Database> db)
    : state_(std::move(state)), db_(std::move(db)) {}

tl::expected<std::unique_ptr<Book>, std::string> Book::open(const std::string& state) {
  auto db = sql::Database::open(state, sql::Database::Access::read_write);
  if (!db) return tl::make_unexpected(sql::explain(state, db.error()));
  std::unique_ptr<Book> book(new Book(state, std::move(*db)));
  // What is answered for must survive a loss of power too: the mail leaves new/ after this.
  book->db_->script("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
  if (auto made = bring_up_to_date(*book->db_); !made)
    return tl::make_unexpected(sql::explain(state, made.error()));
  book->recall();
  if (auto settled = book->settled(); !settled) return tl::make_unexpected(settled.error());
  return book;
}

tl::expected<void, std::string> Book::settled() {
  if (auto settled = db_->settle(); !settled)
    return tl::make_unexpected(sql::explain(state_, settled.error()));
  return {};
}

void Book::watch(std::set<std::string> domains) {
  const std::lock_guard lock(mutex_);
  watched_ = std::move(domains);
}

/// Another process may have written some in: the totals are read again.
void Book::recall() {
  figures_.clear();
  std::set<std::string> domains;
  db_->each("SELECT DISTINCT domain FROM tlsrpt_totals",
            [&](const auto& row) { domains.emplace(row.text(0)); });
  for (const auto& domain : domains)
    recall(domain);
  db_->each("SELECT DISTINCT domain FROM tlsrpt_not_counted",
            [&](const auto& row) { with_not_counted_.emplace(row.text(0)); });
  last_id_ = db_->number("SELECT max(id) FROM tlsrpt_reports").value_or(0);
}

void Book::recall(const std::string& domain) {
  DomainFigures figures;
  db_->each(
      "SELECT policy_type, successful, failed, last FROM tlsrpt_totals WHERE domain = ?",
      [&](const auto& row) {
        figures.sessions[std::string(row.text(0))] = {static_cast<std::uint64_t>(row.integer(1)),
                                                      static_cast<std::uint64_t>(row.integer(2))};
        figures.last_report = std::max(figures.last_report, std::optional(moment_of(row.integer(3))));
      },
      domain);
  db_->each(
      "SELECT policy_type, result_type, organization, sessions FROM tlsrpt_failure_totals WHERE domain = ?",
      [&](const auto& row) {
        figures.failures[{std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2))}] =
            static_cast<std::uint64_t>(row.integer(3));
      },
      domain);
  if (!figures.sessions.empty()) figures_.insert_or_assign(domain, std::move(figures));
}

tl::expected<std::vector<Fate>, std::string> Book::take(std::span<const Arrival> arrivals, TimePoint now) {
  const std::lock_guard lock(mutex_);
  std::vector<Fate> fates;
  touched_.clear();
  std::int64_t before = 0;
  const auto done = db_->transaction([&] {
    before = db_->number("SELECT max(id) FROM tlsrpt_reports").value_or(0);
    for (const auto& arrival : arrivals)
      fates.push_back(take(arrival, now));
  });
  if (!done) return tl::make_unexpected(sql::explain(state_, done.error()));
  if (before > last_id_) {
    recall();
  } else {
    for (const auto& domain : touched_)
      recall(domain);
    last_id_ = db_->number("SELECT max(id) FROM tlsrpt_reports").value_or(0);
  }
  (void)db_->settle();
  return fates;
}

Fate Book::take(const Arrival& arrival, TimePoint now) {
  const auto& report = arrival.report;
  if (report.end < now - kKept || report.end > now + kAhead) return Fate::outdated;
  std::vector<std::string> domains;
  for (const auto& policy : report.policies)
    domains.push_back(watched_domain(policy.domain, arrival.about, watched_));
  if (std::ranges::all_of(domains, &std::string::empty)) return Fate::foreign;
  std::optional<std::int64_t> id;
  db_->each(
      "INSERT INTO tlsrpt_reports (organization, report_id, started, ended, received, contact) "
      "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id",
      [&](const auto& row) { id = row.integer(0); }, cut(report.organization), cut(report.report_id),
      number_of(report.start), number_of(report.end), number_of(now), cut(report.contact.value_or("")));
  if (!id) {
    for (const auto& domain : std::set<std::string>(domains.begin(), domains.end()))
      note_not_counted(domain, {NotCounted::Kind::duplicate, report.organization, now, 1,
                                "report-id " + report.report_id});
    return Fate::duplicate;
  }
  for (std::size_t place = 0; place < domains.size(); ++place) {
    if (domains[place].empty()) continue;
    const auto& policy = report.policies[place];
    add(domains[place], policy, report, now);
    if (place >= kPoliciesKept) continue;
    db_->run("INSERT INTO tlsrpt_sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", *id, place, domains[place],
             number_of(report.start), policy_type_word(policy.type), policy.successful, policy.failed,
             joined(policy.policy_string));
    std::size_t number = 0;
    for (const auto& row : merged(policy.failures))
      db_->run("INSERT INTO tlsrpt_failures VALUES (?, ?, ?, ?, ?, ?, ?, ?)", *id, place, number++,
               row.result_type, row.mx, row.receiving_ip, row.reason, row.sessions);
  }
  return Fate::stored;
}

void Book::add(const std::string& domain, const ReportPolicy& policy, const TlsReport& report,
               TimePoint now) {
  // A sum that would leave the numbers that JSON and Prometheus hold exactly begins anew, as any counter may:
  // one that stood still at its bound would hide whatever comes after.
  constexpr auto kMost = kMostSessions;
  touched_.insert(domain);
  const auto type = policy_type_word(policy.type);
  db_->run(
      "INSERT INTO tlsrpt_totals VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
      "successful = iif(successful + excluded.successful > ?, excluded.successful, successful + "
      "excluded.successful), "
      "failed = iif(failed + excluded.failed > ?, excluded.failed, failed + excluded.failed), "
      "last = max(last, excluded.last)",
      domain, type, policy.successful, policy.failed, number_of(now), kMost, kMost);
  std::map<std::string_view, std::uint64_t> sessions;
  for (const auto& row : policy.failures) {
    auto& sum = sessions[result_type_word(row.result_type)];
    sum = added(sum, row.sessions);
  }
  for (const auto& [word, sum] : sessions)
    db_->run(
        "INSERT INTO tlsrpt_failure_totals VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "sessions = iif(sessions + excluded.sessions > ?, excluded.sessions, sessions + excluded.sessions)",
        domain, type, word, organization_word(report.organization), sum, kMost);
}

void Book::note_not_counted(const std::string& domain, const NotCounted& what) {
  if (domain.empty()) return;
  with_not_counted_.insert(domain);
  const auto kind = static_cast<std::int64_t>(what.kind);
  db_->run(
      "INSERT INTO tlsrpt_not_counted VALUES (?, ?, ?, ?, 1, ?) ON CONFLICT DO UPDATE SET "
      "at = excluded.at, times = times + 1, why = excluded.why",
      domain, kind, printable(cut(what.reporter)), number_of(what.at), printable(cut(what.why)));
  db_->run(
      "DELETE FROM tlsrpt_not_counted WHERE domain = ?1 AND kind = ?2 AND reporter IN (SELECT reporter FROM "
      "tlsrpt_not_counted WHERE domain = ?1 AND kind = ?2 ORDER BY at DESC, reporter LIMIT -1 OFFSET ?3)",
      domain, kind, kNotCounted);
}

tl::expected<void, std::string> Book::put_aside(std::span<const Aside> asides, TimePoint now) {
  const std::lock_guard lock(mutex_);
  const auto done = db_->transaction([&] {
    for (const auto& aside : asides) {
      const auto octets = std::string_view(aside.octets).substr(0, kAsideOctets);
      db_->run("INSERT INTO tlsrpt_aside (at, source, why, octets) VALUES (?, ?, ?, ?)", number_of(now),
               cut(aside.source), cut(aside.why), sql::Blob{octets});
      note_not_counted(
          watched_domain(aside.about, "", watched_),
          {aside.kind, aside.reporter.empty() ? aside.source : aside.reporter, now, 1, aside.why});
    }
    db_->run("DELETE FROM tlsrpt_aside WHERE id <= (SELECT max(id) FROM tlsrpt_aside) - ?", kAsides);
  });
  if (!done) return tl::make_unexpected(sql::explain(state_, done.error()));
  return {};
}

tl::expected<bool, std::string> Book::tidy(TimePoint now) {
  const std::lock_guard lock(mutex_);
  std::int64_t gone = 0;
  const auto done = db_->transaction([&] {
    db_->each(
        "DELETE FROM tlsrpt_reports WHERE id IN (SELECT id FROM tlsrpt_reports WHERE ended < ? LIMIT ?) "
        "RETURNING id",
        [&](const auto&) { ++gone; }, number_of(now - kKept), kTidied);
    db_->run("DELETE FROM tlsrpt_not_counted WHERE at < ?", number_of(now - kKept));
  });
  if (!done) return tl::make_unexpected(sql::explain(state_, done.error()));
  return gone == kTidied;
}

std::map<std::string, DomainFigures> Book::figures() {
  const std::lock_guard lock(mutex_);
  if (db_->number("SELECT max(id) FROM tlsrpt_reports").value_or(0) > last_id_) recall();
  (void)db_->settle();
  std::map<std::string, DomainFigures> out;
  for (const auto& [domain, figures] : figures_)
    if (watched_.contains(domain)) out.emplace(domain, figures);
  return out;
}

bool Book::knows(const std::string& domain) const {
  const std::lock_guard lock(mutex_);
  return figures_.contains(domain) || with_not_counted_.contains(domain);
}

DomainReports Book::of(const std::string& domain, TimePoint since) {
  const std::lock_guard lock(mutex_);
  DomainReports out;
  db_->each(
      "SELECT kind, reporter, at, times, why FROM tlsrpt_not_counted WHERE domain = ? AND at >= ? "
      "ORDER BY at DESC, reporter",
      [&](const auto& row) {
        out.not_counted.push_back(
            {static_cast<NotCounted::Kind>(std::clamp<std::int64_t>(row.integer(0), 0, 2)),
             std::string(row.text(1)), moment_of(row.integer(2)), static_cast<std::uint64_t>(row.integer(3)),
             std::string(row.text(4))});
      },
      domain, number_of(since));
  if (!figures_.contains(domain)) return out;
  db_->each(
      "SELECT started, ended, organization, policy_type, successful, failed, policy, received FROM ("
      "SELECT s.started, r.ended, r.organization, s.policy_type, s.successful, s.failed, s.policy, "
      "r.received "
      "FROM tlsrpt_sessions s JOIN tlsrpt_reports r ON r.id = s.report WHERE s.domain = ? AND s.started >= ? "
      "ORDER BY s.started DESC LIMIT ?) ORDER BY started",
      [&](const auto& row) {
        out.sessions.push_back({moment_of(row.integer(0)), moment_of(row.integer(1)),
                                std::string(row.text(2)), std::string(row.text(3)),
                                static_cast<std::uint64_t>(row.integer(4)),
                                static_cast<std::uint64_t>(row.integer(5)), std::string(row.text(6))});
        const auto received = moment_of(row.integer(7));
        out.first = out.first ? std::min(*out.first, received) : received;
        out.last = out.last ? std::max(*out.last, received) : received;
      },
      domain, number_of(since), kReportsOfDomain);
  db_->each(
      "SELECT s.started, r.organization, s.policy_type, f.result_type, f.mx, f.receiving_ip, f.reason, "
      "f.sessions "
      "FROM tlsrpt_sessions s JOIN tlsrpt_reports r ON r.id = s.report JOIN tlsrpt_failures f ON "
      "f.report = s.report AND f.place = s.place WHERE s.domain = ? AND s.started >= ? "
      "ORDER BY s.started DESC LIMIT ?",
      [&](const auto& row) {
        out.failures.push_back({moment_of(row.integer(0)), std::string(row.text(1)), std::string(row.text(2)),
                                std::string(row.text(3)), std::string(row.text(4)), std::string(row.text(5)),
                                std::string(row.text(6)), static_cast<std::uint64_t>(row.integer(7))});
      },
      domain, number_of(since), kReportsOfDomain);
  std::ranges::reverse(out.failures);
  if (const auto last = figures_.at(domain).last_report) out.last = last;  // it may be from before `since`
  out.more = out.sessions.size() == kReportsOfDomain || out.failures.size() == kReportsOfDomain;
  (void)db_->settle();
  return out;
}

// The tables.

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
