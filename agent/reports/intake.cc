#include "agent/reports/intake.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>

#include "checks/facts/result.h"
#include "checks/facts/text.h"
#include "checks/reports/read.h"

namespace stswatch::reports {
namespace {

constexpr int kTidyingTurns = 20;
constexpr std::size_t kUnwritten = 8U << 20U;  // octets of what was read, before it is written down

std::size_t weight(const TlsReport& report) {
  std::size_t out = sizeof report + report.organization.size() + report.report_id.size();
  for (const auto& policy : report.policies) {
    out += sizeof policy + policy.domain.size();
    for (const auto* texts : {&policy.policy_string, &policy.mx_host})
      for (const auto& each : *texts)
        out += sizeof each + each.size();
    for (const auto& f : policy.failures)
      out += sizeof f + f.result_type.size() + f.sending_ip.size() + f.mx.size() + f.helo.size() +
             f.receiving_ip.size() + f.information.size() + f.reason.size();
  }
  return out;
}

/// What can be said before the book is asked.
std::optional<Outcome> refused(const Reading& reading, const TlsrptIntake& options) {
  if (reading.parse == Reading::Parse::no_report) return Outcome{Fate::no_report, reading.why};
  if (reading.parse == Reading::Parse::reject) return Outcome{Fate::unreadable, reading.why};
  // RFC 8460 §3: a mailed report without a valid signature of the reporting domain "MUST be ignored". Where
  // no MTA's word is configured, nobody has looked, and that is no proof of anything.
  if (reading.mail && !options.authserv_id.empty() && !reading.mail->authenticated())
    return Outcome{Fate::unauthenticated,
                   reading.mail->verified_here
                       ? "no good DKIM signature of " + printable(reading.mail->from_domain)
                       : "no Authentication-Results of " + options.authserv_id + " in it"};
  return std::nullopt;
}

/// The outcomes of what came together, under the first of them.
std::vector<Outcome> by_source(std::vector<Outcome> all, const std::vector<std::size_t>& counts) {
  std::vector<Outcome> out;
  auto next = std::make_move_iterator(all.begin());
  for (const std::size_t count : counts) {
    out.push_back(*next++);
    for (std::size_t i = 1; i < count; ++i)
      out.back().further.push_back(*next++);
  }
  return out;
}

}  // namespace

void Intake::adopt(const TlsrptIntake& options, std::set<std::string> domains) {
  book_.watch(std::move(domains));
  const std::lock_guard lock(mutex_);
  options_ = options;
}

TlsrptIntake Intake::options() const {
  const std::lock_guard lock(mutex_);
  return options_;
}

/// One at a time, whoever handed it in: unpacked it may be of 10 MiB.
Reading Intake::read(const Handed& each, const TlsrptIntake& options) {
  const std::lock_guard lock(reading_);
  return read_tls_report(
      each.octets,
      {.media_type = each.media_type, .file_name = each.source, .authserv_id = options.authserv_id});
}

tl::expected<std::vector<Outcome>, std::string> Intake::take(const std::vector<Handed>& handed) {
  const auto options = this->options();
  std::vector<Outcome> outcomes;    // of each report, in order
  std::vector<std::size_t> counts;  // how many of them each that was handed has
  std::vector<Arrival> arrivals;
  std::vector<std::size_t> places;  // of the arrivals, among the outcomes
  std::vector<Aside> asides;
  std::map<Fate, std::uint64_t> turned_away;
  const auto now = now_();
  std::size_t unwritten = 0;
  const auto write_down = [&]() -> tl::expected<void, std::string> {
    if (arrivals.empty()) return {};
    const auto fates = book_.take(arrivals, now);
    if (!fates) return tl::make_unexpected(fates.error());
    for (std::size_t i = 0; i < places.size(); ++i)
      outcomes[places[i]].fate = (*fates)[i];
    const std::lock_guard lock(mutex_);
    for (const auto fate : *fates)
      ++fates_[fate];
    arrivals.clear();
    places.clear();
    unwritten = 0;
    return {};
  };
  const auto add = [&](Reading& reading, const Handed& each) {
    if (auto no = refused(reading, options)) {
      if (no->fate != Fate::no_report)
        asides.push_back({.source = each.source,
                          .why = no->why,
                          .octets = each.stays ? std::string() : each.octets,
                          .about = reading.about,
                          .reporter = reading.mail ? reading.mail->from_domain : std::string(),
                          .kind = no->fate == Fate::unauthenticated ? NotCounted::Kind::unauthenticated
                                                                    : NotCounted::Kind::malformed});
      outcomes.push_back(std::move(*no));
      ++turned_away[outcomes.back().fate];
      return;
    }
    unwritten += weight(reading.report);
    places.push_back(outcomes.size());
    outcomes.emplace_back();
    arrivals.push_back({std::move(reading.report), std::move(reading.about)});
  };
  for (const auto& each : handed) {
    auto reading = read(each, options);
    counts.push_back(1 + reading.further.size());
    add(reading, each);
    for (auto& further : reading.further)
      add(further, each);
    if (unwritten < kUnwritten) continue;
    if (auto written = write_down(); !written) return tl::make_unexpected(std::move(written.error()));
  }
  if (auto written = write_down(); !written) return tl::make_unexpected(std::move(written.error()));
  if (!asides.empty())
    if (auto kept = book_.put_aside(asides, now); !kept) return tl::make_unexpected(kept.error());
  const std::lock_guard lock(mutex_);
  for (const auto& [fate, n] : turned_away)
    fates_[fate] += n;
  return by_source(std::move(outcomes), counts);
}

tl::expected<void, std::string> Intake::tidy() {
  for (int turn = 0; turn < kTidyingTurns; ++turn) {
    const auto more = book_.tidy(now_());
    if (!more) return tl::make_unexpected(more.error());
    if (!*more) break;
  }
  return {};
}

Figures Intake::figures() {
  Figures out;
  out.domains = book_.figures();
  const std::lock_guard lock(mutex_);
  out.taking = options_.http || !options_.maildir.empty();
  out.fates = fates_;
  return out;
}

// Mail that a Maildir holds.

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

// Reports by POST.

namespace {

/// RFC 8460 §6.4, §6.5, and what senders write who mean the same.
bool known_type(std::string_view told) {
  const auto type = text::trim(told.substr(0, told.find(';')));
  constexpr std::array<std::string_view, 6> kTypes{"application/tlsrpt+gzip", "application/tlsrpt+json",
                                                   "application/gzip",        "application/x-gzip",
                                                   "application/json",        "application/zip"};
  return std::ranges::any_of(kTypes, [&](auto each) { return text::iequals(type, each); });
}

/// The first line of the file; nullopt where it cannot be read, or holds none.
std::optional<std::string> secret_in(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  if (!in || !std::getline(in, line)) return std::nullopt;
  while (!line.empty() && (line.back() == '\r' || text::is_wsp(line.back())))
    line.pop_back();
  return line.empty() ? std::nullopt : std::optional(line);
}

/// RFC 8460 §5.4, §5.5: a success for what is here, also if it was here before; 5xx where the sender should
/// try again, 4xx where that would help nobody.
Answer answer_of(const Outcome& outcome) {
  switch (outcome.fate) {
    case Fate::stored:
      return {201, "stored", outcome.fate};
    case Fate::duplicate:
      return {200, "known already", outcome.fate};
    case Fate::foreign:
      return {422, "this report is about no domain that is watched here", outcome.fate};
    case Fate::outdated:
      return {422, "this report is about days too long ago, or to come", outcome.fate};
    default:
      return {400, "no TLS report can be read: " + outcome.why, outcome.fate};
  }
}

}  // namespace

bool same_secret(std::string_view a, std::string_view b) {
  unsigned differs = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size(); ++i)
    differs |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b.empty() ? 0 : b[i % b.size()]);
  return differs == 0;
}

