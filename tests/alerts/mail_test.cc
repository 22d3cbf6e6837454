// A notice as a mail message: what RFC 5322, 2045 and 2047 allow, whatever is in the notice.
#include <doctest/doctest.h>

#include <algorithm>

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
