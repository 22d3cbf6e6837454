#include "agent/watch/report_watch.h"

#include "agent/watch/log.h"
#include "agent/watch/reload.h"
#include "checks/facts/result.h"
#include "checks/facts/text.h"
#include "checks/judge/verdict.h"

namespace stswatch {
namespace {

constexpr Seconds kOften{5};  // reports come once a day; somebody who tests one does not want to wait
constexpr Seconds kTidyEvery{3600};

}  // namespace

tl::expected<std::unique_ptr<ReportWatch>, std::string> ReportWatch::open(const std::string& state,
                                                                          Clock& clock) {
  auto book = reports::Book::open(state);
  if (!book) return tl::make_unexpected(book.error());
  return std::unique_ptr<ReportWatch>(new ReportWatch(std::move(*book), clock));
}

ReportWatch::ReportWatch(std::unique_ptr<reports::Book> book, Clock& clock)
    : book_(std::move(book)),
      clock_(clock),
      intake_(*book_, [&clock] { return clock.now(); }),
      box_(intake_, [] { return std::chrono::steady_clock::now(); }) {}

ReportWatch::~ReportWatch() { stop(); }

void ReportWatch::adopt(const LiveConfig& plan) {
  intake_.adopt(plan.config.tlsrpt, watched_names(plan));
  const std::lock_guard lock(mutex_);
  wake_.notify_all();
}

void ReportWatch::start() {
  thread_ = std::thread([this] { run(); });
}

void ReportWatch::stop() {
  box_.end();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void ReportWatch::run() {
  for (;;) {
    empty_maildir();
    const auto now = clock_.steady();
    if (!tidied_ || now - *tidied_ >= kTidyEvery) {
      tidied_ = now;
      if (const auto done = intake_.tidy(); !done)
        log_error({.event = "reports-failed"}, "old TLS reports stay: {}", done.error());
    }
    std::unique_lock lock(mutex_);
    if (!stopping_) clock_.wait_until(wake_, lock, now + kOften);
    if (stopping_) return;
  }
}

void ReportWatch::empty_maildir() {
  const auto path = intake_.options().maildir;
  if (path.empty()) {
    maildir_.reset();
    return tell("");
  }
  if (!maildir_ || maildir_->path() != path) {
    if (const auto fit = reports::look_at_maildir(path); !fit) return tell(fit.error());
    maildir_ = std::make_unique<reports::Maildir>(path);
  }
  while (one_batch()) {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
  }
}

/// True when there is more.
bool ReportWatch::one_batch() {
  const auto turn = maildir_->turn(intake_);
  if (!turn) {
    tell(turn.error());
    return false;
  }
  tell(turn->trouble);
  if (turn->moved > 0) {
    std::string words;
    for (const auto& [fate, n] : turn->fates)
      text::add(words, ", ", std::to_string(n) + " " + std::string(to_string(fate)));
    log_info({.event = "reports-taken", .subject = maildir_->path()}, "TLS reports from {}: {}",
             maildir_->path(), words);
  }
  return turn->more;
}

void ReportWatch::tell(const std::string& trouble) {
  {
    const std::lock_guard lock(mutex_);
    if (trouble == trouble_) return;
    trouble_ = trouble;
  }
  if (trouble.empty())
    log_info({.event = "reports-recovered"}, "TLS reports are taken again");
  else
    log_error({.event = "reports-failed"}, "TLS reports wait: {}", trouble);
}

std::optional<std::string> ReportWatch::trouble() const {
  if (auto why = box_.trouble()) return why;
  const std::lock_guard lock(mutex_);
  return trouble_.empty() ? std::nullopt : std::optional(trouble_);
}

std::shared_ptr<const DomainReports> ReportWatch::of(const std::string& domain) {
  if (!book_->knows(domain)) return nullptr;
  return std::make_shared<DomainReports>(book_->of(domain, clock_.now() - kReportsJudged));
}

ReportAnswer ReportWatch::post(ReportPost post) {
  const auto address = post.address;
  const auto answer = box_.take({.body = std::move(post.body),
                                 .media_type = std::move(post.media_type),
                                 .token = std::move(post.token),
                                 .address = address});
  if (answer.fate && answer.status >= 400)
    log_warning({.event = "report-refused"}, "a TLS report posted by {} was not counted: {}", address,
                printable(answer.words));
  if (answer.status == 503)
    log_error({.event = "reports-failed"}, "TLS reports cannot be taken by POST: {}", answer.words);
  return {answer.status, answer.words};
}

}  // namespace stswatch