std::optional<std::string> PostBox::trouble() const {
  const auto options = intake_.options();
  if (!options.http || options.token_file.empty() || secret_in(options.token_file)) return std::nullopt;
  return "tlsrpt.token_file " + options.token_file + " cannot be read, or is empty: nobody is let in";
}

bool PostBox::too_many() {
  const std::lock_guard lock(mutex_);
  const auto now = now_();
  if (counted_)
    left_ = std::min(kAtOnce, left_ + kPerSecond * std::chrono::duration<double>(now - *counted_).count());
  counted_ = now;
  if (left_ < 1) return true;
  left_ -= 1;
  return false;
}

std::optional<Answer> PostBox::refused(const Post& post, const TlsrptIntake& options) {
  if (!options.http) return Answer{404, "no reports are taken here: see tlsrpt.http"};
  if (!options.token_file.empty()) {
    const auto secret = secret_in(options.token_file);
    if (!secret) return Answer{503, "the token cannot be compared: see the log of the service"};
    if (!same_secret(*secret, post.token)) return Answer{401, "the token is missing or wrong"};
  }
  if (!known_type(post.media_type))
    return Answer{415, "expected application/tlsrpt+gzip or application/tlsrpt+json (RFC 8460 section 5.4)"};
  if (too_many()) return Answer{429, "too many reports at once: try again later"};
  return std::nullopt;
}

bool PostBox::take_turn() {
  std::unique_lock lock(mutex_);
  const bool mine = turn_.wait_for(lock, patience_, [&] { return ending_ || reading_ < kRead; }) && !ending_;
  if (mine) ++reading_;
  return mine;
}

void PostBox::give_turn() {
  const std::lock_guard lock(mutex_);
  --reading_;
  turn_.notify_one();
}

void PostBox::end() {
  const std::lock_guard lock(mutex_);
  ending_ = true;
  turn_.notify_all();
}

Answer PostBox::take(Post post) {
  const auto options = intake_.options();
  if (auto no = refused(post, options)) return std::move(*no);
  if (!take_turn()) return {503, "too many reports are being read: post it again later"};
  struct Turn {
    PostBox& box;
    ~Turn() { box.give_turn(); }
  } const turn{*this};
  // Its type said JSON or a packed one: a mail is none of them.
  std::vector<Handed> handed(1);
  handed[0] = {.octets = std::move(post.body), .source = post.address, .media_type = post.media_type};
  const auto outcomes = intake_.take(handed);
  if (!outcomes) return {503, "it cannot be stored now: try again later"};
  // Of several the first that was stored speaks: the sender need not send it again.
  const auto& first = outcomes->front();
  const auto stored = std::ranges::find(first.further, Fate::stored, &Outcome::fate);
  return answer_of(first.fate != Fate::stored && stored != first.further.end() ? *stored : first);
}

}  // namespace stswatch::reports
