// Where TLS reports come in: files, mails and posts are read, and written into the book once. Thread-safe.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "agent/reports/book.h"
#include "checks/reports/read.h"
#include "config/config.h"

namespace stswatch::reports {

/// Something that may be a report.
struct Handed {
  std::string octets;
  std::string source;        // a file's name, or the address of a client
  std::string media_type{};  // a hint
  bool stays = false;        // the source keeps it: it need not be kept aside here
};

struct Outcome {
  Fate fate = Fate::unreadable;
  std::string why{};               // where it was not stored; printable
  std::vector<Outcome> further{};  // of the other reports in it, which have none
};

class Intake {
 public:
  Intake(Book& book, std::function<TimePoint()> now) : book_(book), now_(std::move(now)) {}

  void adopt(const TlsrptIntake& options, std::set<std::string> domains);

  /// What became of each, on the disk when it returns; the error: the disk refused. Then hand all of it in
  /// again: what was counted before that is known.
  tl::expected<std::vector<Outcome>, std::string> take(const std::vector<Handed>& handed);
  /// Drops what is kept no longer; call it now and then.
  tl::expected<void, std::string> tidy();

  TlsrptIntake options() const;
  Figures figures();
  Book& book() { return book_; }

 private:
  Reading read(const Handed& each, const TlsrptIntake& options);

  Book& book_;
  const std::function<TimePoint()> now_;
  std::mutex reading_;  // held by whoever unpacks
  mutable std::mutex mutex_;
  TlsrptIntake options_;  // guarded by mutex_, as is all below
  std::map<Fate, std::uint64_t> fates_;
};

}  // namespace stswatch::reports
