// The process' own descriptors: what the program does before anything else.
#include "agent/watch/means.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <initializer_list>
#include <limits>

using namespace stswatch;

namespace {

/// What a child process returns from `act`; the parent's streams and limits stay as they are.
template <class Act>
int in_child(Act act) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(act());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool same_file(int fd, const char* path) {
  struct stat a {
  }, b{};
  return ::fstat(fd, &a) == 0 && ::stat(path, &b) == 0 && a.st_rdev == b.st_rdev && a.st_ino == b.st_ino;
}

}  // namespace

TEST_CASE("standard streams that were closed lead to /dev/null, whichever they are; others stay") {
  for (const unsigned closed : {0U, 1U, 2U, 4U, 6U, 5U, 7U}) {
    CAPTURE(closed);
    const int wrong = in_child([&] {
      for (int fd = 0; fd < 3; ++fd)
        if ((closed >> fd & 1U) != 0) ::close(fd);
      if (!open_standard_streams()) return 1;
      for (int fd = 0; fd < 3; ++fd)
        if ((closed >> fd & 1U) != 0 && !same_file(fd, "/dev/null")) return 2;
      const int next = ::open("/dev/null", O_RDONLY);
      return next > 2 ? 0 : 3;
    });
    CHECK(wrong == 0);
  }
}

TEST_CASE("the limit becomes the hard one") {
  const int wrong = in_child([] {
    const rlimit little{64, 128};
    if (::setrlimit(RLIMIT_NOFILE, &little) != 0) return 1;
    if (descriptor_limit() != 64) return 2;
    return raise_descriptor_limit() == 128 && descriptor_limit() == 128 ? 0 : 3;
  });
  CHECK(wrong == 0);
}

TEST_CASE("workers have two descriptors each, and leave some to the rest of the process") {
  struct Row {
    std::size_t descriptors, wanted, workers;
  };
  for (const Row& row : {Row{std::numeric_limits<std::size_t>::max(), 1024, 1024}, Row{1 << 20, 256, 256},
                         Row{1024, 256, 256}, Row{1024, 1024, 432}, Row{256, 256, 48}, Row{64, 256, 12},
                         Row{64, 4, 4}, Row{8, 256, 2}, Row{0, 256, 2}}) {
    CAPTURE(row.descriptors);
    CHECK(workers_within(row.descriptors, row.wanted) == row.workers);
  }
}
