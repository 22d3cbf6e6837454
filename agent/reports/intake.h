// The ways of a TLS report into the book: one that came, by a Maildir or by POST.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "agent/reports/book.h"
#include "checks/reports/read.h"
#include "config/config.h"

namespace stswatch::reports {

// Where TLS reports come in: files, mails and posts are read, and written into the book once. Thread-safe.

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

// A Maildir that reports are delivered to: what is in new/ is written into the book, on the disk, and only
// then moved to cur/. Where the process dies in between, the mail is found in new/ again and is a duplicate:
// never lost, never counted twice. A mail reader may have moved it to cur/ first: what is not
// marked seen there is taken as well. What cannot be read goes to cur/ too, flagged, for somebody to look at.

struct MaildirTurn {
  std::size_t moved = 0;
  std::map<Fate, std::size_t> fates{};
  std::string trouble{};  // of files that stay where they are, in words; the others were dealt with
  bool more = false;      // the turn was full: there is more
};

class Maildir {
 public:
  explicit Maildir(std::string path) : path_(std::move(path)) {}

  /// One bounded batch. The error names what is wrong with the folder or the disk; nothing was lost by it.
  tl::expected<MaildirTurn, std::string> turn(Intake& intake);
  const std::string& path() const { return path_; }

 private:
  struct Mail {
    std::string folder, name;
  };
  tl::expected<std::vector<Mail>, std::string> waiting();
  bool move(const Mail& mail, bool flagged) const;
  void pass_over(const Mail& mail, const std::string& reason);

  const std::string path_;
  // What could not be read or moved stands behind what can be; it is tried again when nothing else is there.
  std::set<std::string> stuck_;
  std::string stuck_why_;       // of the last of them
  std::int64_t cur_seen_ = -1;  // when cur/ last changed, as it was when last read
};

/// Is it one, and may its mail be moved? The error says how to mend it.
tl::expected<void, std::string> look_at_maildir(const std::string& maildir);

// POST /tlsrpt: RFC 8460 §5.4. Who may hand in a report, in what form and how often, and what it is
// answered. Thread-safe.

struct Post {
  std::string body;
  std::string media_type;  // of Content-Type
  std::string token;       // of ?token=, or of a Bearer header; never logged
  std::string address;     // of the client
};

struct Answer {
  int status = 500;
  std::string words;
  std::optional<Fate> fate{};  // where it was read
};

/// Every large sender together sends some hundred reports a day of a domain, most of them after midnight.
inline constexpr double kAtOnce = 200, kPerSecond = 20;
inline constexpr std::size_t kRead = 2;  // posts that are read and written down at once...
inline constexpr std::chrono::seconds kWaitForTurn{
    20};  // ...and how long others wait before they are sent away

class PostBox {
 public:
  using Steady = std::chrono::steady_clock::time_point;
  PostBox(Intake& intake, std::function<Steady()> now, std::chrono::milliseconds patience = kWaitForTurn)
      : intake_(intake), now_(std::move(now)), patience_(patience) {}

  Answer take(Post post);
  /// Why nobody who comes can be let in; nullopt: who is right can.
  std::optional<std::string> trouble() const;
  /// Nobody waits any longer: whoever does, or comes, is told to come again.
  void end();

 private:
  std::optional<Answer> refused(const Post& post, const TlsrptIntake& options);
  bool too_many();
  bool take_turn();
  void give_turn();

  Intake& intake_;
  const std::function<Steady()> now_;
  const std::chrono::milliseconds patience_;
  std::mutex mutex_;
  std::condition_variable turn_;
  double left_ = kAtOnce;  // posts that may come at once; guarded by mutex_, as is all below
  std::optional<Steady> counted_;
  std::size_t reading_ = 0;
  bool ending_ = false;
};

/// In the time of all of them: how much of a guess is right cannot be measured.
bool same_secret(std::string_view a, std::string_view b);

}  // namespace stswatch::reports
