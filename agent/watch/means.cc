#include "agent/watch/means.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <random>

#include "checks/facts/result.h"

namespace stswatch {
namespace {

constexpr Seconds kQuiet{60};

}  // namespace

void Means::lacked(const std::string& what, SteadyPoint now) {
  const std::lock_guard lock(mutex_);
  looks_ = now - last_ >= kQuiet ? 1 : std::min(looks_ + 1, 1000);
  last_ = now;
  what_ = what;
}

std::optional<std::string> Means::lacking(int confirmations, SteadyPoint now) const {
  const std::lock_guard lock(mutex_);
  if (looks_ < confirmations || now - last_ >= kQuiet) return std::nullopt;
  return what_;
}

namespace {

constexpr std::size_t kPerWorker = 2;     // a connection, and for a moment a question to the routing table
constexpr std::size_t kForOthers = 160;   // 112 HTTP clients, store, DNS, a dozen receivers
constexpr std::size_t kFewForOthers = 5;  // eighths, where there are not that many
constexpr std::size_t kFewest = 2;        // one of them looks at MX hosts

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0 || errno != EBADF; }

/// The lowest free number is `fd`, since those below it are open.
bool reserve(int fd) {
  if (::open("/dev/null", O_RDWR) == fd) return true;
  return ::open("/", O_PATH) == fd;  // a chroot without /dev: writes fail, which is as good
}

}  // namespace

bool open_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (!is_open(fd) && !reserve(fd)) return false;
  return true;
}

std::size_t descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return std::numeric_limits<std::size_t>::max();
  return limit.rlim_cur;
}

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);  // refused: what may be open stays as it was
  }
  return descriptor_limit();
}

std::size_t workers_within(std::size_t descriptors, std::size_t wanted) {
  const std::size_t others = std::min(kForOthers, descriptors / 8 * kFewForOthers);
  return std::min(wanted, std::max(kFewest, (descriptors - others) / kPerWorker));
}

std::string name_of_agent(const std::string& vantage) {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const std::string place = !vantage.empty() ? vantage : host[0] != '\0' ? host.data() : "agent";
  constexpr std::string_view kLetters = "bcdfghjkmnpqrstvwxz23456789";
  std::random_device random;
  std::string out = printable(place, 80) + "-";
  for (int i = 0; i < 5; ++i)
    out += kLetters[random() % kLetters.size()];
  return out;
}

}  // namespace stswatch
