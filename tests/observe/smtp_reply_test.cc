#include "checks/observe/smtp.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "checks/facts/bounds.h"

using namespace stswatch;

namespace {

/// All replies in `octets`, fed in pieces of `step`; the failure, if any, ends them.
struct Heard {
  std::vector<SmtpReply> replies;
  std::optional<Failure> failure;
};

Heard hear(std::string_view octets, std::size_t step) {
  SmtpReplyReader reader;
  Heard heard;
  for (std::size_t at = 0; at < octets.size(); at += step) {
    reader.feed(octets.substr(at, step));
    for (;;) {
      auto next = reader.next(Stage::ehlo);
      if (!next) {
        heard.failure = next.error();
        return heard;
      }
      if (!*next) break;
      heard.replies.push_back(**next);
    }
  }
  return heard;
}

}  // namespace

TEST_CASE("replies, whole and octet by octet") {
  const struct {
    std::string why;
    std::string input;
    std::vector<std::string> first_lines;
    std::optional<Cause> cause;
  } rows[] = {
      {"one line", "220 mx.example.com ESMTP\r\n", {"220 mx.example.com ESMTP"}, {}},
      {"several lines are one reply", "220-mx\r\n220-no spam\r\n220 go\r\n", {"220 mx"}, {}},
      {"two replies", "220 a\r\n250 b\r\n", {"220 a", "250 b"}, {}},
      {"code alone", "220\r\n", {"220"}, {}},
      {"code and space", "220 \r\n", {"220"}, {}},
      {"empty continuation", "250-\r\n250 ok\r\n", {"250"}, {}},
      {"bare line feed", "220 a\n", {"220 a"}, {}},
      {"not yet complete", "220-a\r\n", {}, {}},
      {"line not yet complete", "220 a", {}, {}},
      {"NUL in the text (RFC 5321 §4.2)", std::string("220 a\0b\r\n", 9), {}, Cause::malformed},
      {"8-bit text is made printable", "220 \xc3\xbc\r\n", {"220 \\xC3\\xBC"}, {}},
      {"second digit above 5", "554-x\r\n554 x\r\n582 y\r\n", {"554 x", "582 y"}, {}},
      {"another protocol", "SSH-2.0-OpenSSH\r\n", {}, Cause::malformed},
      {"HTTP", "HTTP/1.1 400 Bad Request\r\n", {}, Cause::malformed},
      {"POP3", "+OK ready\r\n", {}, Cause::malformed},
      {"empty line", "\r\n", {}, Cause::malformed},
      {"two digits", "22 x\r\n", {}, Cause::malformed},
      {"four digits", "2200 x\r\n", {}, Cause::malformed},
      {"a code below 200", "150 x\r\n", {}, Cause::malformed},
      {"a code above 599", "600 x\r\n", {}, Cause::malformed},
      {"tab behind the code", "220\tx\r\n", {}, Cause::malformed},
      {"codes of one reply differ", "250-a\r\n220 b\r\n", {}, Cause::malformed},
      {"NUL for a code", std::string("\0\0\0 x\r\n", 7), {}, Cause::malformed},
  };
  for (const auto& row : rows) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{5}, std::size_t{1000}}) {
      CAPTURE(row.why);
      CAPTURE(step);
      const Heard heard = hear(row.input, step);
      std::vector<std::string> first_lines;
      for (const auto& reply : heard.replies)
        first_lines.push_back(reply.str());
      CHECK(first_lines == row.first_lines);
      REQUIRE(heard.failure.has_value() == row.cause.has_value());
      if (row.cause) CHECK(heard.failure->cause == *row.cause);
      if (row.cause) CHECK(heard.failure->stage == Stage::ehlo);
    }
  }
}

