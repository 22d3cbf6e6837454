// The book of TLS reports: each is written in once (RFC 8460 §5.3, by organization and report-id), in the
// store's own file, and added up into counters that outlive it. Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <unordered_map>
#include <vector>

#include "agent/remember/sqlite.h"
#include "agent/reports/figures.h"
#include "checks/facts/tls_report.h"

namespace stswatch::reports {

// The tables of TLS reports in the store's file. They have a version of their own: the store's tables and
// these change at different times.

/// Takes the steps that are missing, in one transaction.
tl::expected<void, sql::Trouble> bring_up_to_date(sql::Database& db);

inline constexpr Seconds kKept{90 * 86400};  // after its end; older ones are not taken

/// A report as it came in.
struct Arrival {
  TlsReport report;
  std::string about;  // the domain, where the report itself does not say; may be empty
};

/// What could not be counted.
struct Aside {
  std::string source;  // a file's name, or the address of a client
  std::string why;
  std::string octets;      // empty where the file itself stays
  std::string about{};     // the domain that it seems to be about; may be empty
  std::string reporter{};  // who seems to have sent it; may be empty
  NotCounted::Kind kind = NotCounted::Kind::malformed;
};

class Book {
 public:
  /// `state` as for open_store(), which has been opened before: its tables are there.
  static tl::expected<std::unique_ptr<Book>, std::string> open(const std::string& state);

  /// Domains whose reports are taken.
  void watch(std::set<std::string> domains);

  /// All of them on the disk when it returns, or none, and then why. In the order given.
  tl::expected<std::vector<Fate>, std::string> take(std::span<const Arrival> arrivals, TimePoint now);
  tl::expected<void, std::string> put_aside(std::span<const Aside> asides, TimePoint now);

  /// Drops what is kept no longer, a bounded piece at a time; true when there may be more.
  tl::expected<bool, std::string> tidy(TimePoint now);

  /// Of the watched domains.
  std::map<std::string, DomainFigures> figures();
  /// Of reports that began at `since` or later; the newest ones where there are too many.
  DomainReports of(const std::string& domain, TimePoint since);
  /// Is there any report of it? Costs nothing.
  bool knows(const std::string& domain) const;

 private:
  explicit Book(std::string state, std::unique_ptr<sql::Database> db);
  tl::expected<void, std::string> settled();
  Fate take(const Arrival& arrival, TimePoint now);
  void add(const std::string& domain, const ReportPolicy& policy, const TlsReport& report, TimePoint now);
  /// Of a domain that is watched; what is not counted has a bound of its own.
  void note_not_counted(const std::string& domain, const NotCounted& what);
  void recall();
  void recall(const std::string& domain);

  const std::string state_;
  mutable std::mutex mutex_;
  std::unique_ptr<sql::Database> db_;  // guarded by mutex_, as is all below
  std::set<std::string> watched_;
  std::unordered_map<std::string, DomainFigures> figures_;
  std::int64_t last_id_ = 0;                // of the reports that figures_ has
  std::set<std::string> touched_;           // by the transaction under way
  std::set<std::string> with_not_counted_;  // domains that have any
};

}  // namespace stswatch::reports
