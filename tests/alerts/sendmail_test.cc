// Mail by a local program: what it is given, and what becomes of each way in which it ends.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "alerts/sendmail.h"

using namespace stswatch;
using namespace std::chrono_literals;
using Kind = SendResult::Kind;

namespace {

/// A folder with a script that stands for sendmail.
class Program {
 public:
  explicit Program(const std::string& script) {
    std::filesystem::create_directories(folder_);
    std::ofstream(path()) << "#!/bin/sh\ncd " << folder_ << "\n" << script << "\n";
    ::chmod(path().c_str(), 0755);
  }
  ~Program() { std::filesystem::remove_all(folder_); }
  std::string path() const { return folder_ + "/sendmail"; }
  std::string left(const std::string& name) const {
    std::ifstream in(folder_ + "/" + name);
    return (std::ostringstream() << in.rdbuf()).str();
  }
  SendResult sends(std::string message = "Subject: x\r\n\r\nhi\r\n", std::chrono::milliseconds patience = 30s,
                   const std::stop_token& stop = {}) const {
    return hand_to_sendmail(
        {path(), "watch@example.net", {"-v@example.net", "b@example.net"}, std::move(message), patience},
        stop);
  }

 private:
  inline static int count_ = 0;
  const std::string folder_ =
      "/tmp/stswatch-test-sendmail-" + std::to_string(::getpid()) + "-" + std::to_string(++count_);
};

}  // namespace

TEST_CASE(
    "the program gets sender and recipients as words, the message with Unix line ends, and no environment") {
  const Program program(
      "for word in \"$@\"; do echo \"$word\"; done > words; cat > message; env | sort > env");
  ::setenv("STSWATCH_TEST_HUSH", "hush", 1);
  CHECK(program.sends("Subject: x\r\n\r\n.\r\na\rb\r\n").kind == Kind::sent);
  CHECK(program.left("words") == "-i\n-f\nwatch@example.net\n--\n-v@example.net\nb@example.net\n");
  CHECK(program.left("message") == "Subject: x\n\n.\na\rb\n");
  CHECK(program.left("env").find("hush") == std::string::npos);
}

TEST_CASE("a message larger than any buffer arrives whole while the program talks") {
  const Program program("head -c 300000 /dev/zero | tr '\\0' y >&2; cat > message");
  const std::string large(2'000'000, 'x');
  CHECK(program.sends(large).kind == Kind::sent);
  CHECK(program.left("message") == large);
}

TEST_CASE("exit codes: what is tried again, what is refused, what the program says") {
  struct Row {
    int code;
    Kind kind;
    const char* reason;
  };
  for (const auto& [code, kind, reason] :
       {Row{75, Kind::failed, "throttled"}, Row{67, Kind::refused, "rejected"},
        Row{65, Kind::refused, "rejected"}, Row{78, Kind::failed, "config"}, Row{1, Kind::failed, "server"},
        Row{127, Kind::failed, "server"}}) {
    const Program program("cat > /dev/null; printf 'postdrop: no \\033[31mway\\n' >&2; exit " +
                          std::to_string(code));
    const auto result = program.sends();
    CHECK_MESSAGE(result.kind == kind, code);
    CHECK_MESSAGE(result.reason == reason, code);
    CHECK(result.detail.starts_with("exit code " + std::to_string(code) + ": postdrop: no "));
    CHECK(result.detail.find('\x1b') == std::string::npos);
  }
  CHECK(Program("kill -9 $$").sends().detail == "killed by signal 9");
  CHECK(Program("exit 0").sends(std::string(2'000'000, 'x')).kind == Kind::failed);
}

TEST_CASE("a program that is not there, hangs, or is to stop") {
  const auto missing = hand_to_sendmail({"/nonexistent/sendmail", "a@b.example", {"c@d.example"}, "x"}, {});
  CHECK(missing.kind == Kind::failed);
  CHECK(missing.reason == "config");
  const Program deaf("sleep 600 & wait");
  const auto late = deaf.sends(std::string(2'000'000, 'x'), 200ms);
  CHECK(late.kind == Kind::failed);
  CHECK(late.reason == "timeout");
  const Program slow("cat > message; sleep 600");
  CHECK(slow.sends("x", 500ms).kind == Kind::doubtful);
  std::stop_source stop;
  stop.request_stop();
  CHECK(deaf.sends("x", 600s, stop.get_token()).reason == "timeout");
}
