#include "checks/observe/smtp.h"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

#include "checks/observe/observer.h"
#include "tests/observe/observer_peer.h"
#include "tests/observe/observer_pki.h"

using namespace stswatch;
using dialogue::kLoopback;
using dialogue::kMailHost;
using dialogue::kNow;
using dialogue::Peer;
using dialogue::Pki;
using dialogue::ScriptedServer;

namespace {

const std::string kEhlo = "EHLO monitor.example.net";
const std::string kOffer = "250-mx.example.com\r\n250-SIZE 1000\r\n250 StartTLS\r\n";

using Lines = std::vector<std::string>;

SmtpProbe probe(const ScriptedServer& server, Millis span = Millis{5000}) {
  return probe_smtp(kMailHost, kLoopback, Pki::get().trust(), {server.port(), "monitor.example.net"}, kNow,
                    Deadline::in(span));
}

/// Says each reply in turn, then answers QUIT. "<close>", "<hang>" and "<reset>" instead of a reply do that.
ScriptedServer::Script replies(Lines texts) {
  return [texts](Peer& peer) {
    for (const std::string& text : texts) {
      if (text == "<close>") return;
      if (text == "<hang>") return peer.hang();
      if (text == "<reset>") return peer.reset_on_close();
      if (peer.ask(text) == "QUIT") {
        peer.ask("221 bye\r\n");
        return;
      }
    }
  };
}

/// Greets, offers STARTTLS and does the handshake; then answers EHLO and QUIT.
void serve_tls(Peer& peer, SSL_CTX* context, std::string_view behind_220 = "") {
  peer.ask("220 mx ESMTP\r\n");
  peer.ask(kOffer);
  peer.say("220 go\r\n" + std::string(behind_220));
  if (!peer.start_tls(context)) return;
  if (peer.hear() == kEhlo) peer.ask("250 mx\r\n");
  peer.say("221 bye\r\n");
  peer.close_notify();
}

}  // namespace

