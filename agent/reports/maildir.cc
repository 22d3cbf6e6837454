#include "agent/reports/maildir.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <set>

#include "checks/facts/result.h"
#include "checks/reports/read.h"

namespace stswatch::reports {
namespace {

constexpr std::size_t kFiles = 256;              // of one batch: one sync of the disk for all of them
constexpr std::size_t kListed = 4096;            // names of one listing
constexpr std::size_t kBatchOctets = 8U << 20U;  // of one batch, but for its last file
constexpr std::size_t kStuck = 65'536;           // names that are remembered

struct CloseFolder {
  void operator()(DIR* d) const { ::closedir(d); }
};

class File {
 public:
  explicit File(const std::string& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  /// As much as a report may have, and one octet more; errno says why not.
  std::optional<std::string> read() const {
    struct stat s {};
    if (fd_ < 0 || ::fstat(fd_, &s) != 0) return std::nullopt;
    if (!S_ISREG(s.st_mode)) {
      errno = EINVAL;
      return std::nullopt;
    }
    std::string out(std::min(static_cast<std::size_t>(s.st_size), kPacked + 1), '\0');
    std::size_t size = 0;
    while (size < out.size()) {
      const auto n = ::read(fd_, out.data() + size, out.size() - size);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return std::nullopt;
      if (n == 0) break;
      size += static_cast<std::size_t>(n);
    }
    out.resize(size);
    return out;
  }

 private:
  int fd_;
};

std::string why(int error) { return std::strerror(error); }

using Names = std::vector<std::string>;

/// Those that `wanted` likes, in whatever order the folder has them; bounded.
template <class Wanted>
tl::expected<Names, std::string> names_in(const std::string& folder, Wanted wanted) {
  const std::unique_ptr<DIR, CloseFolder> dir(::opendir(folder.c_str()));
  if (!dir) return tl::make_unexpected("cannot read " + folder + ": " + why(errno));
  Names out;
  while (out.size() < kListed) {
    const auto* entry = ::readdir(dir.get());
    if (entry == nullptr) break;
    if (entry->d_name[0] != '.' && wanted(std::string_view(entry->d_name))) out.emplace_back(entry->d_name);
  }
  return out;
}

constexpr std::string_view kInfo = ":2,";  // what follows are flags, in the order of the alphabet

std::string_view flags_of(std::string_view name) {
  const auto at = name.rfind(kInfo);
  return at == name.npos ? std::string_view() : name.substr(at + kInfo.size());
}

bool unseen(std::string_view name) { return flags_of(name).find('S') == std::string_view::npos; }

}  // namespace

tl::expected<void, std::string> look_at_maildir(const std::string& maildir) {
  for (const char* folder : {"/new", "/cur"}) {
    const auto path = maildir + folder;
    struct stat s {};
    if (::stat(path.c_str(), &s) != 0 || !S_ISDIR(s.st_mode))
      return tl::make_unexpected("tlsrpt.maildir " + maildir + " is no Maildir: there is no folder " + path);
    if (::access(path.c_str(), R_OK | W_OK | X_OK) != 0)
      return tl::make_unexpected("tlsrpt.maildir: " + path +
                                 " cannot be written by this user: mail that was read " +
                                 "is moved from new/ to cur/");
  }
  return {};
}

/// In new/; and in cur/, where that has changed since it was last read to its end.
tl::expected<std::vector<Maildir::Mail>, std::string> Maildir::waiting() {
  std::vector<Mail> out;
  const auto add = [&](const char* folder, Names names) {
    for (auto& name : names)
      out.push_back({path_ + folder, std::move(name)});
  };
  const auto not_stuck = [&](std::string_view name) {
    return stuck_.empty() || !stuck_.contains("/new/" + std::string(name));
  };
  auto fresh = names_in(path_ + "/new", not_stuck);
  if (fresh && fresh->empty() && !stuck_.empty()) {
    stuck_.clear();
    fresh = names_in(path_ + "/new", not_stuck);
  }
  if (!fresh) return tl::make_unexpected(fresh.error());
  add("/new/", std::move(*fresh));
  struct stat s {};
  if (::stat((path_ + "/cur").c_str(), &s) != 0)
    return tl::make_unexpected("cannot read " + path_ + "/cur: " + why(errno));
  if (out.size() >= kFiles) return out;
  const auto changed = s.st_mtim.tv_sec * 1'000'000'000 + s.st_mtim.tv_nsec;
  if (changed == cur_seen_) return out;
  auto moved = names_in(path_ + "/cur", [&](std::string_view name) {
    return unseen(name) && (stuck_.empty() || !stuck_.contains("/cur/" + std::string(name)));
  });
  if (!moved) return tl::make_unexpected(moved.error());
  if (moved->empty()) cur_seen_ = changed;
  add("/cur/", std::move(*moved));
  return out;
}

/// cur/NAME:2,S: seen; F as well where somebody should look at it. A name that is taken is not written over.
bool Maildir::move(const Mail& mail, bool flagged) const {
  const auto at = mail.name.rfind(kInfo);
  const auto base = mail.name.substr(0, at);
  const auto had = flags_of(mail.name);
  std::set<char> flags(had.begin(), had.end());
  flags.insert('S');
  if (flagged) flags.insert('F');
  const auto info = std::string(kInfo) + std::string(flags.begin(), flags.end());
  for (int copy = 0; copy < 100; ++copy) {
    const auto to = path_ + "/cur/" + base + (copy == 0 ? "" : "." + std::to_string(copy)) + info;
    if (::renameat2(AT_FDCWD, (mail.folder + mail.name).c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0)
      return true;
    if (errno == EEXIST) continue;
    const int error = errno;
    struct stat s {};
    if (error == ENOENT && ::lstat((mail.folder + mail.name).c_str(), &s) != 0 && errno == ENOENT)
      return true;  // somebody else moved it: a mail reader
    errno = error;
    return false;
  }
  return false;
}

void Maildir::pass_over(const Mail& mail, const std::string& reason) {
  stuck_why_ = mail.folder + printable(mail.name) + ": " + reason;
  if (stuck_.size() < kStuck) stuck_.insert(mail.folder.substr(path_.size()) + mail.name);
}

tl::expected<MaildirTurn, std::string> Maildir::turn(Intake& intake) {
  const auto mails = waiting();
  if (!mails) return tl::make_unexpected(mails.error());
  MaildirTurn turn;
  std::vector<Handed> handed;
  std::vector<Mail> taken;
  std::size_t octets = 0;
  const auto full = [&] { return octets >= kBatchOctets || taken.size() == kFiles; };
  for (const auto& mail : *mails) {
    if (full()) break;
    auto read = File(mail.folder + mail.name).read();
    if (!read) {
      if (errno != ENOENT) pass_over(mail, why(errno));
      continue;
    }
    octets += read->size();
    taken.push_back(mail);
    handed.push_back({.octets = std::move(*read), .source = mail.name, .media_type = "", .stays = true});
  }
  const auto outcomes = intake.take(handed);
  if (!outcomes) return tl::make_unexpected(outcomes.error());
  for (std::size_t i = 0; i < taken.size(); ++i) {
    bool flagged = false;
    const auto note = [&](const Outcome& outcome) {
      ++turn.fates[outcome.fate];
      flagged |= outcome.fate == Fate::unreadable || outcome.fate == Fate::unauthenticated;
    };
    note((*outcomes)[i]);
    std::ranges::for_each((*outcomes)[i].further, note);
    if (move(taken[i], flagged))
      ++turn.moved;
    else
      pass_over(taken[i], why(errno));
  }
  if (!stuck_.empty())
    turn.trouble =
        (stuck_.size() == 1 ? "a mail" : std::to_string(stuck_.size()) + " mails, the last of them") + " " +
        stuck_why_;
  turn.more = turn.moved > 0 && (full() || mails->size() == kListed);
  return turn;
}

}  // namespace stswatch::reports