TEST_CASE("EHLO keywords") {
  const struct {
    std::string why;
    const char* input;
    bool offered;
  } rows[] = {
      {"among others", "250-mx\r\n250-SIZE 1\r\n250-STARTTLS\r\n250 HELP\r\n", true},
      {"last", "250-mx\r\n250 STARTTLS\r\n", true},
      {"in any case", "250-mx\r\n250 StartTLS\r\n", true},
      {"with a space behind", "250-mx\r\n250 STARTTLS \r\n", true},
      {"with a parameter", "250-mx\r\n250 STARTTLS REQUIRED\r\n", true},
      {"absent", "250-mx\r\n250 PIPELINING\r\n", false},
      {"only the greeting line", "250 STARTTLS\r\n", false},
      {"masked by an inspecting firewall", "250-mx\r\n250 XXXXXXXA\r\n", false},
      {"part of a word", "250-mx\r\n250 STARTTLSX\r\n", false},
      {"not first in its line", "250-mx\r\n250 X STARTTLS\r\n", false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    const Heard heard = hear(row.input, 1000);
    REQUIRE(heard.replies.size() == 1);
    CHECK(heard.replies[0].offers("STARTTLS") == row.offered);
  }
}

TEST_CASE("what a reply that ends the dialogue means") {
  CHECK(refusal(Stage::greeting, {421, {"busy"}}) == Failure{Stage::greeting, Cause::deferred, "421 busy"});
  CHECK(refusal(Stage::starttls, {454, {"4.7.0 TLS not available"}}).cause == Cause::deferred);
  CHECK(refusal(Stage::ehlo, {502, {}}) == Failure{Stage::ehlo, Cause::rejected, "502"});
  CHECK(refusal(Stage::ehlo, {354, {"go"}}).cause == Cause::malformed);
  CHECK(refusal(Stage::ehlo, {554, {std::string(3000, 'x')}}).detail.size() <= bounds::kDetail);
}

TEST_CASE("what never ends is stopped at its bound") {
  const struct {
    std::string why;
    std::string start, again;
    std::size_t bound;
  } rows[] = {
      {"endless line", "220 ", "x", bounds::kSmtpLine},
      {"endless line of no reply", "", "x", bounds::kSmtpLine},
      {"endless reply", "", "220-x\r\n", 7 * bounds::kSmtpReplyLines},
      {"endless reply of long lines", "", "220-" + std::string(3000, 'x') + "\r\n", bounds::kSmtpDialogue},
      {"endless replies", "", "250 " + std::string(500, 'x') + "\r\n", bounds::kSmtpDialogue},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    SmtpReplyReader reader;
    reader.feed(row.start);
    std::size_t fed = row.start.size();
    auto next = reader.next(Stage::greeting);
    while (next && fed < 10 * bounds::kSmtpDialogue) {
      reader.feed(row.again);
      fed += row.again.size();
      next = reader.next(Stage::greeting);
    }
    CHECK(fed <= row.bound + row.again.size());
    REQUIRE_FALSE(next.has_value());
    CHECK(next.error().cause == Cause::over_budget);
  }
}

TEST_CASE("what came before the handshake is forgotten (RFC 3207 4.2)") {
  SmtpReplyReader reader;
  reader.feed("220 go\r\n250-injected\r\n250 STAR");
  REQUIRE(reader.next(Stage::starttls).value()->code == 220);
  reader.discard();
  CHECK_FALSE(reader.next(Stage::ehlo).value().has_value());
  reader.feed("250 ours\r\n");
  CHECK(reader.next(Stage::ehlo).value()->str() == "250 ours");
}

TEST_CASE("the name in EHLO") {
  const auto v4 = Address::v4({192, 0, 2, 1});
  const auto v6 = *Address::parse("2001:db8::1");
  const struct {
    std::string why;
    std::string configured, machine;
    std::optional<Address> ours;
    const char* name;
  } rows[] = {
      {"what is configured wins", "monitor.example.net", "host.example.com", v4, "monitor.example.net"},
      {"a configured text that would end the line does not", "a\r\nMAIL FROM:<>", "host.example.com", v4,
       "host.example.com"},
      {"nor one with a space", "a b", "", v4, "[192.0.2.1]"},
      {"a full machine name", "", "host.example.com", v4, "host.example.com"},
      {"a short machine name is no name", "", "host", v4, "[192.0.2.1]"},
      {"localhost is what filters look for", "", "localhost.localdomain", v4, "[192.0.2.1]"},
      {"a name that only the house knows", "", "nas.local", v4, "[192.0.2.1]"},
      {"an underscore is no host name", "", "my_host.example.com", v4, "[192.0.2.1]"},
      {"an address for a name", "", "192.0.2.7", v4, "[192.0.2.1]"},
      {"an empty label", "", "host..example.com", v4, "[192.0.2.1]"},
      {"IPv6 literal (RFC 5321 4.1.3)", "", "", v6, "[IPv6:2001:db8::1]"},
      {"no route", "", "", {}, "[127.0.0.1]"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    CHECK(ehlo_name(row.configured, row.machine, row.ours) == row.name);
  }
}

TEST_CASE("mutated dialogues never crash, and the split of the octets changes nothing") {
  const std::string seed =
      "220-mx.example.com\r\n220 ready\r\n250-mx\r\n250-SIZE 1000\r\n250 STARTTLS\r\n454 4.7.0 no\r\n";
  std::mt19937 random(3207);
  const std::string_view spice("\r\n\0 -0259x\xff", 11);
  for (int round = 0; round < 5000; ++round) {
    std::string text = seed;
    for (std::size_t edits = 1 + random() % 3; edits > 0; --edits) {
      const std::size_t at = random() % text.size();
      if (random() % 2 == 0)
        text[at] = spice[random() % spice.size()];
      else
        text.erase(at, 1 + random() % 3);
    }
    CAPTURE(text);
    const Heard whole = hear(text, text.size());
    const Heard split = hear(text, 1 + random() % 7);
    CHECK(whole.failure == split.failure);
    CHECK(whole.replies.size() == split.replies.size());
  }
}