TEST_CASE("dialogues that end in plain text") {
  const struct {
    std::string why;
    Lines script;
    Stage stage;
    Cause cause;
    std::string detail;
    int code;
    Lines heard;
  } rows[] = {
      {"no STARTTLS",
       {"220 hi\r\n", "250-mx\r\n250 SIZE\r\n"},
       Stage::starttls,
       Cause::not_offered,
       "STARTTLS is not among the EHLO keywords (SIZE)",
       250,
       {kEhlo, "QUIT"}},
      {"STARTTLS written over",
       {"220 hi\r\n", "250-mx\r\n250-SIZE 100\r\n250 XXXXXXXA\r\n"},
       Stage::starttls,
       Cause::not_offered,
       "the EHLO reply has XXXXXXXA and no STARTTLS: something on the way masks it",
       250,
       {kEhlo, "QUIT"}},
      {"greylisted greeting",
       {"450 4.7.1 later\r\n"},
       Stage::greeting,
       Cause::deferred,
       "450 4.7.1 later",
       450,
       {"QUIT"}},
      {"421 greeting", {"421 busy\r\n"}, Stage::greeting, Cause::deferred, "421 busy", 421, {"QUIT"}},
      {"421 and gone",
       {"421 busy\r\n", "<close>"},
       Stage::greeting,
       Cause::deferred,
       "421 busy",
       421,
       {"QUIT"}},
      {"554 greeting",
       {"554-no\r\n554 you are on a list\r\n"},
       Stage::greeting,
       Cause::rejected,
       "554 no",
       554,
       {"QUIT"}},
      {"greeting that is none", {"250 hi\r\n"}, Stage::greeting, Cause::malformed, "250 hi", 250, {}},
      {"another protocol",
       {"SSH-2.0-OpenSSH_9\r\n"},
       Stage::greeting,
       Cause::malformed,
       "not an SMTP reply: \"SSH-2.0-OpenSSH_9\"",
       0,
       {}},
      {"closed at once", {"<close>"}, Stage::greeting, Cause::closed, "closed without a reply", 0, {}},
      {"EHLO deferred",
       {"220 hi\r\n", "451 later\r\n"},
       Stage::ehlo,
       Cause::deferred,
       "451 later",
       451,
       {kEhlo, "QUIT"}},
      {"421 to EHLO",
       {"220 hi\r\n", "421 too many\r\n"},
       Stage::ehlo,
       Cause::deferred,
       "421 too many",
       421,
       {kEhlo, "QUIT"}},
      {"closed after EHLO",
       {"220 hi\r\n", "<close>"},
       Stage::ehlo,
       Cause::closed,
       "closed without a reply",
       220,
       {kEhlo}},
      {"EHLO refused twice",
       {"220 hi\r\n", "550 no\r\n", "550 still no\r\n"},
       Stage::ehlo,
       Cause::rejected,
       "550 still no",
       550,
       {kEhlo, "HELO monitor.example.net", "QUIT"}},
      {"EHLO refused and closed",
       {"220 hi\r\n", "550 no\r\n", "<close>"},
       Stage::ehlo,
       Cause::rejected,
       "550 no",
       550,
       {kEhlo, "HELO monitor.example.net"}},
      {"HELO deferred",
       {"220 hi\r\n", "502 what\r\n", "450 later\r\n"},
       Stage::ehlo,
       Cause::deferred,
       "450 later",
       450,
       {kEhlo, "HELO monitor.example.net", "QUIT"}},
      {"an EHLO reply of another kind",
       {"220 hi\r\n", "354 go\r\n"},
       Stage::ehlo,
       Cause::malformed,
       "354 go",
       354,
       {kEhlo}},
      {"454 to STARTTLS",
       {"220 hi\r\n", kOffer, "454 4.7.0 TLS not available\r\n"},
       Stage::starttls,
       Cause::deferred,
       "454 4.7.0 TLS not available",
       454,
       {kEhlo, "STARTTLS", "QUIT"}},
      {"5xx to STARTTLS",
       {"220 hi\r\n", kOffer, "554 5.7.3 no key\r\n"},
       Stage::starttls,
       Cause::rejected,
       "554 5.7.3 no key",
       554,
       {kEhlo, "STARTTLS", "QUIT"}},
      {"closed after STARTTLS",
       {"220 hi\r\n", kOffer, "<close>"},
       Stage::starttls,
       Cause::closed,
       "closed without a reply",
       250,
       {kEhlo, "STARTTLS"}},
      {"250 to STARTTLS",
       {"220 hi\r\n", kOffer, "250 ok\r\n"},
       Stage::starttls,
       Cause::malformed,
       "250 ok",
       250,
       {kEhlo, "STARTTLS"}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    ScriptedServer server(replies(row.script));
    const SmtpProbe seen = probe(server);
    REQUIRE(seen.failure);
    CHECK(to_string(seen.failure->stage) == to_string(row.stage));
    CHECK(to_string(seen.failure->cause) == to_string(row.cause));
    CHECK(seen.failure->detail == row.detail);
    CHECK(seen.reply_code == row.code);
    CHECK(seen.address == kLoopback);
    CHECK_FALSE(seen.helo_only);
    CHECK(seen.tls == TlsFacts{});
    CHECK(seen.starttls_offered == (row.stage == Stage::starttls && row.cause != Cause::not_offered));
    auto heard = server.stop().at(0);
    std::erase(heard, "");  // the close
    CHECK(heard == row.heard);
  }
}

TEST_CASE("a server that speaks HELO only") {
  ScriptedServer server(replies({"220 old\r\n", "500 what?\r\n", "250 hello\r\n"}));
  const SmtpProbe seen = probe(server);
  CHECK(seen.failure == Failure{Stage::starttls, Cause::not_offered, "500 what?"});
  CHECK(seen.helo_only);
  CHECK(seen.banner == "220 old");
  CHECK(server.stop().at(0).at(1) == "HELO monitor.example.net");
}

TEST_CASE("silence at each stage ends with the deadline and names the stage") {
  const struct {
    std::string why;
    Lines script;
    Stage stage;
  } rows[] = {
      {"before the greeting", {"<hang>"}, Stage::greeting},
      {"after EHLO", {"220 hi\r\n", "<hang>"}, Stage::ehlo},
      {"after STARTTLS", {"220 hi\r\n", kOffer, "<hang>"}, Stage::starttls},
      {"in the handshake", {"220 hi\r\n", kOffer, "220 go\r\n", "<hang>"}, Stage::handshake},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    ScriptedServer server([&row](Peer& peer) {
      for (const std::string& text : row.script) {
        if (text == "<hang>") return peer.hang();
        if (text == "220 go\r\n")
          peer.say(text);
        else
          peer.ask(text);
      }
    });
    const SmtpProbe seen = probe(server, Millis{2000});
    REQUIRE(seen.failure);
    CHECK(to_string(seen.failure->stage) == to_string(row.stage));
    CHECK(seen.failure->cause == Cause::timeout);
    CHECK(seen.tls.legacy_version.empty());
    CHECK(server.stop().size() == 1);  // no second dial after a time-out
  }
}

TEST_CASE("endless talk is stopped at its bound") {
  const struct {
    std::string why;
    std::string piece;
  } rows[] = {{"one line", std::string(1000, 'x')},
              {"many lines", "220-x\r\n"},
              {"long lines", "220-" + std::string(2000, 'x') + "\r\n"}};
  for (const auto& row : rows) {
    CAPTURE(row.why);
    ScriptedServer server([&row](Peer& peer) {
      peer.say("220-");
      while (peer.say(row.piece)) {
      }
    });
    const SmtpProbe seen = probe(server);
    REQUIRE(seen.failure);
    CHECK(seen.failure->stage == Stage::greeting);
    CHECK(seen.failure->cause == Cause::over_budget);
  }
}

TEST_CASE("a handshake with the right certificate, and a polite leave") {
  const auto context = Pki::get().server(kMailHost);
  ScriptedServer server([&](Peer& peer) { serve_tls(peer, context.get()); });
  const SmtpProbe seen = probe(server);
  CHECK_FALSE(seen.failure);
  CHECK(seen.reply_code == 220);
  CHECK(seen.starttls_offered);
  CHECK(seen.tls.version == "TLSv1.3");
  REQUIRE(seen.tls.peer);
  CHECK(seen.tls.peer->good());
  CHECK(server.stop().at(0) == Lines{kEhlo, "STARTTLS", kEhlo, "QUIT"});
}

TEST_CASE("a bad certificate is described, and nothing more is said") {
  const struct {
    std::string why;
    Pki::Context context;
    bool trusted, named;
  } rows[] = {{"another name", Pki::get().server("mx.example.org"), true, false},
              {"expired", Pki::get().server(kMailHost, -1), false, true}};
  for (const auto& row : rows) {
    CAPTURE(row.why);
    ScriptedServer server([&](Peer& peer) { serve_tls(peer, row.context.get()); });
    const SmtpProbe seen = probe(server);
    CHECK_FALSE(seen.failure);
    REQUIRE(seen.tls.peer);
    CHECK(seen.tls.peer->trusted() == row.trusted);
    CHECK(seen.tls.peer->name_matches == row.named);
    CHECK(server.stop().at(0) == Lines{kEhlo, "STARTTLS", ""});
  }
}

TEST_CASE("plain text injected behind the 220 is not heard (RFC 3207 4.2)") {
  const auto context = Pki::get().server(kMailHost);
  ScriptedServer server([&](Peer& peer) { serve_tls(peer, context.get(), "250 injected\r\n"); });
  const SmtpProbe seen = probe(server);
  CHECK_FALSE(seen.failure);
  CHECK(seen.injected == 14);
  CHECK(server.stop().at(0) == Lines{kEhlo, "STARTTLS", kEhlo, "QUIT"});
}

TEST_CASE("a server that stops listening after the handshake changes nothing") {
  const auto context = Pki::get().server(kMailHost);
  ScriptedServer server([&](Peer& peer) {
    peer.ask("220 hi\r\n");
    peer.ask(kOffer);
    peer.say("220 go\r\n");
    peer.start_tls(context.get());
  });
  const SmtpProbe seen = probe(server);
  CHECK_FALSE(seen.failure);
  CHECK(seen.tls.peer->good());
}

TEST_CASE("a server that stalls after the last fact costs the farewell, not the look") {
  const auto context = Pki::get().server(kMailHost);
  const struct {
    std::string why;
    ScriptedServer::Script script;
  } rows[] = {
      {"after QUIT in plain text",
       [](Peer& peer) {
         peer.ask("220 hi\r\n");
         peer.ask("250 mx\r\n");
         peer.hang();
       }},
      {"after QUIT over TLS",
       [&](Peer& peer) {
         peer.ask("220 hi\r\n");
         peer.ask(kOffer);
         peer.say("220 go\r\n");
         if (!peer.start_tls(context.get())) return;
         peer.hear();
         peer.ask("250 mx\r\n");
         peer.hang();
       }},
      {"after the second EHLO",
       [&](Peer& peer) {
         peer.ask("220 hi\r\n");
         peer.ask(kOffer);
         peer.say("220 go\r\n");
         if (peer.start_tls(context.get())) peer.hang();
       }},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    ScriptedServer server(row.script);
    const auto began = std::chrono::steady_clock::now();
    const auto seen =
        probe_smtp(kMailHost, kLoopback, Pki::get().trust(),
                   {server.port(), "monitor.example.net", Millis{100}}, kNow, Deadline::in(Millis{9000}));
    CHECK(std::chrono::steady_clock::now() - began < Millis{7000});
    CHECK((!seen.failure || seen.failure->cause == Cause::not_offered));
  }
}

TEST_CASE("only versions below TLS 1.2: named by a second dial") {
  const auto context = Pki::get().old_server(kMailHost);
  ScriptedServer server([&](Peer& peer) { serve_tls(peer, context.get()); });
  const SmtpProbe seen = probe(server);
  REQUIRE(seen.failure);
  CHECK(seen.failure->stage == Stage::handshake);
  CHECK(seen.tls.version.empty());
  CHECK(seen.tls.legacy_version == "TLSv1.1");
  CHECK(seen.tls.peer);  // the second dial's: nothing vanishes
  const auto heard = server.stop();
  REQUIRE(heard.size() == 2);
  CHECK(heard[1] == Lines{kEhlo, "STARTTLS", ""});  // nothing is said over the old version
}

TEST_CASE("no TLS behind the 220: two dials, one failure") {
  for (const std::string way : {"close", "reset", "garbage"}) {
    CAPTURE(way);
    ScriptedServer server([way](Peer& peer) {
      peer.ask("220 hi\r\n");
      peer.ask(kOffer);
      peer.ask("220 go\r\n");
      if (way == "garbage") peer.say("500 what is this?\r\n");
      if (way == "reset") peer.reset_on_close();
    });
    const SmtpProbe seen = probe(server);
    REQUIRE(seen.failure);
    CHECK(seen.failure->stage == Stage::handshake);
    CHECK(seen.tls.legacy_version.empty());
    CHECK(server.stop().size() == 2);
  }
}

TEST_CASE("nobody listens") {
  std::uint16_t port = 0;
  {
    ScriptedServer server([](Peer&) {});
    port = server.port();
  }
  const auto seen =
      probe_smtp(kMailHost, kLoopback, Pki::get().trust(), {port, ""}, kNow, Deadline::in(Millis{2000}));
  REQUIRE(seen.failure);
  CHECK(seen.failure->stage == Stage::connect);
  CHECK(seen.failure->cause == Cause::refused);
}

TEST_CASE("without a configured name EHLO says a full name or our address") {
  ScriptedServer server(replies({"220 hi\r\n", "421 no\r\n"}));
  (void)probe_smtp(kMailHost, kLoopback, Pki::get().trust(), {server.port(), ""}, kNow,
                   Deadline::in(Millis{5000}));
  const std::string said = server.stop().at(0).at(0);
  CHECK((said == "EHLO [127.0.0.1]" || said.find('.') != std::string::npos));
}
