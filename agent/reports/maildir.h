// A Maildir that reports are delivered to: what is in new/ is written into the book, on the disk, and only
// then moved to cur/. Where the process dies in between, the mail is found in new/ again and is a duplicate:
// never lost, never counted twice. A mail reader may have moved it to cur/ first: what is not
// marked seen there is taken as well. What cannot be read goes to cur/ too, flagged, for somebody to look at.
#pragma once

#include <set>
#include <string>
#include <tl/expected.hpp>

#include "agent/reports/intake.h"

namespace stswatch::reports {

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

}  // namespace stswatch::reports
