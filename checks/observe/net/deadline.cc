#include "checks/observe/net/deadline.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <limits>
#include <system_error>

namespace stswatch {
namespace {

using Clock = std::chrono::steady_clock;

// Far enough for any look, near enough for the clock's arithmetic never to overflow.
constexpr Millis kLongest = std::chrono::hours{24 * 366};

Millis since(Clock::time_point start) { return std::chrono::round<Millis>(Clock::now() - start); }

/// Of this thread since it began: runnable, and not running (Documentation/scheduler/sched-stats of Linux,
/// its second number).
std::chrono::nanoseconds starved() {
  std::int64_t ran = 0, waited = 0;
  std::ifstream("/proc/thread-self/schedstat") >> ran >> waited;
  return std::chrono::nanoseconds(waited);
}

Failure local(Stage stage, int error) {
  return {stage, cause_of_errno(error), "poll: " + std::system_category().message(error)};
}

}  // namespace

Cancel::Cancel() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw std::system_error(errno, std::system_category(), "eventfd");
}

Cancel::~Cancel() { ::close(fd_); }

void Cancel::cancel() {
  const int saved = errno;  // a signal handler must leave it as it was
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then it is readable already.
  [[maybe_unused]] const auto written = ::write(fd_, &one, sizeof one);
  errno = saved;
}

bool Cancel::cancelled() const {
  pollfd asked{fd_, POLLIN, 0};
  return ::poll(&asked, 1, 0) > 0;
}

Deadline Deadline::in(Millis span, const Cancel* cancel) {
  Deadline deadline;
  deadline.begin_ = Clock::now();
  deadline.end_ = deadline.begin_ + std::clamp(span, Millis{0}, kLongest);
  deadline.cancel_ = cancel;
  return deadline;
}

Deadline Deadline::within(Millis span) const {
  Deadline nearer = in(span, cancel_);
  return nearer.end_ < end_ ? nearer : *this;
}

Millis Deadline::left() const {
  // Rounded up: a fraction of a millisecond left must not read as passed, nor make poll spin.
  return std::max(Millis{0}, std::chrono::ceil<Millis>(end_ - Clock::now()));
}

Result<short> Deadline::wait(int fd, short events, Stage stage) const {
  const auto start = Clock::now();
  std::array<pollfd, 2> fds{pollfd{fd, events, 0}, pollfd{cancel_ ? cancel_->fd() : -1, POLLIN, 0}};
  for (;;) {
    const auto span = std::min<Millis::rep>(left().count(), std::numeric_limits<int>::max());
    const int ready = ::poll(fds.data(), fds.size(), static_cast<int>(span));
    if (ready < 0 && errno != EINTR) return tl::unexpected(local(stage, errno));
    if (ready < 0) continue;
    if (fds[1].revents != 0) return tl::unexpected(Failure{stage, Cause::cancelled, "told to stop"});
    if ((fds[0].revents & POLLNVAL) != 0) return tl::unexpected(local(stage, EBADF));
    if (fds[0].revents != 0) return fds[0].revents;
    if (passed()) return tl::unexpected(timed_out(stage, since(start), since(begin_)));
  }
}

PeerTime::PeerTime() : begin_(Clock::now()), starved_(starved()) {}

Millis PeerTime::passed() const {
  const auto ours = starved() - starved_;  // in front: nothing is taken off that is not counted
  return std::max(Millis{0}, std::chrono::floor<Millis>(Clock::now() - begin_ - ours));
}

Failure timed_out(Stage stage, Millis waited, Millis all) {
  const bool gone_before = all - waited > std::max<Millis>(waited, std::chrono::seconds{1});
  return {stage, Cause::timeout,
          (waited.count() <= 0 ? "no time was left to wait" : "no answer within " + span_words(waited)) +
              (gone_before ? " (" + span_words(all) + " in all)" : "")};
}

std::string span_words(Millis span) {
  const auto ms = span.count();
  if (ms < 1000) return std::to_string(ms) + " ms";
  const auto tenths = (ms + 50) / 100;
  std::string words = std::to_string(tenths / 10);
  if (tenths < 100 && tenths % 10 != 0) words += "." + std::to_string(tenths % 10);
  return words + " s";
}

}  // namespace stswatch
