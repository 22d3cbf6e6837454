#include "checks/observe/http_response.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "checks/facts/bounds.h"
#include "checks/observe/observer.h"
#include "tests/observe/observer_peer.h"
#include "tests/observe/observer_pki.h"

using namespace stswatch;
using dialogue::kDomain;
using dialogue::kLoopback;
using dialogue::kNow;
using dialogue::Peer;
using dialogue::Pki;
using dialogue::ScriptedServer;

namespace {

const std::string kPolicyHost = "mta-sts.example.com";
const std::string kPolicy = "version: STSv1\r\nmode: none\r\nmax_age: 86400\r\n";

using Lines = std::vector<std::string>;

PolicyFetch fetch(const ScriptedServer& server, Millis span = Millis{5000}) {
  return fetch_policy(kDomain, kLoopback, Pki::get().trust(), {server.port()}, kNow, Deadline::in(span));
}

Lines hear_request(Peer& peer) {
  while (!peer.hear().empty()) {
  }
  return peer.heard();
}

/// Handshake, request, then `answer`; with or without TLS's own goodbye.
ScriptedServer::Script answers(SSL_CTX* context, std::string answer, bool close_notify = true) {
  return [=](Peer& peer) {
    if (!peer.start_tls(context)) return;
    hear_request(peer);
    peer.say(answer);
    if (close_notify) peer.close_notify();
  };
}

std::string ok(const std::string& body, const std::string& fields = "Content-Type: text/plain\r\n") {
  return "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

}  // namespace

TEST_CASE("a policy is fetched with a plain, uncached GET") {
  const auto context = Pki::get().server(kPolicyHost);
  ScriptedServer server(answers(context.get(), ok(kPolicy)));
  const PolicyFetch seen = fetch(server);
  CHECK_FALSE(seen.failure);
  CHECK(seen.address == kLoopback);
  CHECK(seen.status == 200);
  CHECK(seen.content_type == "text/plain");
  CHECK(seen.body == kPolicy);
  CHECK(seen.sha256.size() == 64);
  CHECK(seen.tls.version == "TLSv1.3");
  CHECK(seen.tls.peer->good());
  CHECK(seen.waited.count() == 0);
  CHECK(server.stop().at(0) == Lines{"GET /.well-known/mta-sts.txt HTTP/1.1", "Host: mta-sts.example.com",
                                     "User-Agent: stswatch", "Accept: */*", "Accept-Encoding: identity",
                                     "Cache-Control: no-cache", "Connection: close", ""});
}

TEST_CASE("answers over TLS and how they end") {
  const auto context = Pki::get().server(kPolicyHost);
  const struct {
    std::string why, answer;
    bool close_notify;
    std::optional<Failure> failure;
    int status;
    std::string body;
    bool truncated;
    std::string sha256;
    bool end_unproven = false;
  } rows[] = {
      {"an empty body has a digest",
       ok(""),
       true,
       {},
       200,
       "",
       false,
       "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"complete by its length: no close_notify needed",
       ok("abc"),
       false,
       {},
       200,
       "abc",
       false,
       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"up to the end",
       "HTTP/1.0 200 OK\r\n\r\nabc",
       true,
       {},
       200,
       "abc",
       false,
       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"up to an end that nothing vouches for: all three senders that were tried read it",
       "HTTP/1.0 200 OK\r\n\r\nabc",
       false,
       {},
       200,
       "abc",
       false,
       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
       true},
      {"shorter than announced",
       "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
       true,
       {},
       200,
       "abc",
       true,
       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"no body, no digest", "HTTP/1.1 204 No Content\r\n\r\n", true, {}, 204, "", false, ""},
      {"a redirect is not followed",
       "HTTP/1.1 301 Moved\r\nLocation: https://www.example.com/\r\nContent-Length: 0\r\n\r\n",
       true,
       {},
       301,
       "",
       false,
       "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"no answer", "", true, Failure{Stage::headers, Cause::closed, "closed without an answer"}, 0, "",
       false, ""},
      {"no HTTP", "220 smtp.example.com\r\n", true,
       Failure{Stage::headers, Cause::malformed, "not HTTP: \"220 smtp.example.com\\x0D\\x0A\""}, 0, "",
       false, ""},
      {"50 KB of status line", "HTTP/1.1 200 " + std::string(50000, 'x') + "\r\n\r\n", true,
       Failure{Stage::headers, Cause::over_budget, "the header is longer than 16384 octets"}, 0, "", false,
       ""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    ScriptedServer server(answers(context.get(), row.answer, row.close_notify));
    const PolicyFetch seen = fetch(server);
    CHECK(seen.failure == row.failure);
    CHECK(seen.status == row.status);
    CHECK(seen.body == row.body);
    CHECK(seen.truncated == row.truncated);
    CHECK(seen.end_unproven == row.end_unproven);
    CHECK(seen.sha256 == row.sha256);
    CHECK(server.stop().size() == 1);
  }
}

TEST_CASE("an endless body, chunk stream or header is cut at its bound") {
  const auto context = Pki::get().server(kPolicyHost);
  const struct {
    std::string why, start, piece;
    bool too_large, truncated, failed;
  } rows[] = {
      {"body", "HTTP/1.1 200 OK\r\n\r\n", std::string(1000, 'x'), true, false, false},
      {"large chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
       "400\r\n" + std::string(1024, 'x') + "\r\n", true, false, false},
      {"tiny chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
       "1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n", false, true, false},
      {"fields", "HTTP/1.1 200 OK\r\n", "X-Field: abcdefghijklmnopqrstuvwxyz\r\n", false, false, true},
      {"interim responses", "", "HTTP/1.1 100 Continue\r\n\r\n", false, false, true},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    ScriptedServer server([&](Peer& peer) {
      if (!peer.start_tls(context.get())) return;
      hear_request(peer);
      peer.say(row.start);
      while (peer.say(row.piece)) {
      }
    });
    const PolicyFetch seen = fetch(server, Millis{20000});
    CHECK(seen.too_large == row.too_large);
    CHECK(seen.truncated == row.truncated);
    CHECK(seen.body.size() <= bounds::kPolicyBody);
    CHECK(seen.failure.has_value() == row.failed);
    if (row.failed) CHECK(seen.failure->cause == Cause::over_budget);
  }
}

TEST_CASE("of who is bad by dates alone nothing is read but what time it is there") {
  const auto context = Pki::get().server(kPolicyHost, -1);
  ScriptedServer server(
      answers(context.get(),
              "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 3\r\n\r\nabc"));
  const PolicyFetch seen = fetch(server);
  CHECK(seen.failure == Failure{Stage::certificate, Cause::certificate, "certificate has expired"});
  CHECK(seen.date == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(seen.status == 0);
  CHECK(seen.body.empty());
  CHECK(seen.sha256.empty());
}

TEST_CASE("nothing is requested over a connection that does not verify") {
  const struct {
    std::string why;
    Pki::Context context;
    std::string detail;
  } rows[] = {
      {"another name", Pki::get().server("www.example.com"),
       "the certificate does not name mta-sts.example.com"},
      {"another name, and expired", Pki::get().server("www.example.com", -1), "certificate has expired"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    ScriptedServer server(answers(row.context.get(), ok(kPolicy)));
    const PolicyFetch seen = fetch(server);
    CHECK(seen.failure == Failure{Stage::certificate, Cause::certificate, row.detail});
    CHECK(seen.status == 0);
    CHECK(seen.sha256.empty());
    REQUIRE(seen.tls.peer);  // described all the same
    CHECK(seen.tls.version == "TLSv1.3");
    CHECK(server.stop().at(0) == Lines{""});
  }
}

TEST_CASE("silence at each stage ends with the deadline and names the stage") {
  const auto context = Pki::get().server(kPolicyHost);
  const struct {
    std::string why, said;
    bool tls;
    Stage stage;
  } rows[] = {
      {"in the handshake", "", false, Stage::handshake},
      {"before the answer", "", true, Stage::headers},
      {"in the header", "HTTP/1.1 200 OK\r\nX: ", true, Stage::headers},
      {"in the body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", true, Stage::body},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    ScriptedServer server([&](Peer& peer) {
      if (row.tls && !peer.start_tls(context.get())) return;
      if (row.tls) hear_request(peer);
      peer.say(row.said);
      peer.hang();
    });
    const PolicyFetch seen = fetch(server, Millis{2500});
    REQUIRE(seen.failure);
    CHECK(to_string(seen.failure->stage) == to_string(row.stage));
    CHECK(seen.failure->cause == Cause::timeout);
    CHECK(seen.waited >= Millis{2490});
    CHECK(seen.sha256.empty());
    CHECK_FALSE(seen.truncated);
    CHECK(server.stop().size() == 1);
  }
}

TEST_CASE("only versions below TLS 1.2: named by a second dial, and nothing requested") {
  const auto context = Pki::get().old_server(kPolicyHost);
  ScriptedServer server(answers(context.get(), ok(kPolicy)));
  const PolicyFetch seen = fetch(server);
  REQUIRE(seen.failure);
  CHECK(seen.failure->stage == Stage::handshake);
  CHECK(seen.tls.legacy_version == "TLSv1.1");
  CHECK(seen.status == 0);
  const auto heard = server.stop();
  REQUIRE(heard.size() == 2);
  CHECK(heard[1] == Lines{""});
}

TEST_CASE("plain HTTP on the HTTPS port") {
  ScriptedServer server([](Peer& peer) { peer.ask("HTTP/1.1 400 Bad Request\r\n\r\n"); });
  const PolicyFetch seen = fetch(server);
  REQUIRE(seen.failure);
  CHECK(seen.failure->stage == Stage::handshake);
  CHECK(seen.failure->cause == Cause::tls_protocol);
  CHECK(server.stop().size() == 2);
}

TEST_CASE("the observer fetches from each address, and one that stalls costs only its share") {
  const auto context = Pki::get().server(kPolicyHost);
  int connections = 0;
  ScriptedServer server([&](Peer& peer) {
    if (++connections == 1) return peer.hang();
    answers(context.get(), ok(kPolicy))(peer);
  });
  struct NoResolver final : Resolver {
    std::vector<DnsAnswer> ask(const std::vector<DnsQuestion>&, const Deadline&) override { return {}; }
  } resolver;
  ObserveOptions options;
  options.allow_private = true;
  options.https.port = server.port();
  HostAddresses addresses;
  addresses.a.records = {kLoopback, Address::v4({127, 0, 0, 1})};
  Observer observer(resolver, Pki::get().shared_trust(), options);
  const auto seen = observer.fetch_policies(kDomain, addresses, kNow, Deadline::in(Millis{6000}));
  REQUIRE(seen.size() == 2);
  REQUIRE(seen[0].failure);
  CHECK(seen[0].failure->cause == Cause::timeout);
  CHECK(seen[0].waited < Millis{5000});
  CHECK_FALSE(seen[1].failure);
  CHECK(seen[1].body == kPolicy);
}
