// A notice as a mail message: what RFC 5322, 2045 and 2047 allow, whatever is in the notice.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "alerts/sink.h"
#include "tests/alerts/dispatcher_world.h"

using namespace stswatch;
using namespace stswatch::alerts;

namespace {

std::string mail(const Notice& notice) {
  return to_mail(notice, "mail team", *parse_mailbox("stswatch <stswatch@example.net>"),
                 {*parse_mailbox("a@example.net"), *parse_mailbox("\"B, C\" <b@example.net>")}, kStart);
}

std::string head_of(const std::string& message) { return message.substr(0, message.find("\r\n\r\n") + 2); }

/// The value of a header, unfolded.
std::string header(const std::string& message, const std::string& name) {
  std::string head = "\r\n" + head_of(message);
  for (auto at = head.find("\r\n "); at != head.npos; at = head.find("\r\n "))
    head.erase(at, 2);
  const auto at = head.find("\r\n" + name + ": ");
  if (at == head.npos) return "(none)";
  const auto begin = at + name.size() + 4;
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

void check_lines(const std::string& message) {
  for (std::size_t i = 0; i < message.size(); ++i) {
    const auto c = static_cast<unsigned char>(message[i]);
    if (c == '\n') CHECK((i > 0 && message[i - 1] == '\r'));
    if (c == '\r') CHECK((i + 1 < message.size() && message[i + 1] == '\n'));
    if (c >= 0x7f || (c < ' ' && c != '\r' && c != '\n')) FAIL_CHECK("octet " << int{c} << " at " << i);
  }
  std::size_t longest = 0, now = 0;
  for (const char c : message)
    longest = std::max(longest, now = c == '\n' ? 0 : now + 1);
  CHECK(longest <= 998);
}

}  // namespace

TEST_CASE("a message says who, to whom, when and of what, and that no machine need answer") {
  const auto m = mail(page());
  check_lines(m);
  CHECK(header(m, "From") == "\"stswatch\" <stswatch@example.net>");
  CHECK(header(m, "To") == "<a@example.net>, \"B, C\" <b@example.net>");
  CHECK(header(m, "Date") == "Tue, 01 Dec 2026 00:00:00 +0000");
  CHECK(header(m, "Subject")
            .starts_with("[PAGE] example.com: enforcing senders cannot deliver since 2026-12-01T"));
  CHECK(header(m, "List-Id") == "<mail-team.stswatch.example.net>");
  CHECK(header(m, "Auto-Submitted") == "auto-generated");
  CHECK(header(m, "MIME-Version") == "1.0");
  CHECK(m.find("Content-Type: text/plain; charset=utf-8") < m.find("Content-Type: text/html; charset=utf-8"));
}

TEST_CASE("all notices of one problem are one thread, each delivery of one notice the same message") {
  auto first = page();
  auto last = first;
  last.kind = NoticeKind::resolved;
  last.key = std::string(first.thread()) + ".2";
  CHECK(header(mail(first), "References") == header(mail(last), "References"));
  CHECK(header(mail(first), "Message-ID") != header(mail(last), "Message-ID"));
  CHECK(header(mail(first), "Message-ID") == header(mail(first), "Message-ID"));
  CHECK(header(mail(first), "In-Reply-To") == header(mail(first), "References"));
}

TEST_CASE("no header and no recipient can be smuggled in") {
  auto n = page();
  n.title = "x\r\nBcc: victim@example.org\r\n\r\nbody \x01 \xff =?utf-8?Q?=0D=0ABcc:?=";
  n.key = "k\r\nX-Evil: 1.1";
  const auto m = mail(n);
  check_lines(m);
  for (const auto* evil : {"\r\nBcc:", "\r\nX-Evil:", "\nbody"})
    CHECK_MESSAGE(head_of(m).find(evil) == std::string::npos, evil);
  for (const auto* bad : {"a@b\r\nRCPT TO:<c@d>", "a b@c", "a@b>", "<a@b", "@b", "a@", "", "x <a@b> y",
                          "a\x01@b", "\"a b\"@c", "Name\r\nBcc: x <a@b>", "a@b,c@d"})
    CHECK_MESSAGE(!parse_mailbox(bad), bad);
  CHECK(parse_mailbox(" Jörg <j+x@example.net> ")->name == "Jörg");
}

TEST_CASE("what is not plain ASCII is encoded, in words that are short and whole (RFC 2047)") {
  CHECK(header_text("Subject", "plain") == "Subject: plain\r\n");
  CHECK(header_text("Subject", "§4.1") == "Subject: =?utf-8?Q?=C2=A74=2E1?=\r\n");
  const auto folded = header_text("Subject", std::string(60, 'a') + " " + std::string(60, 'b'));
  CHECK(folded == "Subject: " + std::string(60, 'a') + "\r\n " + std::string(60, 'b') + "\r\n");
  std::string text;
  for (int i = 0; i < 60; ++i)
    text += "§ä€";
  const auto encoded = header_text("Subject", text);
  std::string decoded;
  std::size_t line = 0;
  for (std::size_t at = 0; (at = encoded.find("=?utf-8?Q?", at)) != encoded.npos;) {
    const auto end = encoded.find("?=", at + 10);
    CHECK(end + 2 - at <= 75);
    const auto word = encoded.substr(at + 10, end - at - 10);
    for (std::size_t i = 0; i < word.size(); i += 3)
      decoded += static_cast<char>(std::stoi(word.substr(i + 1, 2), nullptr, 16));
    at = end;
    ++line;
  }
  CHECK(decoded == text);
  CHECK(line > 1);
}

TEST_CASE("quoted-printable: short lines, nothing foreign, and back again") {
  CHECK(quoted_printable("a=b") == "a=3Db");
  CHECK(quoted_printable("end \nnext\t") == "end=20\r\nnext=09");
  CHECK(quoted_printable("§") == "=C2=A7");
  std::string text;
  for (int i = 0; i < 300; ++i)
    text += i % 50 == 49 ? "\n" : i % 7 == 0 ? "€" : "x ";
  const auto encoded = quoted_printable(text);
  std::string back;
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    if (encoded.compare(i, 3, "=\r\n") == 0) {
      i += 2;
    } else if (encoded[i] == '=') {
      back += static_cast<char>(std::stoi(encoded.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else if (encoded[i] != '\r') {
      back += encoded[i];
    }
  }
  CHECK(back == text);
  std::size_t now = 0;
  for (const char c : encoded)
    CHECK((now = c == '\n' ? 0 : now + 1) <= 77);  // 76 and the CR
}

// Mail by a local program: what it is given, and what becomes of each way in which it ends.

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
