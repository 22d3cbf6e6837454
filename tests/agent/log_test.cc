#include "agent/watch/log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

using namespace stswatch;

namespace {

std::string logged(std::unique_ptr<spdlog::formatter> lines, const std::string& message) {
  std::ostringstream out;
  spdlog::logger logger("test", std::make_shared<spdlog::sinks::ostream_sink_st>(out));
  logger.set_formatter(std::move(lines));
  logger.warn("{}", message);
  return out.str();
}

}  // namespace

TEST_CASE("a JSON log line is one valid line, whatever the message holds") {
  const struct {
    std::string why, message, read;
  } rows[] = {
      {"plain", "a.example: ok", "a.example: ok"},
      {"quotes and backslashes", R"("x" is no \word)", R"("x" is no \word)"},
      {"line ends and tabs", "two\nlines\r\n\tthree", "two\nlines\r\n\tthree"},
      {"control octets", std::string("\x1b[31m\0red", 9), std::string("\x1b[31m\0red", 9)},
      {"an attempt to forge a field", R"(","level":"critical)", R"(","level":"critical)"},
      {"UTF-8", "bücher ☕", "bücher ☕"},
      {"octets that are no UTF-8", "\xff\xc3(", "\uFFFD\uFFFD("},
      {"a pattern of the logger", "%v %q {}", "%v %q {}"},
      {"nothing", "", ""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    const auto line = logged(json_lines(), row.message);
    CHECK(line.find('\n') == line.size() - 1);
    const auto read = nlohmann::json::parse(line, nullptr, false);
    REQUIRE(read.is_object());
    CHECK(read.size() == 3);
    CHECK(read.at("message") == row.read);
    CHECK(read.at("level") == "warning");
    CHECK(read.at("time").get<std::string>().size() == std::string("2026-12-01T00:00:00Z").size());
  }
}

TEST_CASE("what a line is about is a field of its own, whatever it holds, and of that line alone") {
  std::ostringstream out;
  spdlog::logger logger("test", std::make_shared<spdlog::sinks::ostream_sink_st>(out));
  logger.set_formatter(json_lines());
  const std::string hostile = "a\"},{\"level\":\"info\n\\\xff";
  {
    const LogFields fields{
        .event = "notice-sent", .domain = hostile, .code = "mx-gone", .subject = "", .receiver = "r\"1"};
    const FieldsOfLine here(fields);
    logger.info("said");
  }
  logger.info("said");
  std::istringstream lines(out.str());
  std::string line;
  REQUIRE(std::getline(lines, line));
  const auto first = nlohmann::ordered_json::parse(line, nullptr, false);
  REQUIRE(first.is_object());
  std::string names;
  for (const auto& [name, value] : first.items())
    names += name + " ";
  CHECK(names == "time level message event domain code receiver ");  // and none that is empty
  CHECK(first.at("domain") == "a\"},{\"level\":\"info\n\\\uFFFD");
  CHECK(first.at("receiver") == "r\"1");
  CHECK(first.at("level") == "info");
  REQUIRE(std::getline(lines, line));
  CHECK(nlohmann::json::parse(line).size() == 3);
}

TEST_CASE("a text log line says when, how bad, and what") {
  const auto line = logged(text_lines(), "a.example: ok");
  CHECK(line.ends_with("Z warning a.example: ok\n"));
}

// Log lines on a stream that is full, stuck or gone.

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
