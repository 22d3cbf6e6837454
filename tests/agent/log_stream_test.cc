// Log lines on a stream that is full, stuck or gone.
#include "agent/watch/log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <spdlog/logger.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <string>

using namespace stswatch;

namespace {

spdlog::logger on(int fd) {
  spdlog::logger logger("test", std::make_shared<LogStream>(fd));
  logger.set_pattern("%v");
  return logger;
}

/// What is in the pipe now.
std::string drained(int fd) {
  ::fcntl(fd, F_SETFL, O_NONBLOCK);
  std::string all;
  std::array<char, 65536> part;
  for (ssize_t n = 0; (n = ::read(fd, part.data(), part.size())) > 0;)
    all.append(part.data(), static_cast<std::size_t>(n));
  return all;
}

}  // namespace

TEST_CASE("a stuck reader costs a moment once, and what was lost is said when it reads again") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  auto log = on(ends[1]);
  const std::string line(1000, 'x');
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 10'000; ++i)  // 10 MB; a pipe holds 64 KiB
    log.info(line);
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds{20});
  const auto before = drained(ends[0]);
  CHECK(before.starts_with(line + "\n"));
  CHECK(before.size() <= 65536);
  log.info("again");
  const auto after = drained(ends[0]);
  CHECK(after.find(" log lines were lost here") != std::string::npos);
  CHECK(after.ends_with("\nagain\n"));
  log.info(std::string(20'000, 'y'));  // longer than what a pipe takes at once
  CHECK(drained(ends[0]) == std::string(20'000, 'y') + "\n");
  std::signal(SIGPIPE, SIG_IGN);  // as the service does
  ::close(ends[0]);
  log.info("to nobody");
  ::close(ends[1]);
  log.info("to nothing");
}

TEST_CASE("a full disk takes nothing and stops nobody") {
  const int fd = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  REQUIRE(fd >= 0);
  auto log = on(fd);
  for (int i = 0; i < 100; ++i)
    log.info("lost");
  ::close(fd);
}
