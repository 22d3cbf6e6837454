#include "config/program/program.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <thread>

using namespace stswatch;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr auto kGuard = 10s;  // no test waits so long unless something is wrong

tl::expected<std::string, std::string> sh(const std::string& script, std::size_t most = 1 << 20) {
  return output_of({.words = {"sh", "-c", script}, .patience = kGuard, .output = most});
}

bool no_child_is_left() { return ::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD; }

/// A folder for one test.
struct Folder {
  fs::path path = fs::temp_directory_path() / ("stswatch-program-" + std::to_string(::getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
};

}  // namespace

TEST_CASE("a program's output is what it prints, its arguments are words and no script") {
  CHECK(sh("echo one; echo two") == "one\ntwo\n");
  CHECK(sh("printf %70000s x")->size() == 70000);  // more than a pipe holds
  CHECK(output_of({.words = {"printf", "%s|", "a b", "$HOME", ";"}}) == "a b|$HOME|;|");
  CHECK(sh("cat") == "");                              // no input
  CHECK(sh("echo noise >&2; echo name") == "name\n");  // and stderr is no name
  CHECK(sh("exec 1>&- 2>&-; kill -0 $$") == "");       // whoever closes its output has to end too
  CHECK(no_child_is_left());
}

TEST_CASE("a program runs in its folder, in a signal state as usual, with no descriptor of ours") {
  const Folder folder;
  std::ofstream(folder.path / "names.txt") << "example.com\n";
  std::ofstream(folder.path / "list") << "#!/bin/sh\ncat names.txt\n";
  ::chmod((folder.path / "list").c_str(), 0700);
  CHECK(output_of({.words = {"./list"}, .folder = folder.path.string()}) == "example.com\n");
  CHECK(find_program("./list", folder.path.string()));
  CHECK(find_program("sh", folder.path.string()));
  CHECK_FALSE(find_program("./names.txt", folder.path.string()));
  CHECK_FALSE(find_program("no-such-program-here", ""));
  ::signal(SIGPIPE, SIG_IGN);
  CHECK(sh("kill -PIPE $$; echo survived").error() == "sh: killed by signal 13");
  ::signal(SIGPIPE, SIG_DFL);
  const int ours = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC, as a library might
  CHECK(sh("test -e /proc/self/fd/" + std::to_string(ours) + " && echo leaked").error() == "sh: exit code 1");
  ::close(ours);
}

TEST_CASE("how a program failed is said, with what it wrote to stderr") {
  CHECK(sh("echo no such table >&2; exit 3").error() == "sh: exit code 3: no such table");
  CHECK(sh("kill -9 $$").error() == "sh: killed by signal 9");
  CHECK(output_of({.words = {"/no/such/program"}}).error() ==
        "/no/such/program: cannot be run: No such file or directory");
  CHECK(output_of({.words = {"/etc"}}).error().find("cannot be run: ") != std::string::npos);
  CHECK(output_of({.words = {"sh"}, .folder = "/no/such/folder"}).error().find("No such file") !=
        std::string::npos);
  const auto loud = sh("yes | head -c 3000000 >&2; exit 1").error();
  CHECK(loud.size() < 1100);
  CHECK(no_child_is_left());
}

TEST_CASE("a program that prints without end is ended") {
  CHECK(sh("yes example.com", 1000).error() == "sh: prints more than 1000 octets; killed");
  CHECK(sh("yes | head -c 1000", 1000)->size() == 1000);
  CHECK(no_child_is_left());
}

TEST_CASE("a program that does not end is ended with all that it started") {
  const Folder folder;
  const auto fifo = (folder.path / "alive").string();
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const int watch = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK);
  REQUIRE(watch >= 0);
  // Its child holds the FIFO open for as long as it lives.
  const auto done = output_of(
      {.words = {"sh", "-c", "(exec sleep 600) > \"$0\" & echo here >&2; sleep 600", fifo}, .patience = 1s});
  REQUIRE_FALSE(done);
  CHECK(done.error() == "sh: not done after 1 s; killed: here");
  CHECK(no_child_is_left());
  pollfd asked{watch, POLLIN, 0};
  CHECK(::poll(&asked, 1, 10'000) == 1);
  CHECK((asked.revents & POLLHUP) != 0);
  ::close(watch);
}

TEST_CASE("a program reads what it is given, and one that does not read it is no trouble") {
  const std::string much(3'000'000, 'x');
  const auto run = [&](const char* script) {
    return run_program({.words = {"sh", "-c", script}, .input = much, .patience = kGuard});
  };
  CHECK(run("cat")->out == much);
  CHECK(run("wc -c")->took_input);
  const auto deaf = run("exit 0");
  CHECK(deaf->good());
  CHECK_FALSE(deaf->took_input);
  CHECK(run_program({.words = {"env"}, .around = {"A=1"}})->out == "A=1\n");
  CHECK(no_child_is_left());
}

TEST_CASE("a program ends when the agent stops") {
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  const auto end = run_program({.words = {"sleep", "600"}, .patience = kGuard, .stop = stop.get_token()});
  CHECK(end->how == ProgramEnd::How::stopped);
  CHECK(no_child_is_left());
}

TEST_CASE("what a program leaves in the background is not waited for, and ended") {
  const auto began = std::chrono::steady_clock::now();
  CHECK(sh("sleep 600 & echo example.com") == "example.com\n");
  CHECK(std::chrono::steady_clock::now() - began < kGuard);
}
